"""Where each layer of weights stands between nonlinearities, read off the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from ..activations import ScalarFunction
from ..ir import LocationMap, Network, PairKind, Reading, Weights


class InputPosition(Enum):
    """What a value is to the fixed point q*."""

    INPUT = "the input, with q = 1"
    IMAGE = "an image of the nonlinearity, with q = E phi^2"
    FIXED = "a pre-activation, with q = q*"


class InputPositionReading(Reading[InputPosition]):
    """Follows the three kinds of values; `violations` holds (node, found, remedy).

    `read` says for each layer of weights what it reads and how its weights are drawn,
    `functions` lists the distinct nonlinearities, as they are applied.
    """

    def __init__(self) -> None:
        self.read: dict[str, tuple[InputPosition, Weights]] = {}
        self.functions: list[ScalarFunction] = []
        self.violations: list[tuple[str, str, str]] = []

    def combine(self, values: Sequence[InputPosition]) -> InputPosition:
        return values[0]

    def fresh(
        self,
        s: InputPosition,
        weights: Weights,
        read: InputPosition | None = None,
        trained: Callable[[], InputPosition] | None = None,
    ) -> InputPosition:
        self.read[self.site.name] = (s, weights)
        return InputPosition.FIXED

    def nonlinearity(self, s: InputPosition, phi: ScalarFunction) -> InputPosition:
        if phi not in self.functions:
            self.functions.append(phi)
        return InputPosition.IMAGE

    def weighted_sum(self, terms: Sequence[InputPosition], weights: Sequence[Any]) -> InputPosition:
        return self._alike(terms, "a sum")

    def concat(self, parts: Sequence[InputPosition], fractions: Sequence[Any]) -> InputPosition:
        return self._alike(parts, "a concatenation")

    def product(self, factors: Sequence[InputPosition]) -> InputPosition:
        if len(factors) > 1:
            self._violated(
                "a product of branches multiplies q values and adds slopes",
                "use a WeightedSum whose squared weights add up to 1",
            )
        return factors[0]

    def normalize(self, s: InputPosition, center: bool, over_locations: bool) -> InputPosition:
        self._violated("a norm layer sets q to 1, and C'(1) anew", "remove it")
        return s

    def center(self, s: InputPosition) -> InputPosition:
        if s is not InputPosition.FIXED:
            self._violated(
                "the mean over channels is subtracted, which changes q",
                "use a layer of weights that reads its input as it is",
            )
        return s

    def batch_normalize(self, s: InputPosition) -> InputPosition:
        return self.normalize(s, center=True, over_locations=False)

    def mix(self, s: InputPosition, locations: LocationMap) -> InputPosition:
        if PairKind.LOCATION in locations.reads:
            self._violated(
                f"{locations.text()} lowers q", "use WeightedMeanPool, or pool after the last one"
            )
        elif locations.uneven is not None:
            self._violated(*locations.uneven)
        return s

    def pln(self, s: InputPosition, channels: int, mode: str) -> InputPosition:
        if s is not InputPosition.INPUT:
            self._violated("PLN sets q to 1", "put it after the input")
        return s

    def dropout(self, s: InputPosition, keep: float) -> InputPosition:
        if keep < 1:
            self._violated("dropout raises q in training", "put it after the last nonlinearity")
        return s

    def unsupported(self, s: Sequence[InputPosition], reason: str, remedy: str) -> InputPosition:
        self._violated(reason, remedy)
        return s[0]

    def _alike(self, terms: Sequence[InputPosition], what: str) -> InputPosition:
        if len(set(terms)) > 1:
            kinds = " and ".join(sorted({term.value for term in terms}))
            self._violated(
                f"{what} of values that differ in q: {kinds}",
                "put a Dense or Conv layer on each branch that has none",
            )
            return InputPosition.FIXED
        return terms[0]

    def _violated(self, found: str, remedy: str) -> None:
        self.violations.append((self.site.name, found, remedy))


def places(network: Network, free: Sequence[bool]) -> InputPositionReading:
    """Fold up to the last nonlinearities; `free` marks nodes with none after them."""
    reading = InputPositionReading()
    nodes = [
        node.index
        for node in network.nodes[1:]
        if not free[node.index] or node.layer.nonlinearity() is not None
    ]
    network.fold(reading, InputPosition.INPUT, nodes)
    return reading
