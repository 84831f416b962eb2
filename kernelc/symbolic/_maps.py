"""Named local maps: SymPy functions of one activation that evaluate to any precision."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import ClassVar

import mpmath
import numpy as np
import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from .. import gaussian
from ..activations import ScalarFunction, X
from ..algebra import same_input
from ._maps_of_arrays import at_distinct, of_pairs
from ._operations import Formula, unique_name
from ._program import Number, Step, Writer


_ALPHA = sympy.Symbol("alpha", positive=True)
_BETA = sympy.Symbol("beta", real=True)
_Q = sympy.Symbol("q", positive=True)


class LocalMap(Formula):
    """A Gaussian mean of one activation, or two, with a name and no closed form in print.

    Evaluates on floats (float64 quadrature up to 15 digits, mpmath beyond), differentiates in
    the covariance by Price's theorem, and `doit()` gives the closed form where one is known.
    """

    phi: ClassVar[ScalarFunction]
    psi: ClassVar[ScalarFunction | None] = None
    order: ClassVar[int] = 0
    label: ClassVar[str] = ""
    letter: ClassVar[str] = "K"

    def __reduce__(self) -> tuple[Callable[..., sympy.Expr], tuple[object, ...]]:
        # Its class is made for one activation, and no module holds it under its name.
        cls = type(self)
        return _applied, (cls.__base__, cls.phi, cls.label, cls.order, cls.psi, self.args)

    def step(self, writer: Writer) -> Step:
        slots = [writer.visit(arg) for arg in self.args]
        double, precise, many, dps = self.double, self.precise, self.many, writer.dps
        if writer.arrays:
            return lambda values: many(*[np.asarray(values[slot]) for slot in slots])
        if writer.double:
            return lambda values: _kept(double, *[values[slot] for slot in slots])
        return lambda values: precise(dps, *[values[slot] for slot in slots])

    # Abstract in all but name: SymPy's metaclass leaves no place for ABCMeta.
    @classmethod
    def double(cls, *args: float) -> float:
        """The value in float64."""
        raise NotImplementedError

    @classmethod
    def many(cls, *args: np.ndarray) -> np.ndarray:
        """The values at arrays, which broadcast: each different one once."""
        return at_distinct(lambda *numbers: _kept(cls.double, *numbers), *args)

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        """The value by mpmath."""
        raise NotImplementedError

    def closed(self) -> sympy.Expr | None:
        """The closed form, None when none is known."""
        return None

    def doit(self, **hints: object) -> sympy.Expr:
        args = [a.doit(**hints) for a in self.args]
        again = self.func(*args)
        closed = again.closed() if isinstance(again, LocalMap) else again
        return again if closed is None else closed

    def _sympystr(self, printer: StrPrinter) -> str:
        return f"{self.title()}({', '.join(printer.doprint(arg) for arg in self.args)})"

    @classmethod
    def title(cls) -> str:
        """The name in plain text, without arguments."""
        return f"{cls.letter}{'p' * cls.order}_{cls.label}"

    @classmethod
    def head(cls) -> str:
        """The name in LaTeX, without arguments."""
        return f"{cls.letter}{chr(39) * cls.order}_{{{label_latex(cls.label)}}}"

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        body = self.head()
        inside = ", ".join(printer.doprint(a) for a in self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{body}{power}\left({inside}\right)"


class Dual(LocalMap):
    """K(q, k) = E phi^(order)(u) phi^(order)(v), variances q, covariance k."""

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        if argindex == 2:
            return local_map(Dual, self.phi, self.label, self.order + 1)(*self.args)
        raise sympy.core.function.ArgumentIndexError(self, argindex)

    def closed(self) -> sympy.Expr | None:
        return closed_dual(self.phi, *self.args, order=self.order)

    @classmethod
    def double(cls, *args: float) -> float:
        q, k = args
        return gaussian.dual(cls.phi, q, q, same_input(q, q, k), cls.order)

    @classmethod
    def many(cls, *args: np.ndarray) -> np.ndarray:
        q, k = args
        return of_pairs(cls.phi, cls.phi, (q, q), k, cls.order)

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        q, k = args
        return gaussian.dual_mp(cls.phi, q, q, same_input_mp(dps, q, q, k), dps, cls.order)


class CMap(LocalMap):
    """C(c) of an activation with Q(1) = 1, and its derivatives."""

    letter = "C"

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        return local_map(CMap, self.phi, self.label, self.order + 1)(*self.args)

    def closed(self) -> sympy.Expr | None:
        return closed_dual(self.phi, sympy.Integer(1), self.args[0], order=self.order)

    @classmethod
    def double(cls, *args: float) -> float:
        return gaussian.dual(cls.phi, 1.0, 1.0, same_input(1.0, 1.0, args[0]), cls.order)

    @classmethod
    def many(cls, *args: np.ndarray) -> np.ndarray:
        one = np.ones(())
        return of_pairs(cls.phi, cls.phi, (one, one), args[0], cls.order)

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        k = same_input_mp(dps, mpmath.mpf(1), mpmath.mpf(1), args[0])
        return gaussian.dual_mp(cls.phi, 1, 1, k, dps, cls.order)


class QMap(LocalMap):
    """Q(q) = E phi(u)^2."""

    letter = "Q"

    def closed(self) -> sympy.Expr | None:
        return closed_q_map(self.phi, self.args[0])

    @classmethod
    def double(cls, *args: float) -> float:
        q = args[0]
        return gaussian.moments(cls.phi, q**0.5).second if q else gaussian.at_zero(cls.phi) ** 2

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        return gaussian.dual_mp(cls.phi, args[0], args[0], args[0], dps)


class Mean(LocalMap):
    """M(q) = E phi^(order)(u)."""

    letter = "M"

    def closed(self) -> sympy.Expr | None:
        return _at_q(_closed_mean(self.phi, self.order), self.args[0])

    @classmethod
    def double(cls, *args: float) -> float:
        if args[0] == 0:
            return gaussian.at_zero(cls.phi, cls.order)
        moments = gaussian.moments(cls.phi, args[0] ** 0.5)
        return moments.slope if cls.order else moments.mean

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        if args[0] == 0:
            return gaussian.line_mean_mp(cls.phi, cls.order, args[0])
        moments = gaussian.moments_mp(cls.phi, mpmath.sqrt(args[0]), 0, dps)
        return moments.slope if cls.order else moments.mean


class Cross(LocalMap):
    """K(q1, q2, k) = E phi^(order)(u) psi^(order)(v) for two activations."""

    @classmethod
    def double(cls, *args: float) -> float:
        q1, q2, k = args
        k, orders = same_input(q1, q2, k), (cls.order, cls.order)
        return gaussian.cross_dual(cls.phi, _second(cls), q1, q2, k, orders)

    @classmethod
    def many(cls, *args: np.ndarray) -> np.ndarray:
        q1, q2, k = args
        return of_pairs(cls.phi, _second(cls), (q1, q2), k, cls.order)

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        q1, q2, k = args
        k, orders = same_input_mp(dps, q1, q2, k), (cls.order, cls.order)
        return gaussian.cross_dual_mp(cls.phi, _second(cls), q1, q2, k, dps, orders)


def same_input_mp(dps: int, q1: Number, q2: Number, k: Number) -> Number:
    """`same_input` in mpmath numbers, whose rounding is that of `dps` digits."""
    largest = q1 if q1 == q2 else mpmath.sqrt(q1 * q2)
    apart = abs(k) < largest * (1 - 4 * mpmath.mpf(10) ** -dps)
    return k if apart else mpmath.sign(k) * largest


@lru_cache(maxsize=1 << 14)
def _kept(double: Callable[..., float], *numbers: float) -> float:
    """The value in float64, kept: the NNGP and the NTK of a network read the same ones."""
    return float(double(*numbers))


def _second(cls: type[LocalMap]) -> ScalarFunction:
    assert cls.psi is not None
    return cls.psi


def label_latex(label: str) -> str:
    """The name of an activation."""
    if not label.startswith("phi"):
        return rf"\mathrm{{{label}}}".replace("_", r"\ ")
    rest = label.removeprefix("phi").lstrip("_").replace("_", r"\ ")
    below = rest if rest.isdigit() or not rest else rf"\mathrm{{{rest}}}"
    return r"\varphi" + (f"_{{{below}}}" if below else "")


def identifier(label: str) -> str:
    """The label as a part of a name in Python."""
    return re.sub(r"\W", "_", label)


_classes: dict[tuple[object, ...], type[LocalMap]] = {}


def local_map(
    kind: type[LocalMap],
    phi: ScalarFunction,
    label: str,
    order: int = 0,
    psi: ScalarFunction | None = None,
) -> type[LocalMap]:
    """The SymPy function of this kind for `phi`: one class for each activation."""
    key = (kind, phi, label, order, psi)
    if key not in _classes:
        name = unique_name(f"{kind.letter}{'p' * order}_{label}")
        members = {"phi": phi, "psi": psi, "order": order, "label": label}
        _classes[key] = type(name, (kind,), members)
    return _classes[key]


def _applied(
    kind: type[LocalMap],
    phi: ScalarFunction,
    label: str,
    order: int,
    psi: ScalarFunction | None,
    args: tuple[sympy.Expr, ...],
) -> sympy.Expr:
    """That function of these arguments, as it was: nothing is evaluated on the way."""
    return local_map(kind, phi, label, order, psi)(*args, evaluate=False)


def closed_dual(
    phi: ScalarFunction, q: sympy.Expr, k: sympy.Expr, order: int = 0
) -> sympy.Expr | None:
    """The closed dual at (q, q, k); homogeneity takes q out, so that c appears by itself."""
    if order > 1:
        return None
    find = phi.closed_dual_derivative if order else phi.closed_dual
    if phi.homogeneity is None:
        closed = find(q, q, k)
        return None if closed is None else tidy(closed)
    one = sympy.Integer(1)
    unit = find(one, one, k / q)
    return None if unit is None else q ** (phi.homogeneity - order) * tidy(unit)


def constant(phi: ScalarFunction) -> sympy.Expr:
    """phi(0), exactly where the formula has a value there."""
    exact = sympy.nan
    if phi.symbols or not gaussian.jumps_at_zero(phi):
        piece = next(piece for piece in phi.pieces if piece.upper >= 0)
        exact = piece.expr.xreplace({X: sympy.Integer(0)})
    if exact.is_number and exact.is_finite is not False and not exact.has(sympy.nan, sympy.zoo):
        return tidy(exact)
    return tidy(sympy.Float(gaussian.at_zero(phi)))


def tidy(expr: sympy.Expr) -> sympy.Expr:
    """Short binary fractions as rationals, and the angle of a cosine as acos."""
    floats = {f: r for f in expr.atoms(sympy.Float) if (r := _short_fraction(f)) is not None}
    expr = expr.xreplace(floats)
    angles = {}
    for angle in expr.atoms(sympy.atan2):
        height, base = angle.args
        if height == sympy.sqrt(1 - base**2):
            angles[angle] = sympy.acos(base)
    return expr.xreplace(angles)


def _short_fraction(value: sympy.Float) -> sympy.Rational | None:
    number = float(value)
    if not math.isfinite(number):  # larger than any float
        return None
    fraction = Fraction(number)
    if fraction.denominator > 1024:
        return None
    return sympy.Rational(fraction.numerator, fraction.denominator)


def closed_q_map(phi: ScalarFunction, q: sympy.Expr) -> sympy.Expr | None:
    """Q(q) in closed form."""
    return _at_q(_closed_square(phi), q)


def _at_q(formula: sympy.Expr | None, q: sympy.Expr) -> sympy.Expr | None:
    """A formula in _Q at another q value; simplified again only at a number or a symbol.

    Simplification takes seconds on the q value of a deep node, and finds nothing there.
    """
    if formula is None:
        return None
    found = formula.xreplace({_Q: q})
    return sympy.simplify(found) if q.is_Atom and not q.is_Symbol else found


@lru_cache(maxsize=1024)
def _closed_square(phi: ScalarFunction) -> sympy.Expr | None:
    """E phi(u)^2 as a formula in _Q, simplified once for each activation."""
    closed = closed_dual(phi, _Q, _Q)
    if closed is None:
        moments = gaussian.closed_moments(phi, _ALPHA, _BETA)
        closed = None if moments is None else _centered(moments.second)
    return None if closed is None else sympy.simplify(closed)


@lru_cache(maxsize=1024)
def _closed_mean(phi: ScalarFunction, order: int) -> sympy.Expr | None:
    """E phi^(order)(u) as a formula in _Q, simplified once for each activation."""
    moments = gaussian.closed_moments(phi, _ALPHA, _BETA)
    # E phi'(beta + alpha Z) is the derivative of E phi(beta + alpha Z) in beta.
    return None if moments is None else sympy.simplify(_centered(moments.mean.diff(_BETA, order)))


def _centered(expr: sympy.Expr) -> sympy.Expr:
    """A formula in scale and shift at u of mean zero and variance _Q."""
    return tidy(expr.subs({_ALPHA: sympy.sqrt(_Q), _BETA: 0}))
