"""TAT: Tailored Activation Transformations, of smooth activations and of leaky ReLU."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ..ir import Network
from ._certificate import certified, measured
from ._conditions import CurvatureConditions, reached
from ._feasibility import refuse_jumps, refuse_products, refuse_unshapeable
from ._leaky_relu import (
    is_fixed_rectifier,
    leaky_relu_c_map,
    leaky_relu_tat_transform,
    with_free_slopes,
)
from ._requirements import Prepared, Rewriting, prepared
from ._roots import root
from ._select import solve
from ._subnetworks import subnetworks
from ._target import Certificate, Residuals, Solution, Target, check_number
from ._transform import Transform, has_free_slope, nonlinearities, transforms_of


_FAMILY = (CurvatureConditions(1), CurvatureConditions(-1))


@dataclass(frozen=True)
class TAT(Target):
    """Tailored Activation Transformations (Zhang et al. 2022); give exactly one target.

    Arguments:
        eta: largest C_f(0) over subnetworks, in (0, 1): for leaky ReLU. "largest" takes the
            largest value the graph reaches, that of negative slope 0: for networks too shallow
            for the usual 0.9. Deep networks reach nearly 1, where all inputs look alike.
        tau: largest C_f''(1) over subnetworks, positive: for smooth activations.

    Raises:
        ShapingError: neither or both, or a value out of range.

    Example:
        >>> import kernelc as kc
        >>> kc.TAT(tau=0.3)
        TAT(eta=None, tau=0.3)
    """

    eta: float | Literal["largest"] | None = None
    tau: float | None = None

    def __post_init__(self) -> None:
        if (self.eta is None) == (self.tau is None):
            raise ShapingError(
                where="TAT",
                found=f"eta = {self.eta}, tau = {self.tau}",
                law="TAT has one target: eta for leaky ReLU, tau for smooth activations",
                remedy="give exactly one, such as TAT(eta=0.9) or TAT(tau=0.3)",
            )
        if self.eta is not None and self.eta != "largest":
            check_number("TAT", "eta", self.eta, 0.0, 1.0, "C_f(0) is a cosine similarity")
        if self.tau is not None:
            why = "0 is reached only by linear networks"
            check_number("TAT", "tau", self.tau, 0.0, math.inf, why)

    def rewritten(self, network: Network) -> tuple[Network, tuple[str, ...]]:
        return (network, ()) if self.eta is None else with_free_slopes(network)

    def prepare(self, network: Network, rewriting: Rewriting) -> Prepared:
        # Leaky ReLUs keep their mean: C_f(0) is above 0.
        return prepared(network, rewriting, centered=self.eta is None)

    def solve(self, network: Network) -> Solution:
        functions = nonlinearities(network)
        if self.eta is not None:
            _require(functions, True, "TAT(eta=...)", "leaky_relu", "TAT(tau=...) for smooth ones")
            refuse_products(network, "TAT needs C_f'(1) = 1")
            transform = leaky_relu_tat_transform(_negative_slope(network, self.eta))
            return Solution(network, {}, dict.fromkeys(functions, transform))
        _require(
            functions, False, "TAT(tau=...)", "smooth activations", "TAT(eta=...) for leaky_relu"
        )
        refuse_products(network, "TAT needs C_f'(1) = 1")
        constants = self._constants(network)
        transforms = {
            label: _transform(phi, constants["kappa"]) for label, phi in functions.items()
        }
        return Solution(network, constants, transforms)

    def read(self, network: Network) -> Solution:
        return Solution(network, self._constants(network), transforms_of(network))

    def _constants(self, network: Network) -> dict[str, float]:
        if self.tau is None:
            return {}
        return {"kappa": self.tau / subnetworks(network).max_curvature(1.0)}

    def certify(self, solution: Solution) -> Certificate:
        functions, transforms = nonlinearities(solution.network), solution.transforms
        if self.eta is not None:
            found = {
                label: _certify_leaky(phi, transforms[label]) for label, phi in functions.items()
            }
            slope = next(iter(transforms.values())).negative_slope
            largest = _largest_c_value(solution.network)
            eta = largest(0.0) if self.eta == "largest" else self.eta
            return {**found, "network": {"max C_f(0)-eta": largest(slope or 0.0) - eta}}
        assert self.tau is not None
        kappa = solution.constants["kappa"]
        found = {
            label: certify_tat(phi, transforms[label], kappa) for label, phi in functions.items()
        }
        miss = max((each["C''(1)/kappa-1"] for each in found.values()), key=abs)
        largest = subnetworks(solution.network).max_curvature(kappa * (1 + miss))
        return {**found, "network": {"max C_f''(1)-tau": largest - self.tau}}

    def lines(self, constants: Mapping[str, float]) -> list[str]:
        return [f"local curvature kappa = {kappa:.12g}" for kappa in constants.values()]


def solve_tat(phi: ScalarFunction, kappa: float) -> Transform:
    """The transform with Q(1) = 1, Q'(1) = 1, C'(1) = 1, C''(1) = κ.

    γ from Q(1) and δ from C'(1), a quadratic with two signs, leave two equations in (α, β)
    (TAT, smooth activations). Of several solutions, `ranked` says which is returned.

    Arguments:
        phi: the activation, with continuous φ'.
        kappa: local curvature, above 0.

    Returns: the certified transform, α > 0.

    Raises:
        ShapingError: kappa out of range.
        UnreachableError: φ' jumps, or no transformation meets the target.

    Example:
        >>> from kernelc.activations import named
        >>> round(solve_tat(named("tanh"), 0.03).alpha, 8)
        0.1846384
    """
    transform = _transform(phi, kappa)
    certify_tat(phi, transform, kappa)
    return transform


def certify_tat(phi: ScalarFunction, transform: Transform, kappa: float) -> Residuals:
    """The residuals of the four local conditions of smooth TAT.

    As `certify_dks`, and C''(1) = E φ̂''²/Q(1), which holds where φ' is continuous (TAT).

    Raises:
        ShapingError: one exceeds the tolerance of `certify_dks`; the curvature's is relative to κ.
    """
    at = measured(phi, transform, curved=True)
    residuals = {
        "Q(1)-1": at.q - 1,
        "Q'(1)-1": at.q_slope - 1,
        "C'(1)-1": at.c_slope - 1,
        "C''(1)/kappa-1": at.c_curvature / kappa - 1,
    }
    return certified(phi, transform, residuals)


def _transform(phi: ScalarFunction, kappa: float) -> Transform:
    if not reached(kappa):
        raise ShapingError(
            where=f"activation {phi.name}",
            found=f"a local curvature kappa = {kappa}",
            law="C''(1) = 0 leaves only a straight line, so kappa is finite and above 0",
            remedy="Pass kappa > 0, or tau > 0 for a network",
        )
    refuse_jumps(
        phi,
        1,
        "C''(1) is infinite where phi' jumps, so it cannot be set",
        "Use DKS, or TAT with leaky_relu alone, or an activation with continuous slope",
    )
    refuse_unshapeable(phi)
    remedy = "Use more nonlinear layers or a smaller tau, so that each needs less curvature"
    return solve(phi, _FAMILY, kappa, f"kappa = {kappa:.10g}", remedy)


def _certify_leaky(phi: ScalarFunction, transform: Transform) -> Residuals:
    """The residuals of Q(1) = Q'(1) = C'(1) = 1, which leaky ReLU keeps for every slope (TAT)."""
    at = measured(phi, transform)
    residuals = {"Q(1)-1": at.q - 1, "Q'(1)-1": at.q_slope - 1, "C'(1)-1": at.c_slope - 1}
    return certified(phi, transform, residuals)


def _negative_slope(network: Network, wanted: float | Literal["largest"]) -> float:
    """The negative slope with the wanted largest C_f(0)."""
    largest = _largest_c_value(network)
    highest = largest(0.0)
    eta = highest if wanted == "largest" else wanted
    if highest < eta:
        raise UnreachableError(
            where=network.name,
            found=f"eta = {eta:g}, but C_f(0) is at most {highest:.6f} (negative slope 0)",
            law="C_f(0) grows with the number of nonlinear layers and falls with the negative "
            "slope and with the weight of shortcuts",
            remedy=f"ask for eta below {highest:.4f} or eta='largest', use more layers or lighter "
            "shortcuts",
        )
    return 0.0 if eta == highest else root(lambda a: largest(a) - eta, 0.0, 1.0, 1e-17)


def _largest_c_value(network: Network) -> Callable[[float], float]:
    """The largest C_f(0) as a function of the negative slope."""
    found = subnetworks(network)

    def largest(slope: float) -> float:
        local = leaky_relu_c_map(slope)
        return found.max_c_value(lambda c: float(local(c)))

    return largest


def _require(
    functions: Mapping[str, ScalarFunction],
    wanted: bool,
    target: str,
    kind: str,
    alternative: str,
) -> None:
    free = {label: has_free_slope(phi) for label, phi in functions.items()}
    wrong = [label for label, is_free in free.items() if is_free is not wanted]
    if wanted and any(is_fixed_rectifier(functions[label]) for label in wrong):
        alternative = f"leaky_relu (rewrite=True puts it in), {alternative}"
    if wrong:
        raise ShapingError(
            where=", ".join(wrong),
            found=f"an activation that {target} does not apply to",
            law=f"{target} is for {kind}: a kink makes C''(1) infinite, and only a free negative "
            "slope keeps Q(q) = q while C_f(0) is set",
            remedy=f"use {alternative}, or DKS",
        )
