"""The three local problems, each as a balance that must be zero and a level that must be reached.

The balance, a dimensionless number, does not depend on the target. Its zeros in the (α, β) plane
are curves of the activation. The target, C'(1) - 1 or C''(1), selects a point on a curve. `output`
gives the γ and δ that meet the remaining conditions. Branches are compared at the level
`reference`; `curved` says whether the level needs E φ''².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ._deviations import Batch, Deviations


@dataclass(frozen=True)
class SlopeConditions:
    """DKS: Q'(1) = q_slope is the balance, C'(1) - 1 the level (Martens et al. 2021).

    δ = -E φ and γ = 1/√V hold C(0) = 0 and Q(1) = 1. The balance is divided by (C'(1)-1)·V, of the
    same order in α, so that it stays of order one as α goes to 0.
    """

    q_slope: float = 1.0
    curved: bool = False
    reference: float = 0.1

    def balance(self, m: Deviations) -> Batch:
        return (m.tilt - (self.q_slope - 1) * m.variance) / m.excess

    def level(self, m: Deviations) -> Batch:
        return m.excess / m.variance

    def output(self, m: Deviations) -> tuple[Batch, Batch]:
        return m.variance**-0.5, -m.mean


@dataclass(frozen=True)
class CurvatureConditions:
    """Smooth TAT: Q'(1) = 1 is the balance, C''(1) the level (TAT, smooth activations).

    Let s = E φ + δ. Q(1) = C'(1) = 1 give γ² α² E φ'² = 1 and s² = excess, so s = ±√excess: one
    family of branches per sign. Then Q'(1) = 1 is tilt - excess + s α E Zφ' = 0, here
    divided by the excess.
    """

    sign: int
    curved: bool = True
    reference: float = 0.1

    def balance(self, m: Deviations) -> Batch:
        return m.tilt / m.excess - 1 + self.sign * m.alpha * m.bend / m.excess**0.5

    def level(self, m: Deviations) -> Batch:
        assert m.bend_power is not None
        return m.alpha**2 * m.bend_power / m.slope_power

    def output(self, m: Deviations) -> tuple[Batch, Batch]:
        gamma = 1 / (m.alpha * m.slope_power**0.5)
        return gamma, self.sign * m.excess**0.5 - m.mean


@dataclass(frozen=True)
class GateConditions:
    """DKS of a gate g: Q'(1) = 0 and Q(1) = 1 give γ and δ, C'(1) is the level.

    Let s = E φ + δ. Q'(1) = 0 is V + tilt + s α E Zφ' = 0, and γ² = 1/(s² + V); the sign of γ makes
    E g positive. One equation is left for α and β, so β is chosen: the balance is the Hermite
    coefficient of degree 3. A function of odd part x/2, such as swish, keeps β = 0.
    """

    curved: bool = False
    reference: float = 0.1

    def balance(self, m: Deviations) -> Batch:
        return m.twist / (m.alpha**2 * m.slope_power**0.5)

    def level(self, m: Deviations) -> Batch:
        return m.alpha**2 * m.slope_power / (self._mean(m) ** 2 + m.variance)

    def output(self, m: Deviations) -> tuple[Batch, Batch]:
        mean = self._mean(m)
        return np.sign(mean) * (mean**2 + m.variance) ** -0.5, mean - m.mean

    def _mean(self, m: Deviations) -> Batch:
        return -(m.variance + m.tilt) / (m.alpha * m.bend)


Conditions = SlopeConditions | CurvatureConditions | GateConditions


def reached(level: float) -> bool:
    """Whether a level is above the rounding error of the moments, about 1e-16."""
    return math.isfinite(level) and level > 1e-11
