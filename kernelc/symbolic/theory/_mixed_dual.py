"""E phi^(m)(u) psi^(n)(v) as a SymPy function of both variances and the covariance."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import sympy
from sympy.printing.latex import LatexPrinter

from ... import gaussian
from ...activations import ScalarFunction
from ...algebra import same_input
from .._maps import LocalMap, label_latex, same_input_mp
from .._operations import unique_name
from .._program import Number


class MixedDual(LocalMap):
    """K_mn(q1, q2, k) = E phi^(m)(u) psi^(n)(v), (m, n) = orders.

    Its derivative in k is K_(m+1)(n+1) (Price's theorem), and those in q1 and q2 are
    K_(m+2)n / 2 and K_m(n+2) / 2.
    """

    orders: ClassVar[tuple[int, int]]

    def __reduce__(self) -> tuple[Callable[..., sympy.Expr], tuple[object, ...]]:
        cls = type(self)
        return _applied, (cls.phi, cls.psi, cls.label, cls.orders, self.args)

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        m, n = self.orders
        raised, share = {
            1: ((m + 2, n), sympy.S.Half),
            2: ((m, n + 2), sympy.S.Half),
            3: ((m + 1, n + 1), sympy.S.One),
        }[argindex]
        return share * mixed_dual(self.phi, _second(self), self.label, raised)(*self.args)

    @classmethod
    def double(cls, *args: float) -> float:
        q1, q2, k = args
        k = same_input(q1, q2, k)
        return gaussian.cross_dual(cls.phi, _second(cls), q1, q2, k, cls.orders)

    @classmethod
    def precise(cls, dps: int, *args: Number) -> Number:
        q1, q2, k = args
        k = same_input_mp(dps, q1, q2, k)
        return gaussian.cross_dual_mp(cls.phi, _second(cls), q1, q2, k, dps, cls.orders)

    @classmethod
    def title(cls) -> str:
        """The name in plain text, without arguments."""
        return "K{}{}_{}".format(*cls.orders, cls.label)

    @classmethod
    def head(cls) -> str:
        """The name in LaTeX, without arguments."""
        return rf"K^{{({cls.orders[0]}, {cls.orders[1]})}}_{{{label_latex(cls.label)}}}"

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        inside = ", ".join(printer.doprint(a) for a in self.args)
        body = rf"{self.head()}\left({inside}\right)"
        return body if exp is None else rf"\left({body}\right)^{{{exp}}}"


_classes: dict[tuple[object, ...], type[MixedDual]] = {}


def mixed_dual(
    phi: ScalarFunction, psi: ScalarFunction, label: str, orders: tuple[int, int] = (0, 0)
) -> type[MixedDual]:
    """The SymPy function for these activations and orders: a class for each."""
    key = (phi, psi, label, orders)
    if key not in _classes:
        name = unique_name("K{}{}_{}".format(*orders, label))
        members = {"phi": phi, "psi": psi, "label": label, "orders": orders}
        _classes[key] = type(name, (MixedDual,), members)
    return _classes[key]


def _second(cls: MixedDual | type[MixedDual]) -> ScalarFunction:
    assert cls.psi is not None
    return cls.psi


def _applied(
    phi: ScalarFunction,
    psi: ScalarFunction,
    label: str,
    orders: tuple[int, int],
    args: tuple[sympy.Expr, ...],
) -> sympy.Expr:
    return mixed_dual(phi, psi, label, orders)(*args, evaluate=False)
