"""EdgeOfChaos: deviations of weights and biases with slope 1; activations do not change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from .._errors import ShapingError, shown
from ..activations import ScalarFunction
from ..gaussian import Moments, moments
from ..ir import Network, after_last_nonlinearity
from ..modules import Initializer
from ._certificate import rule_of_certificates, within
from ._edge_curve import EdgePoint, edge_point
from ._edge_network import drawn, draws, network_residuals, plain, positions, refuse_other_graphs
from ._requirements import Prepared, Rewriting, prepared, refuse
from ._target import Certificate, Residuals, Solution, Target, check_number


_LARGEST_Q = 1e6
_LAW = "every pre-activation must have q at the fixed point and C'(1) = 1"
_STABLE = 1e-9  # beyond 1: the slope of ReLU is 1 up to rounding


@dataclass(frozen=True)
class EdgeOfChaos(Target):
    """Weights and biases at which the slope is 1 at a fixed point q* of the Q map.

    sigma_w^2 E phi'(sqrt(q*) Z)^2 = 1 and q* = sigma_w^2 E phi(sqrt(q*) Z)^2 + sigma_b^2 (Poole
    et al. 2016; Schoenholz et al. 2017, eqs. 4 and 8). The solutions of one activation are a
    curve, on which q or bias_std names a point; activations stay as they are. Without
    arguments q* is 1, or the value nearest to 1 (in ratio) with sigma_b^2 >= 0. For functions
    such as tanh the curve starts at sigma_w = 1 / |phi'(0)|, sigma_b = 0, where q* goes to 0.

    A layer of weights that reads an image of the nonlinearity gets sigma_w and sigma_b; one that
    reads the input takes q = 1 to the fixed point; one that reads values at the fixed point
    leaves them there. Normalized sums of independent values at the fixed point keep it, and
    C'(1) = 1 with it. Layers after the last nonlinearity keep their deviations.

    Arguments:
        q: the fixed point, above 0 and below a million.
        bias_std: sigma_b, at least 0; of several fixed points, the one nearest to 1 is taken.
        init: how weights are drawn: "gaussian", "orthogonal" or "suo".

    Raises:
        ShapingError: both q and bias_std, or a value out of range.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> layers = kc.chain(kc.Dense(64), kc.Activation("tanh"))
        >>> net = kc.Network(x, kc.chain(kc.repeat(layers, 50), kc.Dense(3))(x))
        >>> shaped = kc.shape(net, kc.EdgeOfChaos())
        >>> round(shaped.weight_std, 8), round(shaped.bias_std, 8), shaped.q
        (1.46741359, 0.38854167, 1.0)
    """

    q: float | None = None
    bias_std: float | None = None
    init: Initializer = "gaussian"

    def __post_init__(self) -> None:
        if self.q is not None and self.bias_std is not None:
            raise ShapingError(
                where="EdgeOfChaos",
                found=f"q = {shown(self.q)} and bias_std = {shown(self.bias_std)}",
                law="the edge of chaos of an activation is a curve: one number names a point",
                remedy="give one of them, or neither",
            )
        if self.q is not None:
            why = "Gaussian means are taken there"
            check_number("EdgeOfChaos", "q", self.q, 0.0, _LARGEST_Q, why)
        none = isinstance(self.bias_std, int | float) and self.bias_std == 0
        if self.bias_std is not None and (not none or isinstance(self.bias_std, bool)):
            check_number("EdgeOfChaos", "bias_std", self.bias_std, 0.0, math.inf, "or 0, for none")
        drawn = [init for init in get_args(Initializer) if init != "zero"]
        if not isinstance(self.init, str) or self.init not in drawn:
            raise ShapingError(
                where="EdgeOfChaos",
                found=f"init = {shown(self.init)}",
                law=f"weights are drawn in one of the ways {', '.join(drawn)}",
                remedy="choose one of them",
            )

    def prepare(self, network: Network, rewriting: Rewriting) -> Prepared:
        free = after_last_nonlinearity(network)
        last = frozenset(node.name for node in network if free[node.index] and draws(node.layer))
        ready = prepared(
            network.rebuild(lambda node: plain(node, last)),
            rewriting,
            centered=False,
            exempt=last,
            law=_LAW,
        )
        found = positions(ready.network)
        refuse(network, found.violations, rewriting.rewrite, _LAW)
        refuse_other_graphs(ready.network, found)
        return ready

    def solve(self, network: Network) -> Solution:
        point = self._point(network)
        return self._solution(drawn(network, point, self.init, str(self)), point)

    def read(self, network: Network) -> Solution:
        return self._solution(network, self._point(network))

    def _point(self, network: Network) -> EdgePoint:
        (phi,) = positions(network).functions
        return solve_edge_of_chaos(phi, self)

    def _solution(self, network: Network, point: EdgePoint) -> Solution:
        constants = {"weight_std": point.weight_std, "bias_std": point.bias_std, "q": point.q}
        return Solution(network, constants, assumptions=_repelling(point))

    def certify(self, solution: Solution) -> Certificate:
        (phi,) = positions(solution.network).functions
        q, *deviations = (solution.constants[name] for name in ("q", "weight_std", "bias_std"))
        local, found = certify_edge(phi, q, *deviations)
        return {phi.name: local, "network": network_residuals(solution.network, q, found)}

    def lines(self, constants: Mapping[str, float]) -> list[str]:
        sigmas = f"sigma_w = {constants['weight_std']:.12g}, sigma_b = {constants['bias_std']:.12g}"
        return [f"{sigmas} at the fixed point q = {constants['q']:.12g}"]


def solve_edge_of_chaos(phi: ScalarFunction, target: EdgeOfChaos) -> EdgePoint:
    """sigma_w and sigma_b with C'(1) = 1 at a fixed point q of the Q map.

    sigma_w^2 E phi'(X)^2 = 1 and q = sigma_w^2 E phi(X)^2 + sigma_b^2, X ~ N(0, q) (Schoenholz et
    al. 2017, eqs. 4 and 8), give both numbers for each q; where q is not given it is searched
    for from 1 outwards. The caller certifies the point.

    Raises:
        UnreachableError: no such point with q from 0.001 to 1000, or phi jumps.
        ActivationError: moments at the q that is given are not finite.

    Example:
        >>> from kernelc.activations import named
        >>> solve_edge_of_chaos(named("relu"), EdgeOfChaos()).bias_std
        0.0
    """
    return edge_point(phi, target.q, target.bias_std)


def certify_edge(
    phi: ScalarFunction, q: float, weight_std: float, bias_std: float
) -> tuple[Residuals, Moments]:
    """The residuals of the two conditions of the edge of chaos, and the moments they come from.

    C'(1) = sigma_w^2 E phi'(X)^2 = 1 and Q(q) = sigma_w^2 E phi(X)^2 + sigma_b^2 = q, with
    X ~ N(0, q) (Schoenholz et al. 2017, eqs. 4 and 8), by the certificate's rule; q is the fixed
    point.

    Raises:
        ShapingError: a residual exceeds 1e-12.

    Example:
        >>> from kernelc.activations import named
        >>> certify_edge(named("relu"), 1.0, 2**0.5, 0.1)
        Traceback (most recent call last):
        ...
        kernelc._errors.ShapingError: Where: activation relu
        Found: Q(q)/q-1 = ...
    """
    found = moments(phi, math.sqrt(q), rule=rule_of_certificates)
    residuals = {
        "C'(1)-1": weight_std**2 * found.slope_second - 1,
        "Q(q)/q-1": (weight_std**2 * found.second + bias_std**2) / q - 1,
    }
    at = f"q = {q:.10g}, sigma_w = {weight_std:.10g}, sigma_b = {bias_std:.10g}"
    return within(phi, at, residuals), found


def _repelling(point: EdgePoint) -> tuple[str, ...]:
    if abs(point.q_slope) <= 1 + _STABLE:
        return ()
    return (
        f"q = {point.q:.6g} all along: it repels, Q'(q) = {point.q_slope:.6g}, so other q "
        "values (other inputs, finite widths) move away by this factor at each nonlinearity",
    )
