"""Mpmath numbers of any precision as the numbers of the kernel rules."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from fractions import Fraction
from functools import lru_cache

import mpmath
import sympy

from .. import gaussian
from ..activations import ScalarFunction
from ..algebra import Backend
from ..ir import Real
from ._exact_numbers import rational, rational_function
from ._maps import closed_dual, closed_q_map, same_input_mp
from ._program import Number, Numbers, program


_Q = sympy.Symbol("q", positive=True)
_K = sympy.Symbol("k", real=True)


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
        if phi.parity == ("even" if order else "odd"):
            return mpmath.mpf(0)
        exact = rational_function(phi)
        if q == 0:
            return self._at_zero(exact, order)
        return self._once(("mean", exact, q, order), lambda: gaussian.line_mean_mp(exact, order, q))

    def q_map(self, phi: ScalarFunction, q: Number) -> Number:
        exact = rational_function(phi)
        if q == 0:
            return self._at_zero(exact, 0) ** 2
        return self._once(("q", exact, q), lambda: self._q_map(exact, q))

    def dual(self, phi: ScalarFunction, q: Number, k: Number, order: int = 0) -> Number:
        exact = rational_function(phi)
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
        first, second = rational_function(phi), rational_function(psi)
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
        form = _q_form(phi, self._digits)
        return gaussian.dual_mp(phi, q, q, q, self.dps) if form is None else form(q)[0]

    def _dual(self, phi: ScalarFunction, q: Number, k: Number, order: int) -> Number:
        k = same_input_mp(self.dps, q, q, k)
        if abs(k) == q:  # one input or its opposite, where slopes may be infinite
            return gaussian.dual_mp(phi, q, q, k, self.dps, order)
        form = _dual_form(phi, order, self._digits)
        if form is None:
            return gaussian.dual_mp(phi, q, q, k, self.dps, order)
        return form(q, k)[0]

    @property
    def _digits(self) -> int:
        """Terms of closed forms may cancel, as at small q values."""
        return 2 * self.dps


@lru_cache(maxsize=512)
def _q_form(phi: ScalarFunction, dps: int) -> Callable[..., Numbers] | None:
    closed = closed_q_map(phi, _Q)
    return None if closed is None else program((_Q,), (closed,), dps)


@lru_cache(maxsize=512)
def _dual_form(phi: ScalarFunction, order: int, dps: int) -> Callable[..., Numbers] | None:
    closed = closed_dual(phi, _Q, _K, order)
    return None if closed is None else program((_Q, _K), (closed,), dps)
