"""Readings of a network without its numbers: degrees, pools that are asked for q, zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ..activations import ScalarFunction
from ..gaussian import at_zero
from ..ir import (
    FixedAttention,
    FixedVectors,
    LocationMap,
    Network,
    PairKind,
    Reading,
    Real,
    Weights,
)


Fate = Literal["zero", "constant"] | None
"""Zero in all channels, one number in all channels, or something else."""


class DegreeReading(Reading[int | None]):
    """The degree d with which a value scales with the input, f(tx) = t^d f(x); None for none.

    Where it is known, K(x, x') = (q q')^(d/2) K at q = 1, whatever the norms of inputs; and so
    is Theta, which a trained bias spoils in the standard parameterization: it adds 1 to it.
    """

    def __init__(self, standard: bool = False) -> None:
        self.standard = standard

    def seal(self, s: int | None) -> int | None:
        """Nothing to forget."""
        return s

    def combine(self, values: Sequence[int | None]) -> int | None:
        return values[0] if all(value == values[0] for value in values) else None

    def fresh(
        self,
        s: int | None,
        weights: Weights,
        read: int | None = None,
        trained: Callable[[], int | None] | None = None,
    ) -> int | None:
        adds = weights.bias_variance != 0 or (self.standard and weights.bias)
        return None if adds and s != 0 else s

    def nonlinearity(self, s: int | None, phi: ScalarFunction) -> int | None:
        if s is None or s == 0:
            return s
        return None if phi.homogeneity is None else s * phi.homogeneity

    def product(self, factors: Sequence[int | None]) -> int | None:
        return None if None in factors else sum(factor or 0 for factor in factors)

    def normalize(self, s: int | None, center: bool, over_locations: bool) -> int | None:
        return None if s is None else 0

    def batch_normalize(self, s: int | None) -> int | None:
        return None if s is None else 0

    def attend(
        self, query: int | None, key: int | None, value: int | None, attention: FixedAttention
    ) -> int | None:
        # Queries that train add a term of degree query + key + value to Theta.
        return 0 if query == key == value == 0 else None

    def fixed(self, s: int | None, vectors: FixedVectors) -> int | None:
        return 0

    def pln(self, s: int | None, channels: int, mode: str) -> int | None:
        return 0 if s == 0 or (s is not None and mode != "one") else None

    def unsupported(self, s: Sequence[int | None], reason: str, remedy: str) -> int | None:
        return None


class PooledReading(Reading[bool]):
    """Whether a value is a mean over locations; `asked` lists where its q value is asked for.

    Such a q value depends on all pairs of locations of one input.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def combine(self, values: Sequence[bool]) -> bool:
        return any(values)

    def nonlinearity(self, s: bool, phi: ScalarFunction) -> bool:
        return self._reads(s)

    def normalize(self, s: bool, center: bool, over_locations: bool) -> bool:
        return self._reads(s)

    def batch_normalize(self, s: bool) -> bool:
        return self._reads(s)

    def mix(self, s: bool, locations: LocationMap) -> bool:
        return s or (not locations.identity and PairKind.LOCATION in locations.reads)

    def pln(self, s: bool, channels: int, mode: str) -> bool:
        return self._reads(s)

    def _reads(self, s: bool) -> bool:
        if s:
            self.asked.append(self.site.name)
        return s


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
        silent = weights.drawn == 0 or s == "zero"
        return "zero" if silent and weights.bias_variance == 0 else None

    def nonlinearity(self, s: Fate, phi: ScalarFunction) -> Fate:
        if s != "zero":
            return s
        if any(location == 0 for location, _ in phi.jumps(0)):
            self.jumps.append(self.site.name)
        return "zero" if at_zero(phi) == 0 else "constant"

    def weighted_sum(self, terms: Sequence[Fate], weights: Sequence[Real]) -> Fate:
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

    def fixed(self, s: Fate, vectors: FixedVectors) -> Fate:
        return None if vectors.variance else "zero"

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
