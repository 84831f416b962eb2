"""Tailored Activation Transformation of one smooth activation."""

from __future__ import annotations

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ._certificate import certify_tat
from ._conditions import CurvatureConditions, reached
from ._feasibility import refuse_unshapeable, unsolved
from ._select import reach, solve
from ._transform import Transform


_FAMILY = (CurvatureConditions(1), CurvatureConditions(-1))


def solve_tat(phi: ScalarFunction, kappa: float) -> Transform:
    """The transform with Q(1) = 1, Q'(1) = 1, C'(1) = 1, C''(1) = κ.

    γ from Q(1) and δ from C'(1), a quadratic with two signs, leave two equations in (α, β)
    (TAT, smooth activations). Of several solutions, `ranked` says which is returned.

    Arguments:
        phi: the activation, with continuous φ'.
        kappa: local curvature, above 0.

    Returns: the certified transform, α > 0.

    Raises:
        ShapingError: a target that makes no sense.
        UnreachableError: φ' jumps, or no transformation meets the target.

    Example:
        >>> from kernelc.activations import named
        >>> round(solve_tat(named("tanh"), 0.03).alpha, 8)
        0.1846384
    """
    if not reached(kappa):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"a local curvature kappa = {kappa}",
            law="C''(1) = 0 leaves only a straight line, so kappa is finite and above 0",
            remedy="Pass kappa > 0, or tau > 0 for a network",
        )
    _refuse_kinks(phi)
    refuse_unshapeable(phi)
    transform = solve(phi, _FAMILY, kappa)
    if transform is None:
        remedy = "Use more nonlinear layers or a smaller tau, so that each needs less curvature"
        raise unsolved(phi, f"kappa = {kappa:.10g}", reach(phi, _FAMILY), remedy)
    certify_tat(phi, transform, kappa)
    return transform


def _refuse_kinks(phi: ScalarFunction) -> None:
    if phi.smoothness != 0:
        return
    at = ", ".join(f"{x:g}" for x, _ in phi.jumps(1))
    raise UnreachableError(
        where=f"activation {phi.name}",
        found=f"its slope jumps at x = {at}",
        law="C''(1) is infinite where phi' jumps, so it cannot be set",
        remedy="Use DKS, or TAT with leaky_relu alone, or an activation with continuous slope",
    )
