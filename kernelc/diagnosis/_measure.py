"""What the kernel of a network does with depth, in floats, node by node."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ..algebra import FloatBackend, PairAlgebra, SecondMoments
from ..ir import Layer, Network, NetworkNode, cut_nodes
from ._algebras import KEEP_Q, FloatState, MapAlgebra, SlopeAlgebra
from ._inputs import Inputs
from ._profile import COSINES, Level, Profile, RangeError, Refusal
from ._spread import Spread, SpreadAlgebra


# Below, floats have fewer digits.
_LEAST_Q = 1e-300
# Locations of one input are taken as unrelated: pools then act on the pair alone.
_OTHER = 0.0


class _State(NamedTuple):
    """What is known of a node: the pair with its NTK, the derivative along c over
    exp(`scale`), which alone would under- or overflow, and the spread over draws."""

    pair: FloatState
    nearby: FloatState
    scale: float
    spread: Spread


@dataclasses.dataclass
class _Algebras:
    """The readings taken at once; `main` says whether all paths pass through the node at hand."""

    pair: MapAlgebra
    nearby: SlopeAlgebra
    spread: SpreadAlgebra
    main: bool = True


def measure(network: Network, inputs: Inputs) -> Profile:
    """Fold the kernel rules over the network, going on past nodes that have none."""
    probes, backend = _probes(network), FloatBackend()
    algebras = _Algebras(
        MapAlgebra(backend, probes), SlopeAlgebra(backend, probes), SpreadAlgebra()
    )
    states: dict[int, _State] = {0: _start(algebras, inputs)}
    refusals: list[Refusal] = []
    cuts = set(cut_nodes(network))
    # Exploding q values and slopes overflow to inf, which is then what is reported.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for node in network.nodes[1:]:
            if not all(i in states for i in node.inputs):
                continue
            algebras.main = node.index in cuts
            state, refusal = _visit(network, node, algebras, states)
            if refusal is not None:
                refusals.append(refusal)
            if state is None:
                continue
            if algebras.main:
                state = _sealed(algebras, state)
            states[node.index] = state
        levels = tuple(_levels(network, states, cuts))
    last = states.get(len(network) - 1)
    theta = None if last is None else last.pair.second.theta
    pairs = None if theta is None else np.broadcast_to(theta[0], _cosines(inputs).shape)
    return Profile(
        inputs=inputs,
        levels=levels,
        q={network.nodes[i].name: float(s.nearby.second.q) for i, s in states.items()},
        refusals=tuple(refusals),
        approximated=tuple(algebras.pair.approximated),
        far=tuple(algebras.pair.far),
        ntk=None if pairs is None else pairs[: len(COSINES) + 1],
        nodes=None if pairs is None else pairs[len(COSINES) + 1 :],
    )


def _sealed(algebras: _Algebras, state: _State) -> _State:
    """Nothing before a node all paths pass through is met again: forget it.

    From there on the derivative starts at 1 again, and its size goes on in the logarithm.
    """
    pair, nearby = algebras.pair.seal(state.pair), algebras.nearby.seal(state.nearby)
    theta, scale = nearby.second.theta, state.scale
    if theta is not None and not nearby.parts and 0 < theta[0] < math.inf:
        second = dataclasses.replace(nearby.second, theta=tuple(t / theta[0] for t in theta))
        nearby = algebras.nearby.state_of(second, nearby.mean, gaussian=nearby.gaussian)
        scale += math.log(theta[0])
    return _State(pair, nearby, scale, state.spread)


def _visit(
    network: Network, node: NetworkNode, algebras: _Algebras, states: dict[int, _State]
) -> tuple[_State | None, Refusal | None]:
    inputs = [states[i] for i in node.inputs]
    try:
        return _apply(network, node, node.layer, algebras, inputs), None
    except KernelcError as error:
        refused = error
    for layer, told in _stand_ins(network, node):
        if layer is None:
            return inputs[0], Refusal(node.name, refused, told)
        try:
            state = _apply(network, node, layer, algebras, inputs)
        except KernelcError:
            continue
        return state, Refusal(node.name, refused, told, replaced=True)
    return None, Refusal(node.name, refused, None)


def _apply(
    network: Network, node: NetworkNode, layer: Layer, algebras: _Algebras, inputs: Sequence[_State]
) -> _State:
    shapes = network.in_shapes(node)
    for algebra in (algebras.pair, algebras.nearby, algebras.spread):
        algebra.where = node.name
    algebras.spread.channels = node.shape[-1]
    # The slope first: it is quick, and refuses whatever the map refuses.
    nearby = layer.kernel(algebras.nearby, [state.nearby for state in inputs], shapes)
    q = float(nearby.second.q)
    # Branches that start at zero have no cosine of their own, but their sum has.
    if not (math.isfinite(q) and (q > _LEAST_Q or (q == 0 and not algebras.main))):
        # An exact zero is what a factor of zero leaves, not a product that became too small.
        raise (KernelcError if q == 0 else RangeError)(
            where=node.name,
            found=f"a q value of {q:g} in float64",
            law="cosines are defined for positive, finite q values",
            remedy=KEEP_Q,
        )
    pair = layer.kernel(algebras.pair, [state.pair for state in inputs], shapes)
    spread = layer.kernel(algebras.spread, [state.spread for state in inputs], shapes)
    # Only cut nodes change the scale, so that all inputs have the same.
    return _State(pair, nearby, inputs[0].scale, dataclasses.replace(spread, q=q))


def _stand_ins(network: Network, node: NetworkNode) -> Iterator[tuple[Layer | None, str]]:
    """What the layer itself says would do in its place, the smallest change first."""
    layer = node.layer
    other = layer.shaping(network.in_shapes(node), node.shape, False).replacement
    if other is None:
        yield None, f"a network without {layer.text()}"
        return
    if type(other) is type(layer):
        for field in dataclasses.fields(other):
            value = getattr(other, field.name)
            if value != getattr(layer, field.name):
                changed = dataclasses.replace(layer, **{field.name: value})
                yield changed, f"{type(layer).__name__} with {field.name}={value} in its place"
    if other != layer:
        yield other, f"{other.text()} in its place"


def _levels(network: Network, states: dict[int, _State], cuts: set[int]) -> Iterator[Level]:
    last = states.get(len(network) - 1)
    end = math.nan if last is None else _log_derivative(last)
    depth = [0] * len(network)
    for node in network:
        bends = node.layer.nonlinearity() is not None
        depth[node.index] = max((depth[i] for i in node.inputs), default=0) + bends
        if node.index in cuts and node.index in states:
            state = states[node.index]
            pair, log = state.pair.second, _log_derivative(state)
            c_map = np.clip(pair.k[0] / pair.q, -1.0, 1.0)
            yield Level(
                node=node.name,
                depth=depth[node.index],
                q=float(pair.q),
                c_map=c_map[: len(COSINES)],
                slope=_exp(log + math.log(states[0].pair.second.q / state.nearby.second.q)),
                backward=_exp(end - log),
                typical=float(c_map[len(COSINES)]),
                spread=state.spread.variance,
            )


def _log_derivative(state: _State) -> float:
    """log dK/dK_input along c."""
    theta = state.nearby.second.theta
    if theta is None or math.isnan(theta[0]) or theta[0] < 0:
        return math.nan
    return state.scale + (math.log(theta[0]) if theta[0] > 0 else -math.inf)


def _exp(log: float) -> float:
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf


def _probes(network: Network) -> tuple[str, ...]:
    needs = {need for node in network for need in node.layer.reads()}
    locations = ("s", "sc") if "location" in needs else ()
    return ("c", *locations, *(("b",) if "batch" in needs else ()))


def _cosines(inputs: Inputs) -> Float64[np.ndarray, " pairs"]:
    """Those of a report, that of two typical inputs, and those at the nodes of the sample."""
    nodes = () if inputs.sample is None else np.cos(inputs.sample.nodes)
    return np.concatenate([COSINES, [inputs.cosine], nodes])


def _start(algebras: _Algebras, inputs: Inputs) -> _State:
    c, q = _cosines(inputs), inputs.q
    if "b" in algebras.pair.probes:
        c = np.maximum(c, inputs.least)
    pair = _first(algebras.pair, q, c, inputs.cosine, np.zeros_like(c), 0.0)
    nearby = _first(algebras.nearby, q, 1.0, inputs.cosine, 1.0, 1.0)
    return _State(pair, nearby, 0.0, Spread(q, 0.0))


def _first(
    algebra: PairAlgebra, q: float, c: Any, typical: float, theta: Any, along: float
) -> FloatState:
    cosines = {"c": c, "s": _OTHER, "sc": _OTHER * c, "b": typical}
    tangents = {"c": theta, "s": 0.0, "sc": _OTHER * along, "b": 0.0}
    k = tuple(q * cosines[label] for label in algebra.probes)
    second = SecondMoments(q, k, tuple(tangents[label] for label in algebra.probes))
    return algebra.state_of(second, None)
