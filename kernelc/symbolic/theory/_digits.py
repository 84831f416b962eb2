"""mpmath numbers as the numbers of the kernel rules."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import mpmath
import sympy

from ... import gaussian
from ...activations import ScalarFunction
from ...algebra import Backend
from .._exact_numbers import exact
from .._maps import same_input_mp


class DigitsBackend(Backend[mpmath.mpf]):
    """Numbers of `dps` digits, computed in the working precision of mpmath.

    Decimals given as floats are the rationals they show, as in formulas. Means are kept.
    """

    def __init__(self, dps: int) -> None:
        self.dps = dps
        self._kept: dict[Hashable, mpmath.mpf] = {}

    def number(self, value: object) -> mpmath.mpf:
        if isinstance(value, mpmath.mpf):
            return value
        number = exact(value) if isinstance(value, float) else sympy.sympify(value)
        return number.evalf(mpmath.mp.dps + 2)._to_mpmath(mpmath.mp.prec)

    def sqrt(self, value: mpmath.mpf) -> mpmath.mpf:
        return mpmath.sqrt(value)

    def is_zero(self, value: mpmath.mpf) -> bool:
        return value == 0

    def mean(self, phi: ScalarFunction, q: mpmath.mpf, order: int = 0) -> mpmath.mpf:
        return self._known(("mean", phi, q, order), lambda: gaussian.line_mean_mp(phi, order, q))

    def q_map(self, phi: ScalarFunction, q: mpmath.mpf) -> mpmath.mpf:
        return self.dual(phi, q, q)

    def dual(self, phi: ScalarFunction, q: mpmath.mpf, k: mpmath.mpf, order: int = 0) -> mpmath.mpf:
        if q == 0:
            return self.mean(phi, q, order) ** 2
        k = same_input_mp(self.dps, q, q, k)
        return self._known(
            ("dual", phi, q, k, order), lambda: gaussian.dual_mp(phi, q, q, k, self.dps, order)
        )

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: mpmath.mpf,
        q2: mpmath.mpf,
        k: mpmath.mpf,
        order: int = 0,
    ) -> mpmath.mpf:
        return self.cross(phi, psi, (q1, q2, k), (order, order))

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf],
        orders: tuple[int, int],
    ) -> mpmath.mpf:
        """E phi^(m)(u) psi^(n)(v) for two activations and (m, n) = orders."""
        q1, q2, k = moments
        k = same_input_mp(self.dps, q1, q2, k)
        return self._known(
            ("cross", phi, psi, q1, q2, k, orders),
            lambda: gaussian.cross_dual_mp(phi, psi, q1, q2, k, self.dps, orders),
        )

    def _known(self, key: Hashable, compute: Callable[[], mpmath.mpf]) -> mpmath.mpf:
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]
