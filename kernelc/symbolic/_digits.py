"""Mpmath numbers of any precision as the numbers of the kernel rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

import mpmath
import sympy

from .. import gaussian
from .._errors import DataError
from ..activations import ScalarFunction, X, from_expression
from ..algebra import Backend
from ..ir import Real
from ._exact_numbers import rational, rational_function
from ._maps import closed_dual, closed_q_map, same_input_mp
from ._program import Number, Numbers, program


_Q = sympy.Symbol("q", positive=True)
_K = sympy.Symbol("k", real=True)

# Below this q value terms of closed forms are taken to cancel.
_SMALL = 1e-3
_MOST_DIGITS = 4_000
# Where u is smaller than rounding by this many bits, an activation is its tangents at zero, up to
# rounding, even one as steep as 2^200.
_STEEPEST = 200
# Above 2 to this q values are not followed: an exponential of them would not end.
_LARGEST = 40_000


class DigitsBackend(Backend[Number]):
    """Mpmath numbers at the working precision, one pair of inputs.

    Numbers of layers and constants of activations are exact: a float is a binary fraction. SymPy
    rounds products of floats to 15 digits, which a chaotic network brings up to the cosine.
    Exponents have no bounds, so that q values neither overflow nor vanish.

    Arguments:
        dps: decimal digits wanted.
    """

    def __init__(self, dps: int) -> None:
        self.dps = dps
        self._kept: dict[Hashable, Number] = {}

    def number(self, value: Real | Fraction | sympy.Expr) -> Number:
        if isinstance(value, Fraction):
            return mpmath.mpf(value.numerator) / value.denominator
        found = rational(value) if isinstance(value, float) else sympy.sympify(value)
        return found.evalf(mpmath.mp.dps + 2)._to_mpmath(mpmath.mp.prec)

    def sqrt(self, value: Number) -> Number:
        return mpmath.sqrt(value)

    def is_zero(self, value: Number) -> bool:
        return value == 0

    def mean(self, phi: ScalarFunction, q: Number, order: int = 0) -> Number:
        exact = _read_at(phi, q)
        if q == 0:
            return self._at_zero(exact, order)
        if phi.parity == ("even" if order else "odd"):
            return mpmath.mpf(0)
        return self._once(("mean", exact, q, order), lambda: gaussian.line_mean_mp(exact, order, q))

    def q_map(self, phi: ScalarFunction, q: Number) -> Number:
        exact = _read_at(phi, q)
        if q == 0:
            return self._at_zero(exact, 0) ** 2
        return self._once(("q", exact, q), lambda: self._q_map(exact, q))

    def dual(self, phi: ScalarFunction, q: Number, k: Number, order: int = 0) -> Number:
        exact = _read_at(phi, q)
        if q == 0:
            return self._at_zero(exact, order) ** 2
        return self._once((exact, q, k, order), lambda: self._dual(exact, q, k, order))

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: Number,
        q2: Number,
        k: Number,
        order: int = 0,
    ) -> Number:
        if q1 == 0 or q2 == 0:
            return self.mean(phi, q1, order) * self.mean(psi, q2, order)
        first = _read_at(phi, q1)
        second = _read_at(psi, q2)
        k = same_input_mp(self.dps, q1, q2, k)
        return self._once(
            (first, second, q1, q2, k, order),
            lambda: gaussian.cross_dual_mp(first, second, q1, q2, k, self.dps, (order, order)),
        )

    def _at_zero(self, phi: ScalarFunction, order: int) -> Number:
        """What becomes of a value that is zero; its slope meets an NTK, or a value, of zero."""
        return mpmath.mpf(0) if order else gaussian.line_mean_mp(phi, 0, mpmath.mpf(0))

    def _once(self, key: Hashable, compute: Callable[[], Number]) -> Number:
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    def _q_map(self, phi: ScalarFunction, q: Number) -> Number:
        form = _q_form(phi)
        if form is None:
            return gaussian.dual_mp(phi, q, q, q, self.dps)
        return self._settled(form, phi, q)

    def _dual(self, phi: ScalarFunction, q: Number, k: Number, order: int) -> Number:
        k = same_input_mp(self.dps, q, q, k)
        if k == q and order == 0:
            return self.q_map(phi, q)
        if abs(k) == q:  # where slopes may be infinite, and formulas divide by zero
            return self._on_edge(phi, q, k, order)
        form = _dual_form(phi, order)
        if form is None:
            return gaussian.dual_mp(phi, q, q, k, self.dps, order)
        return self._settled(form, phi, q, k)

    def _on_edge(self, phi: ScalarFunction, q: Number, k: Number, order: int) -> Number:
        """The dual at k = q or -q; homogeneous functions are integrated at q = 1."""
        degree, one = phi.homogeneity, mpmath.mpf(1)
        unit, scale = (q, one) if degree is None else (one, q ** (degree - order))
        at = unit if k > 0 else -unit
        return scale * self._once(
            ("edge", phi, unit, at, order),
            lambda: gaussian.dual_mp(phi, unit, unit, at, self.dps, order),
        )

    def _settled(self, form: Form, phi: ScalarFunction, q: Number, *k: Number) -> Number:
        """A closed form with so many digits that more of them change nothing.

        Terms cancel at small q values.
        """
        digits = 2 * self.dps
        found = form(digits)(q, *k)[0]
        if phi.homogeneity is not None or q > _SMALL:
            return found
        while digits < _MOST_DIGITS:
            digits *= 2
            found, before = form(digits)(q, *k)[0], found
            if abs(found - before) <= mpmath.mpf(10) ** -self.dps * abs(found) and found:
                return found
        if any(number == 0 for number in k):  # no covariance of odd functions
            return found
        raise DataError(
            where=f"the input of {phi.name}",
            found=f"a q value of {mpmath.nstr(q, 5)}",
            law=f"terms of the closed form cancel by more than {_MOST_DIGITS:,} digits",
            remedy="Keep q values near 1",
        )


Form: TypeAlias = Callable[[int], Callable[..., Numbers]]
"""From digits to a formula in q, or in q and k."""


@lru_cache(maxsize=512)
def _q_form(phi: ScalarFunction) -> Form | None:
    closed = closed_q_map(phi, _Q)
    return None if closed is None else lambda digits: program((_Q,), (closed,), digits)


@lru_cache(maxsize=512)
def _dual_form(phi: ScalarFunction, order: int) -> Form | None:
    closed = closed_dual(phi, _Q, _K, order)
    return None if closed is None else lambda digits: program((_Q, _K), (closed,), digits)


def _read_at(phi: ScalarFunction, q: Number) -> ScalarFunction:
    """The activation with exact constants, or its tangents at zero where u is very small.

    Raises:
        DataError: a q value that is no number, or beyond what mpmath follows in bounded time.
    """
    exact = rational_function(phi)
    if q == 0:
        return exact
    if not 0 < q < mpmath.inf or mpmath.mag(q) > _LARGEST:
        raise DataError(
            where=f"the input of {phi.name}",
            found=f"a q value of {mpmath.nstr(q, 5)}",
            law=f"q values of activations are positive and below 2^{_LARGEST:,}",
            remedy="scale down the weights in front of it",
        )
    if exact.homogeneity is not None or mpmath.mag(q) > -2 * (mpmath.mp.prec + _STEEPEST):
        return exact
    return _lines(exact) or exact


@lru_cache(maxsize=512)
def _lines(phi: ScalarFunction) -> ScalarFunction | None:
    """The tangents at zero to the left and the right; None where values or both slopes do not
    vanish there."""
    left = next(piece.expr for piece in phi.pieces if piece.upper >= 0)
    right = next(piece.expr for piece in phi.pieces if piece.upper > 0)
    values = [piece.xreplace({X: sympy.Integer(0)}) for piece in (left, right)]
    below, above = (piece.diff(X).xreplace({X: sympy.Integer(0)}) for piece in (left, right))
    numbers = [float(number) for number in (*values, below, above)]
    if numbers[:2] != [0, 0] or numbers[2:] == [0, 0] or not all(map(math.isfinite, numbers)):
        return None
    same = below == above
    line = below * X if same else sympy.Piecewise((above * X, X > 0), (below * X, True))
    return from_expression(line, phi.name)
