"""Numbers that stand for any others: whether a kernel rule holds depends on laws of values."""

from __future__ import annotations

from .. import gaussian
from ..activations import ScalarFunction
from ..algebra import FloatBackend, FloatNumber


class AnyNumbers(FloatBackend):
    """Moments of activations without integrals: zero where they are known to be, else one half.

    Kernel rules refuse by whether values are Gaussian, independent and of mean zero. Integrals of
    an activation that a model computes in an unusual way may take minutes.
    """

    def mean(self, phi: ScalarFunction, q: FloatNumber, order: int = 0) -> float:
        if q == 0:
            return gaussian.at_zero(phi, order)
        return 0.0 if phi.parity == ("even" if order % 2 else "odd") else 0.5

    def q_map(self, phi: ScalarFunction, q: FloatNumber) -> float:
        return gaussian.at_zero(phi) ** 2 if q == 0 else 1.0

    def dual(
        self, phi: ScalarFunction, q: FloatNumber, k: FloatNumber, order: int = 0
    ) -> FloatNumber:
        return gaussian.at_zero(phi, order) ** 2 if q == 0 else 0.5

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: FloatNumber,
        q2: FloatNumber,
        k: FloatNumber,
        order: int = 0,
    ) -> FloatNumber:
        return 0.5
