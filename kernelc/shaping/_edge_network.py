"""What the edge of chaos asks of a network: every layer of weights keeps q at the fixed point."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from .._errors import GraphError, ShapingError
from ..gaussian import Moments
from ..ir import Layer, Network, NetworkNode, after_last_nonlinearity
from ._edge_curve import EdgePoint
from ._feasibility import refuse_products
from ._places import InputPosition, InputPositionReading, places
from ._subnetworks import subnetworks
from ._target import Residuals


def draws(layer: Layer) -> bool:
    """Whether a layer has random weights."""
    return layer.with_weights() is not layer


def plain(node: NetworkNode, last: frozenset[str]) -> Layer:
    """With deviations 1 and 0, so that requirements are asked of everything but these."""
    return node.layer if node.name in last else node.layer.with_weights(1.0, 0.0)


@lru_cache(maxsize=4)
def positions(network: Network) -> InputPositionReading:
    """What each layer of weights reads, and the activations as they are applied; found once."""
    return places(network, after_last_nonlinearity(network))


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
    """Residuals of the finished network: q after every layer of weights, and the largest slope.

    Arguments:
        network: the network with its weights and biases.
        q: the fixed point.
        moments: of the activation there.

    Raises:
        ShapingError: a layer of weights does not keep q.
    """
    read = positions(network).read
    before = {
        InputPosition.INPUT: 1.0,
        InputPosition.IMAGE: moments.second,
        InputPosition.FIXED: q,
    }
    gains = {
        InputPosition.INPUT: None,
        InputPosition.IMAGE: moments.slope_second,
        InputPosition.FIXED: 1.0,
    }
    misses, slopes = [0.0], [1.0]
    for name, (place, weights) in read.items():
        miss = (weights.variance * before[place] + weights.bias_variance) / q - 1
        if not abs(miss) <= 1e-9:
            _refuse_weights(name, miss)
        misses.append(miss)
        if (gain := gains[place]) is not None:
            slopes.append(weights.variance * gain)
    slope = max(slopes, key=lambda value: abs(value - 1))
    return {
        "max q_f/q-1": max(misses, key=abs),
        "max C_f'(1)-1": subnetworks(network).max_slope(slope) - 1,
    }


def _refuse_weights(name: str, miss: float) -> NoReturn:
    raise ShapingError(
        where=name,
        found=f"q misses the fixed point by the factor {1 + miss:.6g}",
        law="a layer whose kernel rule says `fresh` draws weights, and says so in `with_weights`",
        remedy="give the layer kind a method `with_weights` that sets its deviations",
    )
