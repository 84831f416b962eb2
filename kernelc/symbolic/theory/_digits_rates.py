"""Derivatives of Gaussian means to any number of digits."""

from __future__ import annotations

from collections.abc import Sequence

import mpmath

from ... import gaussian
from ...activations import ScalarFunction
from ._digits import DigitsBackend
from ._mehler import closed_taylor, mehler_terms, recentered
from ._rates import Rates


class DigitsRates(Rates[mpmath.mpf]):
    """In mpmath numbers of `dps` digits."""

    def __init__(self, dps: int) -> None:
        self._digits = DigitsBackend(dps)

    @property
    def backend(self) -> DigitsBackend:
        return self._digits

    def same(self, k: mpmath.mpf, q: mpmath.mpf) -> bool:
        return abs(k - q) <= q * mpmath.mpf(10) ** (1 - self.backend.dps)

    def q_slope(self, phi: ScalarFunction, q: mpmath.mpf) -> mpmath.mpf:
        if phi.homogeneity is not None:
            return phi.homogeneity * self.backend.q_map(phi, q) / q
        if phi.analytic:  # E (phi^2)'' / 2, two short sums
            return self.dual(phi, q, q, 1) + self.cross(phi, phi, (q, q, q), 2, 0)
        return self.pieces_mean(phi, q, (0, 0), 1)

    def mean_slope(self, phi: ScalarFunction, q: mpmath.mpf, order: int) -> mpmath.mpf:
        n = order + 2
        coefficient = gaussian.hermite_coefficients_mp(phi, q, n + 1, self.backend.dps)[n]
        return coefficient * mpmath.sqrt(mpmath.factorial(n)) / (2 * mpmath.sqrt(q) ** n)

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf],
        m: int,
        n: int,
    ) -> mpmath.mpf:
        return self.backend.cross(phi, psi, moments, (m, n))

    def taylor(
        self, phi: ScalarFunction, q: mpmath.mpf, k: mpmath.mpf, count: int
    ) -> Sequence[mpmath.mpf]:
        dps = self.backend.dps
        degree = mehler_terms(float(abs(k) / q), count, dps)
        if count == 1 or (degree is None and phi.analytic):
            return super().taylor(phi, q, k, count)
        if degree is None:
            return closed_taylor(phi, q, k, count, dps)
        squares = [a * a for a in gaussian.hermite_coefficients_mp(phi, q, degree, dps)]
        return [value / q**n for n, value in enumerate(recentered(squares, k / q, count), start=1)]

    def exp(self, value: mpmath.mpf) -> mpmath.mpf:
        return mpmath.exp(value)

    def pieces_mean(
        self, phi: ScalarFunction, q: mpmath.mpf, orders: tuple[int, int], n: int
    ) -> mpmath.mpf:
        root = mpmath.sqrt(q)
        left, right = (phi.mpmath(order) for order in orders)
        degree = 2 * n

        def integrand(z: mpmath.mpf) -> mpmath.mpf:
            he = mpmath.hermite(degree, z / mpmath.sqrt(2)) / mpmath.sqrt(2) ** degree
            return left(root * z) * right(root * z) * he

        splits = gaussian.kinks_mp(phi, root, mpmath.mpf(0))
        return gaussian.expectation_mp(integrand, splits) / (2 * q) ** n
