"""Derivatives of Gaussian means in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from numpy.polynomial.hermite_e import hermeval

from ... import gaussian
from ...activations import ScalarFunction
from ...algebra import Backend, FloatBackend
from .._program import DOUBLE
from ._mehler import closed_taylor, mehler_terms, recentered
from ._rates import Rates


class FloatRates(Rates[float]):
    """In float64."""

    def __init__(self) -> None:
        self._floats = FloatBackend()

    @property
    def backend(self) -> Backend[float]:
        return cast("Backend[float]", self._floats)  # no number here is an array

    def same(self, k: float, q: float) -> bool:
        return math.isclose(k, q, rel_tol=1e-14, abs_tol=0)

    def q_slope(self, phi: ScalarFunction, q: float) -> float:
        if phi.homogeneity is not None:
            return phi.homogeneity * self.backend.q_map(phi, q) / q
        root = math.sqrt(q)
        known = self._floats.moments(phi, q)
        found = known if isinstance(known, gaussian.Moments) else gaussian.moments(phi, root)
        return found.stein / root

    def mean_slope(self, phi: ScalarFunction, q: float, order: int) -> float:
        n = order + 2
        z, w = gaussian.gaussian_rule(phi, math.sqrt(q), 0.0)
        values = phi.numpy(0)(math.sqrt(q) * z) * hermeval(z, [0.0] * n + [1.0])
        return float(w @ values) / (2 * q ** (n / 2))

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[float, float, float],
        m: int,
        n: int,
    ) -> float:
        q1, q2, k = moments
        return gaussian.cross_dual(phi, psi, q1, q2, k, (m, n))

    def taylor(self, phi: ScalarFunction, q: float, k: float, count: int) -> Sequence[float]:
        degree = mehler_terms(abs(k) / q, count, DOUBLE)
        if count == 1 or (degree is None and phi.analytic):
            return super().taylor(phi, q, k, count)
        if degree is None:
            return [float(value) for value in closed_taylor(phi, q, k, count, DOUBLE)]
        scaled = phi if q == 1 else phi.transformed(alpha=math.sqrt(q))
        squares = gaussian.hermite_coefficients(scaled, degree) ** 2
        taylor = recentered(squares.tolist(), k / q, count)
        return [value / q**n for n, value in enumerate(taylor, start=1)]

    def exp(self, value: float) -> float:
        return math.exp(value)

    def pieces_mean(self, phi: ScalarFunction, q: float, orders: tuple[int, int], n: int) -> float:
        z, w = gaussian.gaussian_rule(phi, math.sqrt(q), 0.0)
        left, right = (phi.numpy(order)(math.sqrt(q) * z) for order in orders)
        return float(w @ (left * right * hermeval(z, [0.0] * (2 * n) + [1.0]))) / (2 * q) ** n
