"""Where each layer of weights stands between nonlinearities, read off the graph."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from ..activations import ScalarFunction
from ..ir import KernelAlgebra, Network, Weights, Window, visit


class Place(Enum):
    """What a value is to the fixed point q*."""

    INPUT = "the input, with q = 1"
    IMAGE = "an image of the nonlinearity, with q = E phi^2"
    FIXED = "a pre-activation, with q = q*"


class PlaceAlgebra(KernelAlgebra[Place]):
    """Follows the three kinds of values; `violations` holds (node, found, remedy).

    `read` says for each layer of weights what it reads and how its weights are drawn,
    `functions` lists the distinct nonlinearities, as they are applied.
    """

    def __init__(self) -> None:
        self.read: dict[str, tuple[Place, Weights]] = {}
        self.functions: list[ScalarFunction] = []
        self.violations: list[tuple[str, str, str]] = []

    def fresh(self, s: Place, weights: Weights, read: Place | None = None) -> Place:
        self.read[self.where] = (s, weights)
        return Place.FIXED

    def nonlinearity(self, s: Place, phi: ScalarFunction) -> Place:
        if phi not in self.functions:
            self.functions.append(phi)
        return Place.IMAGE

    def weighted_sum(self, terms: Sequence[Place], weights: Sequence[Any]) -> Place:
        return self._alike(terms, "a sum")

    def concat(self, parts: Sequence[Place], fractions: Sequence[Any]) -> Place:
        return self._alike(parts, "a concatenation")

    def product(self, factors: Sequence[Place]) -> Place:
        if len(factors) > 1:
            self._violated(
                "a product of branches multiplies q values and adds slopes",
                "use a WeightedSum whose squared weights add up to 1",
            )
        return factors[0]

    def normalise(self, s: Place, center: bool, over_locations: bool) -> Place:
        self._violated("a norm layer sets q to 1, and C'(1) anew", "remove it")
        return s

    def centre(self, s: Place) -> Place:
        if s is not Place.FIXED:
            self._violated(
                "the mean over channels is subtracted, which changes q",
                "use a layer of weights that reads its input as it is",
            )
        return s

    def batch_normalise(self, s: Place) -> Place:
        return self.normalise(s, center=True, over_locations=False)

    def location_mean(self, s: Place, window: Window) -> Place:
        self._violated(
            "a mean over locations lowers q", "use WeightedMeanPool, or pool after the last one"
        )
        return s

    def append_constant(self, s: Place, channels: int, mode: str) -> Place:
        if s is not Place.INPUT:
            self._violated("PLN sets q to 1", "put it after the input")
        return s

    def dropout(self, s: Place, keep: float) -> Place:
        if keep < 1:
            self._violated("dropout raises q in training", "put it after the last nonlinearity")
        return s

    def unsupported(self, s: Sequence[Place], reason: str, remedy: str) -> Place:
        self._violated(reason, remedy)
        return s[0]

    def _alike(self, terms: Sequence[Place], what: str) -> Place:
        if len(set(terms)) > 1:
            kinds = " and ".join(sorted({term.value for term in terms}))
            self._violated(
                f"{what} of values that differ in q: {kinds}",
                "put a Dense or Conv layer on each branch that has none",
            )
            return Place.FIXED
        return terms[0]

    def _violated(self, found: str, remedy: str) -> None:
        self.violations.append((self.where, found, remedy))


def places(network: Network, free: Sequence[bool]) -> PlaceAlgebra:
    """Fold up to the last nonlinearities; `free` marks nodes with none after them."""
    algebra = PlaceAlgebra()
    values = {0: Place.INPUT}
    for node in network.nodes[1:]:
        if not free[node.index] or node.layer.nonlinearity() is not None:
            values[node.index] = visit(network, algebra, node, [values[i] for i in node.inputs])
    return algebra
