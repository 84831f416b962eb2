"""DKS of a gate: of the activation g of a unit u g(v) whose factor u is linear."""

from __future__ import annotations

import math

from .._errors import UnreachableError
from ..activations import ScalarFunction
from ._certificate import certified, measured, rule_of_certificates
from ._conditions import GateConditions
from ._feasibility import refuse_jumps, unreachable
from ._select import solve
from ._target import Residuals
from ._transform import Transform


_FAMILY = (GateConditions(),)


def solve_gate(phi: ScalarFunction, psi: float) -> Transform:
    """The transform with Q_g(1) = 1, Q_g'(1) = 0, C_g'(1) = ψ - 1 and no Hermite term of degree 3.

    The unit y = u g(v) of independent u and v has Q_y = q Q_g and C_y = c C_g. So it meets the
    conditions of DKS, Q_y(1) = Q_y'(1) = 1, C_y(0) = 0 and C_y'(1) = ψ. These leave one constant
    free; the last condition keeps β = 0 for swish, GELU and softplus, which are x/2 plus an even
    function.

    Arguments:
        phi: the activation.
        psi: local slope of the unit, above 1.

    Returns: the certified transform, α > 0, with E g > 0.

    Raises:
        UnreachableError: no transformation meets the target; the message says what would.

    Example:
        >>> from kernelc.activations import named
        >>> t = solve_gate(named("swish"), 1.05)
        >>> round(t.alpha, 6), round(t.gamma, 6), round(t.delta, 6)
        (0.241961, -1.799177, -0.556538)
    """
    refuse_jumps(phi, 0, "E phi'^2, hence C'(1), is infinite at a jump", _OTHERS)
    if phi.homogeneity == 1:
        law = "with beta = 0 it is homogeneous, so alpha only scales and C_g'(1) is fixed"
        raise unreachable(phi, f"a gate with C'(1) = {psi - 1:.10g}", law, _OTHERS)
    try:
        transform = solve(phi, _FAMILY, psi - 1, f"psi = {psi:.10g}", _OTHERS, least=1.0)
    except UnreachableError as error:
        remedy = f"Use more nonlinear layers or a smaller zeta. {_OTHERS}"
        raise unreachable(phi, f"as a gate, {error.found}", error.law, remedy) from error
    certify_gate(phi, transform, psi)
    return transform


def certify_gate(phi: ScalarFunction, transform: Transform, psi: float) -> Residuals:
    """The residuals of the four conditions on a gate, by the rule of certificates.

    Raises:
        ShapingError: one exceeds the tolerance of `certify_dks`.
    """
    at = measured(phi, transform)
    residuals = {
        "Q(1)-1": at.q - 1,
        "Q'(1)": at.q_slope,
        "C'(1)-(psi-1)": at.c_slope - (psi - 1),
        "third Hermite coefficient": _third_coefficient(phi, transform),
    }
    return certified(phi, transform, residuals)


def gate_slope(phi: ScalarFunction, transform: Transform) -> float:
    """The slope of the unit, 1 + C_g'(1), by the rule of certificates."""
    return 1 + measured(phi, transform).c_slope


def _third_coefficient(phi: ScalarFunction, transform: Transform) -> float:
    """E g(Z) (Z³ - 3Z)/√6 = E g'(Z) (Z² - 1)/√6."""
    t, phi = transform, transform.of(phi)
    z, w = rule_of_certificates(phi, t.alpha, t.beta)
    slope = t.gamma * t.alpha * phi.numpy(1)(t.alpha * z + t.beta)
    return float(w @ (slope * (z * z - 1))) / math.sqrt(6)


_OTHERS = "Use another activation for the gate, such as swish, gelu, sigmoid or tanh"
