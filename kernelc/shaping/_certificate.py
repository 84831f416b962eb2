"""Residuals of solved constants, measured by a quadrature rule that the solvers do not use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._errors import ShapingError
from ..activations import ScalarFunction
from ..gaussian import independent_rule, panel_rule, rule_size
from ._deviations import deviations_on
from ._target import Residuals
from ._transform import Transform


TOLERANCE = 1e-12
_STEEP = 16.0
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class LocalMaps:
    """Q and C map of one transformed activation φ̂ at q = 1 (Martens et al. 2021).

    Arguments:
        q: Q(1) = E φ̂².
        q_slope: Q'(1) = E φ̂φ̂'Z.
        c: C(0) = (E φ̂)²/Q(1).
        c_slope: C'(1) = E φ̂'²/Q(1).
        c_curvature: C''(1) = E φ̂''²/Q(1), where φ' is continuous; 0 unless asked for.
    """

    q: float
    q_slope: float
    c: float
    c_slope: float
    c_curvature: float


def measured(phi: ScalarFunction, transform: Transform, *, curved: bool = False) -> LocalMaps:
    """The local maps by the certificate's rule; the transform's negative slope replaces φ's own."""
    t, phi = transform, transform.of(phi)
    z, w = rule_of_certificates(phi, abs(t.alpha), t.beta)
    x = abs(t.alpha) * z + t.beta
    value = t.gamma * (phi.numpy(0)(x) + t.delta)
    slope = t.gamma * abs(t.alpha) * phi.numpy(1)(x)
    bend = t.gamma * t.alpha**2 * phi.numpy(2)(x) if curved else np.zeros_like(x)
    q = float(w @ value**2)
    return LocalMaps(
        q=q,
        q_slope=float(w @ (value * slope * z)),
        c=float(w @ value) ** 2 / q,
        c_slope=float(w @ slope**2) / q,
        c_curvature=float(w @ bend**2) / q,
    )


def measured_slope(phi: ScalarFunction, transform: Transform) -> float:
    """C'(1) by the certificate's rule, from its excess over 1.

    A network of a thousand layers multiplies the error of this number by more than a thousand,
    and E φ̂'²/Q(1) is accurate only to a few roundings of 1.
    """
    alpha, phi = abs(transform.alpha), transform.of(phi)
    z, w = rule_of_certificates(phi, alpha, transform.beta)
    found = deviations_on(phi, alpha, np.asarray(transform.beta), z, w, curved=False)
    return 1 + float(found.excess / found.variance)


def rule_of_certificates(
    phi: ScalarFunction, alpha: float, beta: float
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights for E f(αZ + β), other than those of the solvers."""
    if alpha <= _STEEP:
        return independent_rule(phi, alpha, beta)
    # At large α panels must be as narrow as the scale of φ, 1/α.
    splits = [(b - beta) / alpha for b in phi.breakpoints]
    bend = rule_size(phi, alpha, beta, 19, trapezoids=False).scale if splits else None
    return panel_rule(splits, 19, 1 / alpha, scale=bend)


def certified(phi: ScalarFunction, transform: Transform, residuals: Residuals) -> Residuals:
    """The residuals of a transform, unless one exceeds 1e-12, or the rounding of φ(·) + δ.

    Raises:
        ShapingError: one exceeds 1e-12 and 64 ε γ(1+|δ|).
    """
    # φ(·) + δ is of order 1/γ by cancellation, so γ multiplies its rounding error.
    rounding = 64 * _EPSILON * abs(transform.gamma) * (1 + abs(transform.delta))
    return within(phi, str(transform), residuals, max(TOLERANCE, rounding))


def within(
    phi: ScalarFunction, constants: str, residuals: Residuals, tolerance: float = TOLERANCE
) -> Residuals:
    """The residuals, none larger than the tolerance.

    Raises:
        ShapingError: one is larger, or not a number.
    """
    if not all(abs(value) <= tolerance for value in residuals.values()):
        name, worst = max(residuals.items(), key=lambda item: abs(item[1]))
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"{name} = {worst:.3e} at {constants}",
            law=f"Constants are returned only if every local condition holds to {tolerance:.1e}",
            remedy="Report this activation and target: the solution found does not certify",
        )
    return residuals
