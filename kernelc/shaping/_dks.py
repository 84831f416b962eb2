"""DKS: Deep Kernel Shaping of one activation, and of a network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ..ir import Network
from ._certificate import certified, measured, measured_slope
from ._conditions import SlopeConditions, reached
from ._dks_gates import certify_gate, gate_slope, solve_gate
from ._feasibility import PRODUCTS, refuse_unshapeable, unreachable
from ._leaky_relu import solve_leaky_relu_dks, with_free_slopes
from ._roots import root
from ._select import solve
from ._subnetworks import subnetworks
from ._target import Certificate, Residuals, Solution, Target, check_number
from ._transform import Transform, gate_labels, has_free_slope, nonlinearities, transforms_of


_STEEPEST = 1e6


@dataclass(frozen=True)
class DKS(Target):
    """Deep Kernel Shaping (Martens et al. 2021).

    For every subnetwork f: Q_f(1) = 1, C_f(0) = 0 and C_f'(1) <= zeta; Q'(1) = q_slope for every
    nonlinearity. A gated unit u g(v), with u linear, meets them as a whole: its gate g has
    Q_g(1) = 1, Q_g'(1) = 0 and C_g'(1) = psi - 1, psi the local slope.

    Arguments:
        zeta: largest C_f'(1) over subnetworks, above 1.
        q_slope: local Q'(1).

    Raises:
        ShapingError: zeta not above 1, or not finite.

    Example:
        >>> import kernelc as kc
        >>> kc.DKS().zeta
        1.5
    """

    zeta: float = 1.5
    q_slope: float = 1.0

    def __post_init__(self) -> None:
        why = "1 is reached only by linear networks"
        check_number("DKS", "zeta", self.zeta, 1.0, math.inf, why)
        check_number("DKS", "q_slope", self.q_slope, 0.0, math.inf, "Q maps of interest grow")

    def rewritten(self, network: Network) -> tuple[Network, tuple[str, ...]]:
        return with_free_slopes(network)

    def solve(self, network: Network) -> Solution:
        functions, gates = nonlinearities(network), gate_labels(network)
        self._refuse_gates(network, gates)
        psi = _local_slope(network, self.zeta)
        transforms = {
            label: solve_gate(phi, psi) if label in gates else _transform(phi, psi, self.q_slope)
            for label, phi in functions.items()
        }
        return Solution(network, {"psi": psi}, transforms)

    def read(self, network: Network) -> Solution:
        psi = _local_slope(network, self.zeta)
        return Solution(network, {"psi": psi}, transforms_of(network))

    def certify(self, solution: Solution) -> Certificate:
        psi, found, slopes = solution.constants["psi"], {}, []
        gates = gate_labels(solution.network)
        for label, phi in nonlinearities(solution.network).items():
            transform = solution.transforms[label]
            if label in gates:
                found[label] = certify_gate(phi, transform, psi)
                slopes.append(gate_slope(phi, transform))
            else:
                found[label] = certify_dks(phi, transform, psi, self.q_slope)
                slopes.append(measured_slope(phi, transform))
        largest = subnetworks(solution.network).max_slope(max(slopes))
        return {**found, "network": {"max C_f'(1)-zeta": largest - self.zeta}}

    def _refuse_gates(self, network: Network, gates: frozenset[str]) -> None:
        if gates and self.q_slope != 1:
            raise UnreachableError(
                where=network.name,
                found=f"q_slope = {self.q_slope:g} and {', '.join(sorted(gates))}",
                law="a gated unit is solved for Q'(1) = 1",
                remedy="leave q_slope at 1",
            )

    def lines(self, constants: Mapping[str, float]) -> list[str]:
        return [f"local slope psi = {constants['psi']:.12g}"]


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
        ShapingError: psi or q_slope out of range.
        UnreachableError: no transformation meets the target; the message says what would.

    Example:
        >>> from kernelc.activations import named
        >>> round(solve_dks(named("softplus"), 1.5 ** (1 / 50)).beta, 8)
        0.40937397
    """
    transform = _transform(phi, psi, q_slope)
    certify_dks(phi, transform, psi, q_slope)
    return transform


def certify_dks(
    phi: ScalarFunction, transform: Transform, psi: float, q_slope: float = 1.0
) -> Residuals:
    """The residuals of the four local conditions of DKS.

    Q(1) = E φ̂², Q'(1) = E φ̂φ̂'Z, C(0) = (E φ̂)²/Q(1), C'(1) = E φ̂'²/Q(1) (DKS; φ̂(u) = γ(φ(αu+β)+δ)).
    The transform's negative slope, if it has one, replaces that of φ.

    Raises:
        ShapingError: one exceeds 1e-12, or 64 ε γ(1+|δ|) where rounding of φ(·)+δ costs more.

    Example:
        >>> from kernelc.activations import named
        >>> half = Transform(alpha=1.0, beta=0.0, gamma=2**0.5, delta=0.0)
        >>> certify_dks(named("tanh"), half, 1.01)
        Traceback (most recent call last):
        ...
        kernelc._errors.ShapingError: Where: activation tanh
        Found: Q'(1)-1 = ...
    """
    at = measured(phi, transform)
    residuals = {
        "Q(1)-1": at.q - 1,
        "Q'(1)-1" if q_slope == 1 else "Q'(1)-q_slope": at.q_slope - q_slope,
        "C(0)": at.c,
        "C'(1)-psi": at.c_slope - psi,
    }
    return certified(phi, transform, residuals)


def _transform(phi: ScalarFunction, psi: float, q_slope: float) -> Transform:
    _check(phi, psi, q_slope)
    if has_free_slope(phi):
        if q_slope != 1:
            law = "two rays from the origin have Q(q) = q, so Q'(1) = 1"
            remedy = "leave q_slope at 1, or use another activation"
            raise unreachable(phi, f"q_slope = {q_slope:g}", law, remedy)
        return solve_leaky_relu_dks(psi)
    refuse_unshapeable(phi)
    remedy = "Use more nonlinear layers or a smaller zeta, so that each needs less slope"
    family = (SlopeConditions(float(q_slope)),)
    return solve(phi, family, psi - 1, f"psi = {psi:.10g}", remedy, least=1.0)


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


def _local_slope(network: Network, zeta: float) -> float:
    """psi = mu^{-1}(zeta), solved in log psi, in which log mu of a chain is linear."""
    found = subnetworks(network)
    flat = found.max_slope(1.0)
    if flat >= zeta:
        raise UnreachableError(
            where=network.name,
            found=f"zeta = {zeta:g}, but the slope is at least {flat:.6g} already when every "
            "local slope is 1",
            law=f"C_f'(1) > {flat:.6g} for this graph: {PRODUCTS}",
            remedy=f"ask for zeta above {flat:.6g}, or replace Product by a weighted sum",
        )

    def miss(log_psi: float) -> float:
        return math.log(found.max_slope(math.exp(log_psi)) / zeta)

    # The bracket grows from below: at psi = zeta the slope of a deep net would overflow.
    high = math.log(zeta) / len(network)
    while miss(high) < 0:
        high *= 2
        if high > math.log(_STEEPEST):
            raise UnreachableError(
                where=network.name,
                found=f"zeta = {zeta:g}, but a local slope of {_STEEPEST:g} gives a smaller one",
                law="shortcuts of weight near 1 leave little of the branches' slope",
                remedy="use lighter shortcuts or a smaller zeta",
            )
    return math.exp(root(miss, 0.0, high, 1e-17))
