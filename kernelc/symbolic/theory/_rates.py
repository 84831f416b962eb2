"""Derivatives of Gaussian means, which no kernel rule asks for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, cast

from ...activations import ScalarFunction
from ...algebra import Backend
from ._series import N


class Rates(ABC, Generic[N]):
    """Gaussian means and their derivatives in variances, over the numbers of a backend.

    The derivative of E f(u, v) in the variance of u is E f_uu(u, v) / 2 (the heat equation).
    """

    @property
    @abstractmethod
    def backend(self) -> Backend[N]:
        """The numbers."""

    @abstractmethod
    def same(self, k: N, q: N) -> bool:
        """Whether the covariance is that of an input with itself."""

    @abstractmethod
    def q_slope(self, phi: ScalarFunction, q: N) -> N:
        """Q'(q), the derivative of E phi(u)^2 in the variance of u."""

    @abstractmethod
    def mean_slope(self, phi: ScalarFunction, q: N, order: int) -> N:
        """The derivative of E phi^(order)(u) in the variance of u."""

    @abstractmethod
    def cross(
        self, phi: ScalarFunction, psi: ScalarFunction, moments: tuple[N, N, N], m: int, n: int
    ) -> N:
        """E phi^(m)(u) psi^(n)(v) at variances q1, q2 and covariance k."""

    def dual(self, phi: ScalarFunction, q: N, k: N, order: int) -> N:
        """E phi^(order)(u) phi^(order)(v)."""
        return self.backend.dual(phi, q, k, order)

    @abstractmethod
    def exp(self, value: N) -> N:
        """The exponential."""

    @abstractmethod
    def pieces_mean(self, phi: ScalarFunction, q: N, orders: tuple[int, int], n: int) -> N:
        """The n-th derivative of E phi^(i)(u) phi^(j)(u) in the variance of u, (i, j) = orders.

        Derivatives are those of the pieces of phi: what happens where pieces meet is left out.
        """

    def taylor(self, phi: ScalarFunction, q: N, k: N, count: int) -> Sequence[N]:
        """E phi^(n)(u) phi^(n)(v) / n! for n = 1, ..., count."""
        return [cast("N", self.dual(phi, q, k, n) / math.factorial(n)) for n in range(1, count + 1)]
