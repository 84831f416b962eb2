"""Truncated series as the numbers of the kernel rules: the rules then give Taylor series."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..._errors import UnsupportedError
from ...activations import ScalarFunction
from ...algebra import Backend
from ._kinks import KinkedDual
from ._rates import Rates
from ._series import N, Series, zero


SMALLEST_ORDER = 3
"""The first power of (1 - c)^(1/2) that a kink makes."""


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
        apart = k.shifted(zero(covariance))
        taylor = self.rates.taylor(phi, variance, covariance, self._degree(apart))
        return self._composed(apart, here, taylor)

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
        apart = k.shifted(zero(k.constant))
        taylor = [
            self.rates.cross(phi, psi, moments, order + n, order + n) / math.factorial(n)
            for n in range(1, self._degree(apart) + 1)
        ]
        return self._composed(apart, here, taylor)

    def _at_edge(self, phi: ScalarFunction, q: N, apart: Series[N]) -> Series[N]:
        """The change of E phi(u)phi(v) as the covariance leaves q."""
        degree = self._degree(apart)
        if self.order < SMALLEST_ORDER or phi.analytic:
            return self._composed(apart, zero(q), self.rates.taylor(phi, q, q, degree))
        if phi.jumps(0):
            raise UnsupportedError(
                where=phi.name,
                found="a function that jumps",
                law="its C map has an infinite slope at 1, so that 1 - C is no power series in "
                "the root of 1 - c once two such maps are composed",
                remedy="expand at c = 0, or take a continuous function",
            )
        return KinkedDual(self.rates, phi, q, -apart).change()

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

    def _degree(self, change: Series[N]) -> int:
        """The power of a change beyond which it has no terms."""
        first = next(n for n, term in enumerate(change.terms) if term != 0)
        return self.order // first

    def _composed(self, change: Series[N], here: N, taylor: Sequence[N]) -> Series[N]:
        """The series with this value and these Taylor coefficients, at a change of covariance."""
        # The value is put in again: an infinite slope times no change is not a number.
        return change.polynomial([here, *taylor]).shifted(here)

    def _linear(self, q: Series[N], here: N, slope: N) -> Series[N]:
        return (q.shifted(zero(q.constant)) * self.series(slope)).shifted(here)
