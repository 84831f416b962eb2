"""What an input of zeros becomes, and which layers have no limit there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ..activations import ScalarFunction
from ..gaussian import at_zero
from ..ir import Network, Reading, Weights


Fate = Literal["zero", "constant"] | None
"""Zero in all channels, one number in all channels, or something else."""


class ZeroReading(Reading[Fate]):
    """The value at a location that is zero throughout.

    A normalization divides by its length, and a function that jumps at 0 has a value of its own
    there: at such nodes kernels near zero do not converge to that of zero.
    """

    def __init__(self) -> None:
        self.norms: list[str] = []
        self.directions: list[str] = []
        self.jumps: list[str] = []

    @property
    def singular(self) -> bool:
        """Whether some node has no limit at an input of zeros."""
        return bool(self.norms or self.directions or self.jumps)

    def combine(self, values: Sequence[Fate]) -> Fate:
        return "zero" if all(s == "zero" for s in values) else None

    def fresh(
        self,
        s: Fate,
        weights: Weights,
        read: Fate = None,
        trained: Callable[[], Fate] | None = None,
    ) -> Fate:
        silent = weights.variance == 0 or s == "zero"
        return "zero" if silent and weights.bias_variance == 0 else None

    def nonlinearity(self, s: Fate, phi: ScalarFunction) -> Fate:
        if s != "zero":
            return s
        if any(location == 0 for location, _ in phi.jumps(0)):
            self.jumps.append(self.site.name)
        return "zero" if at_zero(phi) == 0 else "constant"

    def weighted_sum(self, terms: Sequence[Fate], weights: Sequence[Any]) -> Fate:
        heard = [s for s, weight in zip(terms, weights, strict=True) if weight != 0]
        if all(s == "zero" for s in heard):
            return "zero"
        return None if None in heard else "constant"

    def product(self, factors: Sequence[Fate]) -> Fate:
        if "zero" in factors:
            return "zero"
        return None if None in factors else "constant"

    def normalize(self, s: Fate, center: bool, over_locations: bool) -> Fate:
        if s == "zero" or (s == "constant" and center):
            self.norms.append(self.site.name)
            return "zero"
        return s

    def center(self, s: Fate) -> Fate:
        return "zero" if s == "constant" else s

    def batch_normalize(self, s: Fate) -> Fate:
        return None

    def pln(self, s: Fate, channels: int, mode: str) -> Fate:
        if s == "zero" and mode != "one":
            self.directions.append(self.site.name)
        return "constant" if s == "zero" and mode == "off" else None

    def dropout(self, s: Fate, keep: float) -> Fate:
        return s if keep == 1 or s == "zero" else None

    def unsupported(self, s: Sequence[Fate], reason: str, remedy: str) -> Fate:
        return None


def zeros(network: Network) -> ZeroReading:
    """The network read at an input of zeros."""
    algebra = ZeroReading()
    network.fold(algebra, "zero")
    return algebra
