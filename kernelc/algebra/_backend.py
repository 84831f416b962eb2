"""The numbers a kernel is computed in: SymPy expressions, floats, arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic

from ..activations import ScalarFunction
from ._kernel_state import N


class Backend(ABC, Generic[N]):
    """What kernel rules need of a number type beyond Python's arithmetic operators.

    Gaussian means are over zero-mean (u, v) with variances q, q and covariance k, all
    already in the backend; derivatives of order 1 are distributional.
    """

    @abstractmethod
    def number(self, value: object) -> N:
        """A constant (float, int, Fraction, SymPy number or symbol) as a backend element."""

    @abstractmethod
    def sqrt(self, value: N) -> N:
        """Square root of a positive element."""

    @abstractmethod
    def is_zero(self, value: N) -> bool:
        """Whether `value` is known to vanish (False when unknown)."""

    @property
    def exchangeable(self) -> bool:
        """Whether E a(x) b(x') = E b(x) a(x'): so when both inputs have one q value."""
        return True

    def outer(self, a: N, b: N) -> N:
        """a(x) b(x') for numbers that belong to one input each: those of `mean` and `q_map`."""
        return a * b

    def value(self, k: N) -> N:
        """The covariance itself, as it is added to an NTK."""
        return k

    def unit(self, k: N) -> N:
        """The covariance of values whose q values are exactly 1."""
        return k

    def lengthened(self, k: N, square: N, channels: N, constant: N, inverse: N) -> N:
        """The cosine of (x, h) and (x', h'): (d k + h h') / √((d q + h²)(d q' + h'²)).

        Arguments:
            k: covariance of x and x'.
            square: d q.
            channels: d.
            constant: h.
            inverse: 1/√(d q + h²).
        """
        outer = self.outer
        return self.unit((channels * k + outer(constant, constant)) * outer(inverse, inverse))

    def over_locations(self, q: N) -> N:
        """The mean of a q value over the locations of an input."""
        return q

    @abstractmethod
    def mean(self, phi: ScalarFunction, q: N, order: int = 0) -> N:
        """E phi^(order)(u)."""

    @abstractmethod
    def dual(self, phi: ScalarFunction, q: N, k: N, order: int = 0) -> N:
        """E phi^(order)(u) phi^(order)(v), the dual of the activation (Martens et al. 2021)."""

    @abstractmethod
    def q_map(self, phi: ScalarFunction, q: N) -> N:
        """Q(q) = E phi(u)^2."""

    @abstractmethod
    def cross_dual(
        self, phi: ScalarFunction, psi: ScalarFunction, q1: N, q2: N, k: N, order: int = 0
    ) -> N:
        """E phi^(order)(u) psi^(order)(v) for two activations, variances q1 and q2."""
