"""A network brought to the edge of chaos: every layer of weights keeps q at the fixed point."""

from __future__ import annotations

from typing import NoReturn

from .._errors import GraphError, ShapingError, UnreachableError
from ..activations import Moments
from ..ir import Layer, Network, NetworkNode, after_last_nonlinearity
from ._certificate import certify_edge
from ._edge_of_chaos import EdgePoint, solve_edge_of_chaos
from ._places import InputPosition, InputPositionReading, places
from ._requirements import PLNMode, Violation, place_of, prepared, refuse
from ._shaped import ShapedNetwork
from ._solved import PRODUCTS
from ._subnetworks import Subnetworks
from ._targets import EdgeOfChaos


_LAW = "every pre-activation must have q at the fixed point and C'(1) = 1"
_STABLE = 1e-9  # beyond 1: the slope of ReLU is 1 up to rounding


def at_edge_of_chaos(
    network: Network,
    target: EdgeOfChaos,
    *,
    rewrite: bool,
    pln: PLNMode | None,
    shortcut_weight: float | None,
) -> ShapedNetwork:
    """The network with weights and biases at the edge of chaos; see `shape`.

    A layer of weights that reads an image of the nonlinearity gets sigma_w and sigma_b; one that
    reads the input takes q = 1 to the fixed point; one that reads values at the fixed point
    leaves them there. Normalized sums of independent values at the fixed point keep it, and
    C'(1) = 1 with it. Layers after the last nonlinearity keep their deviations.
    """
    free = after_last_nonlinearity(network)
    last = frozenset(node.name for node in network if free[node.index] and _draws(node.layer))
    ready = prepared(
        network.rebuild(lambda node: _plain(node, last)),
        rewrite=rewrite,
        pln=pln,
        shortcut_weight=shortcut_weight,
        centered=False,
        exempt=last,
        law=_LAW,
    )
    found = places(ready.network, after_last_nonlinearity(ready.network))
    refuse(network, [Violation(*each) for each in found.violations], rewrite, _LAW)
    _refuse_graph(ready.network, found)
    phi = found.functions[0]
    point = solve_edge_of_chaos(phi, target)
    local, moments = certify_edge(phi, point.q, point.weight_std, point.bias_std)
    placed = {name: place for name, (place, _) in found.read.items()}
    final = ready.network.rebuild(
        lambda node: _drawn(node, placed, point, target.init), shaped_by=str(target)
    )
    return ShapedNetwork(
        network=final,
        target=target,
        transforms={},
        certificate={phi.name: local, "network": _certified(final, point, moments)},
        weight_std=point.weight_std,
        bias_std=point.bias_std,
        q=point.q,
        changes=_changes(network, final),
        assumptions=ready.assumptions + _repelling(point),
    )


def _draws(layer: Layer) -> bool:
    return layer.with_weights() is not layer


def _plain(node: NetworkNode, last: frozenset[str]) -> Layer:
    """With deviations 1 and 0, so that requirements are asked of everything but these."""
    return node.layer if node.name in last else node.layer.with_weights(1.0, 0.0)


def _drawn(
    node: NetworkNode, placed: dict[str, InputPosition], point: EdgePoint, init: str
) -> Layer:
    deviations = {
        InputPosition.INPUT: (point.first_weight_std, point.bias_std),
        InputPosition.IMAGE: (point.weight_std, point.bias_std),
        InputPosition.FIXED: (1.0, 0.0),
    }
    place = placed.get(node.name)
    weight_std, bias_std = (None, None) if place is None else deviations[place]
    try:
        return node.layer.with_weights(weight_std, bias_std, init)
    except GraphError as error:
        raise ShapingError(
            where=node.name,
            found=error.found,
            law=f"the fixed point q = {point.q:.6g} needs biases of deviation {bias_std:.6g}",
            remedy="leave bias=True, or ask for EdgeOfChaos(bias_std=0) where that is in reach",
        ) from error


def _refuse_graph(network: Network, found: InputPositionReading) -> None:
    if len(found.functions) != 1:
        names = ", ".join(phi.name for phi in found.functions) or "none"
        raise ShapingError(
            where=network.name,
            found=f"{len(found.functions)} different activations: {names}",
            law="sigma_w and sigma_b are those of one activation, at the fixed point of its Q map",
            remedy="use one activation throughout, or kernelc.DKS, which shapes each",
        )
    slope = Subnetworks(network).max_slope(1.0)
    if abs(slope - 1) > 1e-9:
        raise UnreachableError(
            where=network.name,
            found=f"a slope of {slope:.6g} when every local slope is 1",
            law=f"the edge of chaos has C_f'(1) = 1: {PRODUCTS}",
            remedy="replace Product by a weighted sum",
        )


def _certified(network: Network, point: EdgePoint, moments: Moments) -> dict[str, float]:
    """Residuals of the finished network: q after every layer of weights, and the largest slope."""
    read = places(network, after_last_nonlinearity(network)).read
    before = {
        InputPosition.INPUT: 1.0,
        InputPosition.IMAGE: moments.second,
        InputPosition.FIXED: point.q,
    }
    gains = {
        InputPosition.INPUT: None,
        InputPosition.IMAGE: moments.slope_second,
        InputPosition.FIXED: 1.0,
    }
    misses, slopes = [0.0], [1.0]
    for name, (place, weights) in read.items():
        miss = (weights.variance * before[place] + weights.bias_variance) / point.q - 1
        if not abs(miss) <= 1e-9:
            _refuse_weights(name, miss)
        misses.append(miss)
        if (gain := gains[place]) is not None:
            slopes.append(weights.variance * gain)
    slope = max(slopes, key=lambda value: abs(value - 1))
    return {
        "max q_f/q-1": max(misses, key=abs),
        "max C_f'(1)-1": Subnetworks(network).max_slope(slope) - 1,
    }


def _refuse_weights(name: str, miss: float) -> NoReturn:
    raise ShapingError(
        where=name,
        found=f"q misses the fixed point by the factor {1 + miss:.6g}",
        law="a layer whose kernel rule says `fresh` draws weights, and says so in `weighted`",
        remedy="give the layer kind a method `weighted` that sets its deviations",
    )


def _changes(before: Network, after: Network) -> tuple[str, ...]:
    old = {node.name: node.layer for node in before}
    new = {node.name: node.layer for node in after}
    changed = []
    for name, layer in old.items():
        if name not in new:
            changed.append(f"{name}: {layer.text()} removed")
        elif new[name] != layer:
            changed.append(f"{name}: {layer.text()} -> {new[name].text()}")
    for node in after:
        if node.name not in old:
            place = place_of(after.nodes[node.inputs[0]])
            changed.append(f"{node.name}: {node.layer.text()} inserted after {place}")
    return tuple(changed)


def _repelling(point: EdgePoint) -> tuple[str, ...]:
    if abs(point.q_slope) <= 1 + _STABLE:
        return ()
    return (
        f"q = {point.q:.6g} all along: it repels, Q'(q) = {point.q_slope:.6g}, so a q value beside "
        "it (other inputs, finite widths) moves away by this factor at each nonlinearity",
    )
