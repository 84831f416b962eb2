"""The requirement of the edge of chaos: every layer of weights keeps q at the fixed point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache

from .._errors import GraphError, ShapingError
from ..activations import ScalarFunction
from ..gaussian import Moments
from ..ir import (
    Layer,
    LocationMap,
    Network,
    NetworkNode,
    PairKind,
    Real,
    Weights,
    after_last_nonlinearity,
)
from ._edge_curve import EdgePoint
from ._feasibility import refuse_products
from ._independence import RequirementReading
from ._subnetworks import subnetworks
from ._target import Residuals


class InputPosition(Enum):
    """Where a value stands between nonlinearities, which decides its q value."""

    INPUT = "the input, with q = 1"
    IMAGE = "an image of the nonlinearity, with q = E phi^2"
    FIXED = "a pre-activation, with q = q*"


class InputPositionReading(RequirementReading[InputPosition]):
    """Follows the three kinds of values.

    `read` says for each layer of weights what it reads and how its weights are drawn,
    `functions` lists the distinct nonlinearities, as they are applied.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[str, tuple[InputPosition, Weights]] = {}
        self.functions: list[ScalarFunction] = []

    def combine(self, values: Sequence[InputPosition]) -> InputPosition:
        return values[0]

    def fresh(
        self,
        s: InputPosition,
        weights: Weights,
        read: InputPosition | None = None,
        trained: Callable[[], InputPosition] | None = None,
    ) -> InputPosition:
        # Vectors that are added at locations read nothing, and are not solved for.
        if weights.fan_in:
            self.read[self.site.name] = (s, weights)
        elif weights.bias_variance != 0:
            self.violated(
                "vectors that are drawn keep a q value of their own",
                "use kernelc.DKS, which keeps q = 1",
            )
        return InputPosition.FIXED

    def nonlinearity(self, s: InputPosition, phi: ScalarFunction) -> InputPosition:
        if phi not in self.functions:
            self.functions.append(phi)
        return InputPosition.IMAGE

    def weighted_sum(
        self, terms: Sequence[InputPosition], weights: Sequence[Real]
    ) -> InputPosition:
        return self._alike(terms, "a sum")

    def concat(self, parts: Sequence[InputPosition], fractions: Sequence[Real]) -> InputPosition:
        return self._alike(parts, "a concatenation")

    def product(self, factors: Sequence[InputPosition]) -> InputPosition:
        if len(factors) > 1:
            self.violated(
                "a product of branches multiplies q values and adds slopes",
                "use a WeightedSum whose squared weights add up to 1, or kernelc.DKS, which shapes "
                "gated units",
            )
        return factors[0]

    def normalize(self, s: InputPosition, center: bool, over_locations: bool) -> InputPosition:
        self.violated("a norm layer sets q to 1, and C'(1) anew", "remove it")
        return s

    def center(self, s: InputPosition) -> InputPosition:
        if s is not InputPosition.FIXED:
            self.violated(
                "the mean over channels is subtracted, which changes q",
                "use a layer of weights that reads its input as it is",
            )
        return s

    def batch_normalize(self, s: InputPosition) -> InputPosition:
        return self.normalize(s, center=True, over_locations=False)

    def mix(self, s: InputPosition, locations: LocationMap) -> InputPosition:
        if PairKind.LOCATION in locations.reads and not locations.identity:
            self.violated(
                f"{locations.text()} lowers q", "use WeightedMeanPool, or pool after the last one"
            )
        elif locations.uneven is not None:
            self.violated(*locations.uneven)
        return s

    def pln(self, s: InputPosition, channels: int, mode: str) -> InputPosition:
        if s is not InputPosition.INPUT:
            self.violated("PLN sets q to 1", "put it after the input")
        return s

    def dropout(self, s: InputPosition, keep: float) -> InputPosition:
        if keep < 1:
            self.violated("dropout raises q in training", "put it after the last nonlinearity")
        return s

    def unsupported(self, s: Sequence[InputPosition], reason: str, remedy: str) -> InputPosition:
        self.violated(reason, remedy)
        return s[0]

    def _alike(self, terms: Sequence[InputPosition], what: str) -> InputPosition:
        if len(set(terms)) > 1:
            kinds = " and ".join(sorted({term.value for term in terms}))
            self.violated(
                f"{what} of values that differ in q: {kinds}",
                "put a Dense or Conv layer on each branch that has none",
            )
            return InputPosition.FIXED
        return terms[0]


def draws(layer: Layer) -> bool:
    """Whether a layer has random weights."""
    return layer.with_weights() is not layer


def plain(node: NetworkNode, last: frozenset[str]) -> Layer:
    """The layer with weight_std 1 and bias_std 0, unless it is in `last`; these are solved for."""
    return node.layer if node.name in last else node.layer.with_weights(1.0, 0.0)


@lru_cache(maxsize=4)
def positions(network: Network) -> InputPositionReading:
    """What layers of weights read up to the last nonlinearities; found once for a network."""
    reading, free = InputPositionReading(), after_last_nonlinearity(network)
    nodes = [
        node.index
        for node in network.nodes[1:]
        if not free[node.index] or node.layer.nonlinearity() is not None
    ]
    network.fold(reading, InputPosition.INPUT, nodes)
    return reading


def refuse_other_graphs(network: Network, found: InputPositionReading) -> None:
    """ShapingError for other than one activation, UnreachableError for products."""
    if len(found.functions) != 1:
        names = ", ".join(phi.name for phi in found.functions) or "none"
        raise ShapingError(
            where=network.name,
            found=f"{len(found.functions)} different activations: {names}",
            law="sigma_w and sigma_b are those of one activation, at the fixed point of its Q map",
            remedy="use one activation throughout, or kernelc.DKS, which shapes each",
        )
    refuse_products(network, "the edge of chaos has C_f'(1) = 1")


def drawn(network: Network, point: EdgePoint, init: str, shaped_by: str) -> Network:
    """The network with the weights and biases of a point, by what each layer reads."""
    read = positions(network).read
    deviations = {
        InputPosition.INPUT: (point.first_weight_std, point.bias_std),
        InputPosition.IMAGE: (point.weight_std, point.bias_std),
        InputPosition.FIXED: (1.0, 0.0),
    }

    def change(node: NetworkNode) -> Layer:
        place = read.get(node.name)
        weight_std, bias_std = (None, None) if place is None else deviations[place[0]]
        try:
            return node.layer.with_weights(weight_std, bias_std, init)
        except GraphError as error:
            raise ShapingError(
                where=node.name,
                found=error.found,
                law=f"the fixed point q = {point.q:.6g} needs biases of deviation {bias_std:.6g}",
                remedy="leave bias=True, or ask for EdgeOfChaos(bias_std=0) where that is in reach",
            ) from error

    return network.rebuild(change, shaped_by=shaped_by)


def network_residuals(network: Network, q: float, moments: Moments) -> Residuals:
    """Residuals of the network: q after every layer of weights, and the largest slope.

    `moments` are those of the activation at the fixed point q.

    Raises:
        ShapingError: a layer of weights does not keep q.
    """
    gains = {  # the q value that weights read, and its slope
        InputPosition.INPUT: (1.0, None),
        InputPosition.IMAGE: (moments.second, moments.slope_second),
        InputPosition.FIXED: (q, 1.0),
    }
    misses, slopes = [0.0], [1.0]
    for name, (place, weights) in positions(network).read.items():
        before, gain = gains[place]
        miss = (weights.drawn * before + weights.bias_variance) / q - 1
        if not abs(miss) <= 1e-9:
            raise ShapingError(
                where=name,
                found=f"q misses the fixed point by the factor {1 + miss:.6g}",
                law="a layer whose kernel rule says `fresh` draws weights, and says so in "
                "`with_weights`",
                remedy="give the layer kind a method `with_weights` that sets its deviations",
            )
        misses.append(miss)
        if gain is not None:
            slopes.append(weights.drawn * gain)
    slope = max(slopes, key=lambda value: abs(value - 1))
    return {
        "max q_f/q-1": max(misses, key=abs),
        "max C_f'(1)-1": subnetworks(network).max_slope(slope) - 1,
    }
