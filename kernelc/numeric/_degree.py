"""Abstract readings of the kernel rules: degrees of homogeneity, and who asks for q again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..activations import ScalarFunction
from ..ir import LocationMap, PairKind, Reading, Weights


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
