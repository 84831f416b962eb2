"""Deep Kernel Shaping of one activation."""

from __future__ import annotations

import math

from .._errors import ShapingError
from ..activations import ScalarFunction
from ._certificate import certify_dks
from ._conditions import SlopeConditions, reached
from ._feasibility import refuse_unshapeable, unsolved
from ._leaky_relu import has_free_slope, solve_leaky_relu_dks
from ._select import reach, solve
from ._transform import Transform


def solve_dks(phi: ScalarFunction, psi: float, q_slope: float = 1.0) -> Transform:
    """The transform with Q(1) = 1, Q'(1) = q_slope, C(0) = 0, C'(1) = ψ.

    δ = -E φ(X) and γ = 1/√Var φ(X), X = αZ + β, leave ∂log Var/∂log α = 2·q_slope and
    α² E φ'(X)² = ψ Var (Martens et al. 2021). Of several solutions, `ranked` says which is
    returned.

    Arguments:
        phi: the activation; a leaky ReLU has its negative slope solved for.
        psi: local slope, above 1.
        q_slope: the value of Q'(1).

    Returns: the certified transform, α > 0.

    Raises:
        ShapingError: a target that makes no sense.
        UnreachableError: no transformation meets the target; the message says what would.

    Example:
        >>> from kernelc.activations import named
        >>> round(solve_dks(named("softplus"), 1.5 ** (1 / 50)).beta, 8)
        0.40937397
    """
    _check(phi, psi, q_slope)
    if has_free_slope(phi) and q_slope == 1:
        transform = solve_leaky_relu_dks(psi)
        certify_dks(phi, transform, psi)
        return transform
    refuse_unshapeable(phi)
    family = (SlopeConditions(float(q_slope)),)
    transform = solve(phi, family, psi - 1)
    if transform is None:
        levels = reach(phi, family)
        covered = None if levels is None else (1 + levels[0], 1 + levels[1])
        remedy = "Use more nonlinear layers or a smaller zeta, so that each needs less slope"
        raise unsolved(phi, f"psi = {psi:.10g}", covered, remedy)
    certify_dks(phi, transform, psi, q_slope)
    return transform


def _check(phi: ScalarFunction, psi: float, q_slope: float) -> None:
    if not (math.isfinite(psi) and reached(psi - 1)):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"a local slope psi = {psi}",
            law="psi is finite and above 1: at 1, C(0) = 0 leaves only a straight line",
            remedy="Pass psi > 1, or zeta > 1 for a network",
        )
    if not (math.isfinite(q_slope) and q_slope > 0):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"q_slope = {q_slope}",
            law="Q'(1) is asked to be a finite positive number",
            remedy="Leave q_slope at 1",
        )
