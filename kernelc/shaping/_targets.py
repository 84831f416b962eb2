"""What to shape a network towards."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal, get_args

from .._errors import ShapingError, shown
from .._limits import real
from ..modules import Initializer


_LARGEST_Q = 1e6


@dataclasses.dataclass(frozen=True)
class DKS:
    """Deep Kernel Shaping (Martens et al. 2021).

    For every subnetwork f: Q_f(1) = 1, C_f(0) = 0 and C_f'(1) <= zeta; Q'(1) = q_slope for every
    nonlinearity.

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
        _check("DKS", "zeta", self.zeta, 1.0, math.inf, "1 is reached only by linear networks")
        _check("DKS", "q_slope", self.q_slope, 0.0, math.inf, "Q maps of interest grow")


@dataclasses.dataclass(frozen=True)
class TAT:
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
            _check("TAT", "eta", self.eta, 0.0, 1.0, "C_f(0) is a cosine similarity")
        if self.tau is not None:
            _check("TAT", "tau", self.tau, 0.0, math.inf, "0 is reached only by linear networks")


@dataclasses.dataclass(frozen=True)
class EdgeOfChaos:
    """Weights and biases at which the slope is 1 at a fixed point q* of the Q map.

    sigma_w^2 E phi'(sqrt(q*) Z)^2 = 1 and q* = sigma_w^2 E phi(sqrt(q*) Z)^2 + sigma_b^2 (Poole
    et al. 2016; Schoenholz et al. 2017, eqs. 4 and 8). The solutions of one activation are a
    curve, on which q or bias_std names a point; activations stay as they are. Without
    arguments q* is 1, or the value nearest to 1 (in ratio) with sigma_b^2 >= 0. For functions
    such as tanh the curve starts at sigma_w = 1 / |phi'(0)|, sigma_b = 0, where q* goes to 0.

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
            _check("EdgeOfChaos", "q", self.q, 0.0, _LARGEST_Q, "Gaussian means are taken there")
        none = isinstance(self.bias_std, int | float) and self.bias_std == 0
        if self.bias_std is not None and (not none or isinstance(self.bias_std, bool)):
            _check("EdgeOfChaos", "bias_std", self.bias_std, 0.0, math.inf, "or 0, for none")
        if not isinstance(self.init, str) or self.init not in get_args(Initializer):
            raise ShapingError(
                where="EdgeOfChaos",
                found=f"init = {shown(self.init)}",
                law=f"weights are drawn in one of the ways {', '.join(get_args(Initializer))}",
                remedy="choose one of them",
            )


Target = DKS | TAT | EdgeOfChaos


def _check(kind: str, field: str, value: Any, low: float, high: float, why: str) -> None:
    number = real(value) if isinstance(value, int | float) else math.nan
    if not math.isfinite(number) or not low < number < high:
        end = "" if high == math.inf else f" and below {high:g}"
        raise ShapingError(
            where=kind,
            found=f"{field} = {shown(value)}",
            law=f"{field} is above {low:g}{end}: {why}",
            remedy=f"choose such a {field}",
        )
