"""What the kernel of a network does with depth, in floats, node by node."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ..algebra import FloatBackend, OverlapReading, PairAlgebra, SecondMoments, probes
from ..ir import KernelAlgebra, Layer, Network, NetworkNode, cut_nodes, fold
from ..layers import AssumeGaussian
from ._inputs import Inputs
from ._profile import COSINES, Level, Profile, RangeError, Refusal
from ._readings import (
    KEEP_Q,
    FloatState,
    InnerMapAlgebra,
    InnerSlopeAlgebra,
    MapAlgebra,
    Numbers,
    SlopeAlgebra,
    Spread,
    SpreadReading,
)
from ._sampling import Sampler, sampled


S = TypeVar("S")

# Below, floats have fewer digits.
_LEAST_Q = 1e-300
# Locations of one input are taken as unrelated: pools then act on the pair alone.
_OTHER = 0.0


class _State(NamedTuple):
    """What is known of a node: the pair with its NTK, the derivative along c over
    exp(`scale`), which alone would under- or overflow, the spread over draws, and the node whose
    windows overlapped."""

    pair: FloatState
    nearby: FloatState
    scale: float
    spread: Spread
    overlapped: str | None = None


class _Readings(NamedTuple):
    """The readings taken at once."""

    pair: MapAlgebra
    nearby: SlopeAlgebra
    spread: SpreadReading
    overlap: OverlapReading


class _Measuring:
    """One fold of all readings, which goes on past nodes that have no kernel rule.

    Past these, other layers stand in; or, where `inner`, values are drawn and pass through the
    layers themselves, and locations at borders are taken like those inside.
    """

    def __init__(self, network: Network, inner: bool) -> None:
        followed, backend = probes(network), FloatBackend()
        self.inside: dict[str, str] = {}
        if inner:
            pair, nearby = InnerMapAlgebra(backend, followed), InnerSlopeAlgebra(backend, followed)
            self.inside = nearby.unlike
        else:
            pair, nearby = MapAlgebra(backend, followed), SlopeAlgebra(backend, followed)
        self.network, self.inner = network, inner
        self.readings = _Readings(pair, nearby, SpreadReading(), OverlapReading())
        self.cuts = set(cut_nodes(network))
        self.refusals: list[Refusal] = []
        self.sampled: dict[str, str] = {}
        self._states: dict[int, _State] = {}

    def states(self, inputs: Inputs) -> dict[int, _State]:
        """The states of all nodes that are known, by index."""
        self._states[0] = _start(self.readings, inputs)
        # Exploding q values and slopes overflow to inf, which is then what is reported.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            fold(self.network.nodes[1:], self._rule, dict(self._states), self._refused)
        return self._states

    def known(self, node: NetworkNode) -> str:
        """How well the figures of a node follow from those before it."""
        if node.name in self.sampled:
            return "measured"
        if node.name in self.readings.pair.approximated or isinstance(node.layer, AssumeGaussian):
            return "assumed"
        return "by location" if node.name in self.inside else "exact"

    def _rule(self, node: NetworkNode, inputs: Sequence[_State]) -> _State:
        """The state at a node; past the nodes that all paths share nothing else is kept."""
        state = _apply(self.readings, node, node.layer, inputs, node.index in self.cuts)
        return self._kept(node, state)

    def _kept(self, node: NetworkNode, state: _State) -> _State:
        if node.index in self.cuts:
            state = _sealed(self.readings, state)
        self._states[node.index] = state
        return state

    def _refused(
        self, node: NetworkNode, inputs: Sequence[_State], error: Exception
    ) -> tuple[_State] | None:
        """The state with what would do in place of the layer; None where nothing does."""
        if not isinstance(error, KernelcError):
            raise error
        if self.inner and not isinstance(error, RangeError):
            found = self._sampled(node, inputs, error)
        else:
            found = self._replaced(node, inputs, error)
        if found is None:
            self.refusals.append(Refusal(node.name, error, None))
            return None
        return (self._kept(node, found),)

    def _sampled(
        self, node: NetworkNode, inputs: Sequence[_State], error: KernelcError
    ) -> _State | None:
        """The state from values that are drawn; None for a layer that cannot be run."""
        gaussian = {i: state.pair.gaussian for i, state in self._states.items()}
        try:
            sampler = Sampler(self.network, node, gaussian)
            drawn = {i: self._states[i] for i in sampler.drawn}
            if any(state.scale != inputs[0].scale for state in drawn.values()):
                drawn = {i: _rescaled(s, inputs[0].scale) for i, s in drawn.items()}
            pair, nearby = self.readings.pair, self.readings.nearby
            found = (
                sampled(sampler, pair, {i: state.pair for i, state in drawn.items()}),
                sampled(sampler, nearby, {i: state.nearby for i, state in drawn.items()}, True),
            )
        except KernelcError:
            return None
        self.sampled[node.name] = error.law
        return _State(*found, inputs[0].scale, inputs[0].spread, inputs[0].overlapped)

    def _replaced(
        self, node: NetworkNode, inputs: Sequence[_State], error: KernelcError
    ) -> _State | None:
        """The state with what the layer says would do in its place."""
        main = node.index in self.cuts
        for layer, told in _stand_ins(node):
            state = inputs[0]
            if layer is not None:
                try:
                    state = _apply(self.readings, node, layer, inputs, main)
                except KernelcError:
                    continue
            self.refusals.append(Refusal(node.name, error, told, replaced=layer is not None))
            return state
        return None


def profile_of(network: Network, inputs: Inputs, inner: bool = False) -> Profile:
    """Fold the kernel rules over the network, going on past nodes that have none.

    Arguments:
        network: the network.
        inputs: what inputs are taken to be.
        inner: whether borders are taken like the inside, and layers without rules sampled; or
            other layers stand in.
    """
    measuring = _Measuring(network, inner)
    readings, states = measuring.readings, measuring.states(inputs)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        levels = tuple(_levels(network, states, measuring.cuts))
    last = states.get(len(network) - 1)
    theta = None if last is None else last.pair.second.theta
    pairs = None if theta is None else np.broadcast_to(theta[0], _cosines(inputs).shape)
    return Profile(
        inputs=inputs,
        levels=levels,
        q={network.nodes[i].name: float(s.nearby.second.q) for i, s in states.items()},
        refusals=tuple(measuring.refusals),
        approximated=tuple(readings.pair.approximated),
        far=tuple(readings.pair.far),
        inside=measuring.inside,
        sampled=measuring.sampled,
        ntk=None if pairs is None else pairs[: len(COSINES) + 1],
        nodes=None if pairs is None else pairs[len(COSINES) + 1 :],
    )


class Followed(NamedTuple):
    """What is derived at one node.

    Arguments:
        q: its q value.
        cosines: of the further pairs of the inputs.
        gradient: E |df/dh|^2 of one output f with respect to the value h; NaN off the main path.
        known: how well: "exact", "by location", "assumed" or "measured".
    """

    q: float
    cosines: Float64[np.ndarray, " pairs"]
    gradient: float
    known: str


def followed(network: Network, inputs: Inputs) -> dict[str, Followed]:
    """What is derived at all nodes up to those that are not known, by name."""
    measuring = _Measuring(network, inner=True)
    states = measuring.states(inputs)
    last = states.get(len(network) - 1)
    end = math.nan if last is None else _log_derivative(last)
    found = {}
    for index, state in sorted(states.items()):
        node, second = network.nodes[index], state.pair.second
        cosines = np.broadcast_to(second.k[0] / second.q, _cosines(inputs).shape)
        main = index in measuring.cuts
        found[node.name] = Followed(
            float(second.q),
            np.clip(cosines[len(COSINES) + 1 :], -1.0, 1.0),
            _exp(end - _log_derivative(state)) if main else math.nan,
            measuring.known(node),
        )
    return found


def _rescaled(state: _State, scale: float) -> _State:
    """The same derivative along c over exp(`scale`)."""
    second = state.nearby.second
    if second.theta is None:
        return state
    factor = _exp(state.scale - scale)
    second = dataclasses.replace(second, theta=tuple(factor * t for t in second.theta))
    return state._replace(nearby=dataclasses.replace(state.nearby, second=second), scale=scale)


def _sealed(readings: _Readings, state: _State) -> _State:
    """Nothing before a node all paths pass through is met again: forget it.

    From there on the derivative starts at 1 again, and its size goes on in the logarithm.
    """
    pair, nearby = readings.pair.seal(state.pair), readings.nearby.seal(state.nearby)
    theta, scale = nearby.second.theta, state.scale
    if theta is not None and not nearby.parts and 0 < theta[0] < math.inf:
        second = dataclasses.replace(nearby.second, theta=tuple(t / theta[0] for t in theta))
        nearby = readings.nearby.state_of(second, nearby.mean, gaussian=nearby.gaussian)
        scale += math.log(theta[0])
    return _State(pair, nearby, scale, state.spread, state.overlapped)


def _apply(
    readings: _Readings, node: NetworkNode, layer: Layer, inputs: Sequence[_State], main: bool
) -> _State:
    def read(reading: KernelAlgebra[S], values: Sequence[S]) -> S:
        return layer.kernel(reading.at(node.site), values, node.in_shapes)

    overlapped = read(readings.overlap, [state.overlapped for state in inputs])
    # The slope first: it is quick, and refuses whatever the map refuses.
    nearby = read(readings.nearby, [state.nearby for state in inputs])
    q = float(nearby.second.q)
    # Branches that start at zero have no cosine of their own, but their sum has.
    if not (math.isfinite(q) and (q > _LEAST_Q or (q == 0 and not main))):
        # An exact zero is what a factor of zero leaves, not a product that became too small.
        raise (KernelcError if q == 0 else RangeError)(
            where=node.name,
            found=f"a q value of {q:g} in float64",
            law="cosines are defined for positive, finite q values",
            remedy=KEEP_Q,
        )
    pair = read(readings.pair, [state.pair for state in inputs])
    spread = read(readings.spread, [state.spread for state in inputs])
    # Only cut nodes change the scale, so that all inputs have the same.
    spread = dataclasses.replace(spread, q=q)
    return _State(pair, nearby, inputs[0].scale, spread, overlapped)


def _stand_ins(node: NetworkNode) -> Iterator[tuple[Layer | None, str]]:
    """What the layer itself says would do in its place, the smallest change first."""
    layer = node.layer
    other = layer.shaping(node.in_shapes, node.shape, False).replacement
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


def _cosines(inputs: Inputs) -> Float64[np.ndarray, " pairs"]:
    """Those of a report, that of two typical inputs, and those of further pairs."""
    return np.concatenate([COSINES, [inputs.cosine], inputs.followed])


def _start(readings: _Readings, inputs: Inputs) -> _State:
    c, q = _cosines(inputs), inputs.q
    if "b" in readings.pair.probes:
        c = np.maximum(c, inputs.least)
    pair = _first(readings.pair, q, c, inputs.cosine, np.zeros_like(c), 0.0)
    nearby = _first(readings.nearby, q, 1.0, inputs.cosine, 1.0, 1.0)
    return _State(pair, nearby, 0.0, Spread(q, 0.0))


def _first(
    algebra: PairAlgebra[Numbers],
    q: float,
    c: Numbers,
    typical: float,
    theta: Numbers,
    along: float,
) -> FloatState:
    cosines = {"c": c, "s": _OTHER, "sc": _OTHER * c, "b": typical}
    tangents = {"c": theta, "s": 0.0, "sc": _OTHER * along, "b": 0.0}
    k = tuple(q * cosines[label] for label in algebra.probes)
    second = SecondMoments[Numbers](q, k, tuple(tangents[label] for label in algebra.probes))
    return algebra.state_of(second, None)
