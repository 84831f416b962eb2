"""What to shape a network towards."""

from __future__ import annotations

import dataclasses
import math

from .._errors import ShapingError


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
        eta: largest C_f(0) over subnetworks, in (0, 1): for leaky ReLU.
        tau: largest C_f''(1) over subnetworks, positive: for smooth activations.

    Raises:
        ShapingError: neither or both, or a value out of range.

    Example:
        >>> import kernelc as kc
        >>> kc.TAT(tau=0.3)
        TAT(eta=None, tau=0.3)
    """

    eta: float | None = None
    tau: float | None = None

    def __post_init__(self) -> None:
        if (self.eta is None) == (self.tau is None):
            raise ShapingError(
                where="TAT",
                found=f"eta = {self.eta}, tau = {self.tau}",
                law="TAT has one target: eta for leaky ReLU, tau for smooth activations",
                remedy="give exactly one, such as TAT(eta=0.9) or TAT(tau=0.3)",
            )
        if self.eta is not None:
            _check("TAT", "eta", self.eta, 0.0, 1.0, "C_f(0) is a cosine similarity")
        if self.tau is not None:
            _check("TAT", "tau", self.tau, 0.0, math.inf, "0 is reached only by linear networks")


Target = DKS | TAT


def _check(kind: str, field: str, value: float, low: float, high: float, why: str) -> None:
    valid = isinstance(value, int | float) and not isinstance(value, bool)
    if not valid or not math.isfinite(value) or not low < value < high:
        end = "" if high == math.inf else f" and below {high:g}"
        raise ShapingError(
            where=kind,
            found=f"{field} = {value!r}",
            law=f"{field} is above {low:g}{end}: {why}",
            remedy=f"choose such a {field}",
        )
