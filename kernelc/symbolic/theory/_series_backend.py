"""Truncated series as the numbers of the kernel rules: the rules then give Taylor series."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...activations import ScalarFunction
from ...algebra import Backend
from ._rates import Rates
from ._series import N, Series, zero


class SeriesBackend(Backend[Series[N]]):
    """Series in one variable t, on which the covariance of a pair depends, or its q value.

    The Taylor coefficients of a dual are duals of derivatives: the n-th derivative of
    E phi(u)phi(v) in the covariance is E phi^(n)(u)phi^(n)(v) (Price's theorem). Where q values
    depend on t, the two inputs are one, and series end at t.

    Arguments:
        rates: means over the coefficients.
        order: largest power of t.
    """

    def __init__(self, rates: Rates[N], order: int) -> None:
        self.rates, self.order = rates, order

    def series(self, *terms: N) -> Series[N]:
        """These coefficients."""
        return Series(terms, self.order)

    def number(self, value: object) -> Series[N]:
        if isinstance(value, Series):
            return value
        return self.series(self.rates.backend.number(value))

    def sqrt(self, value: Series[N]) -> Series[N]:
        return value.root(self.rates.backend.sqrt)

    def is_zero(self, value: Series[N]) -> bool:
        return all(self.rates.backend.is_zero(term) for term in value.terms)

    def mean(self, phi: ScalarFunction, q: Series[N], order: int = 0) -> Series[N]:
        if phi.parity == ("even" if order else "odd"):
            return self.number(0)
        here = self.rates.backend.mean(phi, q.constant, order)
        if not q.moves:
            return self.series(here)
        return self._linear(q, here, self.rates.mean_slope(phi, q.constant, order))

    def q_map(self, phi: ScalarFunction, q: Series[N]) -> Series[N]:
        here = self.rates.backend.q_map(phi, q.constant)
        if not q.moves:
            return self.series(here)
        return self._linear(q, here, self.rates.q_slope(phi, q.constant))

    def dual(self, phi: ScalarFunction, q: Series[N], k: Series[N], order: int = 0) -> Series[N]:
        if q.moves:
            return self.q_map(phi, q)
        variance, covariance = q.constant, k.constant
        same = order == 0 and self.rates.same(covariance, variance)
        # The dual and the Q map of one input are one formula in two forms.
        here = (
            self.rates.backend.q_map(phi, variance)
            if same
            else self.rates.dual(phi, variance, covariance, order)
        )
        if not k.moves:
            return self.series(here)
        if same:
            return self._at_edge(phi, variance, k - q).shifted(here)
        slopes = [self.rates.dual(phi, variance, covariance, order + n) for n in self._degrees()]
        return self._composed(k, here, slopes)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: Series[N],
        q2: Series[N],
        k: Series[N],
        order: int = 0,
    ) -> Series[N]:
        moments = (q1.constant, q2.constant, k.constant)
        here = self.rates.backend.cross_dual(phi, psi, *moments, order)
        if q1.moves or q2.moves:
            return self._cross_in_q(phi, psi, (q1, q2, k), order).shifted(here)
        if not k.moves:
            return self.series(here)
        slopes = [
            self.rates.cross(phi, psi, moments, order + n, order + n) for n in self._degrees()
        ]
        return self._composed(k, here, slopes)

    def _at_edge(self, phi: ScalarFunction, q: N, apart: Series[N]) -> Series[N]:
        """The change of E phi(u)phi(v) as the covariance leaves q."""
        slopes = [self.rates.dual(phi, q, q, n) for n in self._degrees()]
        return self._composed(apart, zero(q), slopes)

    def _cross_in_q(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[Series[N], Series[N], Series[N]],
        order: int,
    ) -> Series[N]:
        q1, q2, k = moments
        here = (q1.constant, q2.constant, k.constant)
        rates = [
            self.rates.cross(phi, psi, here, order + 2, order) / 2,
            self.rates.cross(phi, psi, here, order, order + 2) / 2,
            self.rates.cross(phi, psi, here, order + 1, order + 1),
        ]
        nothing = zero(here[0])
        moved = [x.shifted(nothing) * self.series(r) for x, r in zip(moments, rates, strict=True)]
        return moved[0] + moved[1] + moved[2]

    def _degrees(self) -> range:
        return range(1, self.order + 1)

    def _composed(self, k: Series[N], here: N, slopes: Sequence[N]) -> Series[N]:
        """The Taylor series with this value and these derivatives, at the series k."""
        taylor = [here, *(s / math.factorial(n) for n, s in enumerate(slopes, start=1))]
        # The value is put in again: an infinite slope times no change is not a number.
        return k.shifted(zero(k.constant)).polynomial(taylor).shifted(here)

    def _linear(self, q: Series[N], here: N, slope: N) -> Series[N]:
        return (q.shifted(zero(q.constant)) * self.series(slope)).shifted(here)
