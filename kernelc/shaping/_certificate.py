"""What a transform achieves, measured by a rule that took no part in finding it."""

from __future__ import annotations

import math

import numpy as np

from .._errors import ShapingError
from ..activations import (
    Moments,
    ScalarFunction,
    independent_rule,
    moments,
    named,
    panel_rule,
)
from ._deviations import deviations_on
from ._transform import Transform


TOLERANCE = 1e-12
_STEEP = 16.0
_EPSILON = float(np.finfo(np.float64).eps)


def certify_dks(
    phi: ScalarFunction, transform: Transform, psi: float, q_slope: float = 1.0
) -> dict[str, float]:
    """The residuals of the four local conditions of DKS.

    Q(1) = E φ̂², Q'(1) = E φ̂φ̂'Z, C(0) = (E φ̂)²/Q(1), C'(1) = E φ̂'²/Q(1) (DKS; φ̂(u) = γ(φ(αu+β)+δ)).

    Arguments:
        phi: the activation; the transform's negative slope, if it has one, replaces its own.
        transform: the constants.
        psi: the local slope asked for.
        q_slope: the value of Q'(1) asked for.

    Returns: residuals by name.

    Raises:
        ShapingError: one exceeds 1e-12, or 64 ε γ(1+|δ|) where rounding of φ(·)+δ costs more.

    Example:
        >>> from kernelc.activations import named
        >>> half = Transform(alpha=1.0, beta=0.0, gamma=2**0.5, delta=0.0)
        >>> certify_dks(named("tanh"), half, 1.01)
        Traceback (most recent call last):
        ...
        kernelc._errors.ShapingError: activation tanh: Q'(1)-1 = ...
    """
    q, q_rate, mean, slope, _ = _measured(phi, transform, curved=False)
    residuals = {
        "Q(1)-1": q - 1,
        "Q'(1)-1" if q_slope == 1 else "Q'(1)-q_slope": q_rate - q_slope,
        "C(0)": mean**2 / q,
        "C'(1)-psi": slope / q - psi,
    }
    return _judged(phi, transform, residuals)


def certify_tat(phi: ScalarFunction, transform: Transform, kappa: float) -> dict[str, float]:
    """The residuals of the four local conditions of smooth TAT.

    As `certify_dks`, and C''(1) = E φ̂''²/Q(1), which holds where φ' is continuous (TAT).

    Arguments:
        phi: the activation.
        transform: the constants.
        kappa: the local curvature asked for.

    Returns: residuals by name.

    Raises:
        ShapingError: one exceeds the tolerance of `certify_dks`; the curvature's is relative to κ.
    """
    q, q_rate, _, slope, bend = _measured(phi, transform, curved=True)
    residuals = {
        "Q(1)-1": q - 1,
        "Q'(1)-1": q_rate - 1,
        "C'(1)-1": slope / q - 1,
        "C''(1)/kappa-1": bend / q / kappa - 1,
    }
    return _judged(phi, transform, residuals)


def certify_leaky_tat(phi: ScalarFunction, transform: Transform) -> dict[str, float]:
    """The residuals of Q(1) = Q'(1) = C'(1) = 1, which leaky ReLU keeps for every slope (TAT).

    Arguments:
        phi: the leaky ReLU with the solved slope in place.
        transform: its constants.

    Raises:
        ShapingError: a residual exceeds 1e-12.
    """
    q, q_rate, _, slope, _ = _measured(phi, transform, curved=False)
    residuals = {"Q(1)-1": q - 1, "Q'(1)-1": q_rate - 1, "C'(1)-1": slope / q - 1}
    return _judged(phi, transform, residuals)


def certify_edge(
    phi: ScalarFunction, q: float, weight_std: float, bias_std: float
) -> tuple[dict[str, float], Moments]:
    """The residuals of the two conditions of the edge of chaos, and the moments they come from.

    C'(1) = sigma_w^2 E phi'(X)^2 = 1 and Q(q) = sigma_w^2 E phi(X)^2 + sigma_b^2 = q, with
    X ~ N(0, q) (Schoenholz et al. 2017, eqs. 4 and 8).

    Arguments:
        phi: the activation.
        q: the fixed point.
        weight_std: sigma_w.
        bias_std: sigma_b.

    Returns: residuals by name, and moments by the certificate's rule.

    Raises:
        ShapingError: a residual exceeds 1e-12.

    Example:
        >>> from kernelc.activations import named
        >>> certify_edge(named("relu"), 1.0, 2**0.5, 0.1)
        Traceback (most recent call last):
        ...
        kernelc._errors.ShapingError: activation relu: Q(q)/q-1 = ...
    """
    found = moments(phi, math.sqrt(q), rule=_rule)
    residuals = {
        "C'(1)-1": weight_std**2 * found.slope_second - 1,
        "Q(q)/q-1": (weight_std**2 * found.second + bias_std**2) / q - 1,
    }
    name, worst = max(residuals.items(), key=lambda item: abs(item[1]))
    if not all(abs(value) <= TOLERANCE for value in residuals.values()):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"{name} = {worst:.3e} at q = {q:.10g}, sigma_w = {weight_std:.10g}, "
            f"sigma_b = {bias_std:.10g}",
            law=f"A point is returned only if both conditions hold to {TOLERANCE:.1e}",
            remedy="Report this activation and target: the solution found does not certify",
        )
    return residuals, found


def measured_slope(phi: ScalarFunction, transform: Transform) -> float:
    """C'(1) by the certificate's rule, from its excess over 1.

    A network of a thousand layers multiplies the error of this figure by more than a thousand,
    and E φ̂'²/Q(1) itself is only good to a few roundings of 1.

    Arguments:
        phi: the activation, with its negative slope in place where that was solved for.
        transform: its constants.

    Returns: the local slope reached.
    """
    alpha = abs(transform.alpha)
    z, w = _rule(phi, alpha, transform.beta)
    found = deviations_on(phi, alpha, np.asarray(transform.beta), z, w, curved=False)
    return 1 + float(found.excess / found.variance)


def _measured(phi: ScalarFunction, t: Transform, *, curved: bool) -> tuple[float, ...]:
    if t.negative_slope is not None:
        phi = named(phi.name, negative_slope=t.negative_slope)
    z, w = _rule(phi, abs(t.alpha), t.beta)
    x = abs(t.alpha) * z + t.beta
    value = t.gamma * (phi.numpy(0)(x) + t.delta)
    slope = t.gamma * abs(t.alpha) * phi.numpy(1)(x)
    bend = t.gamma * t.alpha**2 * phi.numpy(2)(x) if curved else np.zeros_like(x)
    sums = (w @ value**2, w @ (value * slope * z), w @ value, w @ slope**2, w @ bend**2)
    return tuple(float(s) for s in sums)


def _rule(phi: ScalarFunction, alpha: float, beta: float) -> tuple[np.ndarray, np.ndarray]:
    if alpha <= _STEEP:
        return independent_rule(phi, alpha, beta)
    # So far stretched, φ bends within a panel unless panels are as narrow as φ's own scale, 1/α.
    return panel_rule([(b - beta) / alpha for b in phi.breakpoints], 19, 1 / alpha)


def _judged(phi: ScalarFunction, t: Transform, residuals: dict[str, float]) -> dict[str, float]:
    # φ(·) and δ cancel down to 1/γ, so that their rounding comes back γ times larger.
    tolerance = max(TOLERANCE, 64 * _EPSILON * abs(t.gamma) * (1 + abs(t.delta)))
    name, worst = max(residuals.items(), key=lambda item: abs(item[1]))
    if not (math.isfinite(worst) and all(abs(r) <= tolerance for r in residuals.values())):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"{name} = {worst:.3e} at {t}",
            law=f"A transform is returned only if every local condition holds to {tolerance:.1e}",
            remedy="Report this activation and target: the solution found does not certify",
        )
    return residuals
