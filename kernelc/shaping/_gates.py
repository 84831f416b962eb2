"""Which activations are gates: factors of a product whose other factor is linear."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..activations import ScalarFunction
from ..ir import FixedAttention, LocationMap, Network, Reading, Weights


@dataclasses.dataclass(frozen=True)
class Factor:
    """What a product would read: whether it is linear in the last weights, or which image it is."""

    linear: bool
    image: str | None = None
    """The node of the activation that it comes from, with nothing between."""


class GateReading(Reading[Factor]):
    """Finds y = u g(v) with u linear in fresh weights: then Q_y = q Q_g and C_y = c C_g.

    `gates` names the activations that nothing reads but such products.
    """

    def __init__(self) -> None:
        self._factors: set[str] = set()
        self._read_otherwise: set[str] = set()

    @property
    def gates(self) -> frozenset[str]:
        """Names of the nodes."""
        return frozenset(self._factors - self._read_otherwise)

    def combine(self, values: Sequence[Factor]) -> Factor:
        return Factor(all([self._read(value).linear for value in values]))

    def fresh(
        self,
        s: Factor,
        weights: Weights,
        read: Factor | None = None,
        trained: Callable[[], Factor] | None = None,
    ) -> Factor:
        self._read(s)
        return Factor(True)

    def nonlinearity(self, s: Factor, phi: ScalarFunction) -> Factor:
        self._read(s)
        return Factor(False, self.site.name)

    def product(self, factors: Sequence[Factor]) -> Factor:
        images = [factor.image for factor in factors if factor.image is not None]
        if len(factors) == 2 and len(images) == 1 and any(factor.linear for factor in factors):
            self._factors.update(images)
        else:
            self._read_otherwise.update(images)
        return Factor(False)

    def normalize(self, s: Factor, center: bool, over_locations: bool) -> Factor:
        return self._read(s)

    def center(self, s: Factor) -> Factor:
        return self._read(s)

    def batch_normalize(self, s: Factor) -> Factor:
        return self._read(s)

    def mix(self, s: Factor, locations: LocationMap) -> Factor:
        return s if locations.identity else self._read(s)

    def attend(
        self, query: Factor, key: Factor, value: Factor, attention: FixedAttention
    ) -> Factor:
        return self.combine([query, key, value])

    def pln(self, s: Factor, channels: int, mode: str) -> Factor:
        return self._read(s)

    def dropout(self, s: Factor, keep: float) -> Factor:
        return self._read(s)

    def _read(self, s: Factor) -> Factor:
        if s.image is not None:
            self._read_otherwise.add(s.image)
        return Factor(s.linear)


@lru_cache(maxsize=4)
def gates_of(network: Network) -> frozenset[str]:
    """Names of the nodes that are gates."""
    reading = GateReading()
    network.fold(reading, Factor(True))
    return reading.gates
