"""What the kernel of a network does with depth, in floats, node by node."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ..activations import ScalarFunction
from ..algebra import FloatRing, PairAlgebra, Second, Signal
from ..ir import Layer, Network, Placed, Weights, cut_nodes


COSINES = np.linspace(-1.0, 1.0, 9)
_UNRELATED = int(np.flatnonzero(COSINES == 0)[0])

# Locations of one input, and a typical pair of a batch, are taken as unrelated: pools and batch
# norm then act on the pair alone.
_OTHER = 0.0

_LARGEST_Q = 100.0
_KEEP_Q = "normalise sums and weights so that q stays near 1"

FloatSignal = Signal[Any]


@dataclasses.dataclass(frozen=True)
class Level:
    """The kernel at one node that all paths pass through.

    Arguments:
        node: its name.
        depth: nonlinearities on the longest path to it.
        q: q value, for inputs of q value 1.
        c_map: cosine similarity of the pair for each of the input's `COSINES`.
        slope: C_f'(1).
    """

    node: str
    depth: int
    q: float
    c_map: Float64[np.ndarray, " cosines"]
    slope: float

    @property
    def c_at_zero(self) -> float:
        """C_f(0)."""
        return float(self.c_map[_UNRELATED])


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A node whose kernel has no exact rule; `instead` tells what was computed in its place."""

    node: str
    error: KernelcError
    instead: str | None


@dataclasses.dataclass(frozen=True)
class Profile:
    """All that is measured.

    Arguments:
        levels: the main path, from the input on.
        q: q value of every node that could be computed.
        refusals: nodes without an exact kernel.
        approximated: nonlinearities whose input is not Gaussian and was taken to be.
    """

    levels: tuple[Level, ...]
    q: dict[str, float]
    refusals: tuple[Refusal, ...]
    approximated: tuple[str, ...]


class _MapAlgebra(PairAlgebra[Any]):
    """Exact rules where they hold; other pre-activations taken as Gaussian, and listed."""

    def __init__(self, ring: FloatRing, probes: tuple[str, ...]) -> None:
        super().__init__(ring, probes)
        self.approximated: dict[str, None] = {}

    def nonlinearity(self, s: FloatSignal, phi: ScalarFunction) -> FloatSignal:
        if not s.parts and not s.gaussian:
            self.approximated[self.where] = None
            s = self.atom_signal(s.second, s.mean, s.support, gaussian=True)
        if phi.homogeneity is None and s.second.q > _LARGEST_Q:
            raise KernelcError(
                where=self.where,
                found=f"a q value of {s.second.q:.3g} at {phi.name}",
                law=f"beyond a q value of {_LARGEST_Q:g} an activation sees its tails alone, and "
                "its C map takes ever longer to integrate",
                remedy=_KEEP_Q,
            )
        return super().nonlinearity(s, phi)


class _SlopeAlgebra(_MapAlgebra):
    """dK/dc in the place of the NTK.

    The NTK rules are those of a derivative along c, plus the weights' own term; without it
    `theta` started at dk/dc is dk/dc throughout.
    """

    def fresh(
        self, s: FloatSignal, weights: Weights, read: FloatSignal | None = None
    ) -> FloatSignal:
        out = super().fresh(s, weights, read)
        w = self.ring.number(weights.variance)
        theta = tuple(w * t for t in s.second.theta or ())
        second = dataclasses.replace(out.second, theta=theta)
        return self.atom_signal(second, out.mean, gaussian=True)

    def batch_normalise(self, s: FloatSignal) -> FloatSignal:
        out = super().batch_normalise(s)
        variance = s.second.q - s.second.k[self.probes.index("b")]
        theta = tuple(t / variance for t in s.second.theta or ())
        second = dataclasses.replace(out.second, theta=theta)
        return self.atom_signal(second, out.mean, out.support, out.gaussian)


def measure(network: Network) -> Profile:
    """Fold the kernel rules over the network, going on past nodes that have none."""
    probes = _probes(network)
    ring = FloatRing()
    maps, slopes = _MapAlgebra(ring, probes), _SlopeAlgebra(ring, probes)
    states: dict[int, tuple[FloatSignal, FloatSignal]] = {
        0: (_start(maps, COSINES, None), _start(slopes, 1.0, 1.0))
    }
    refusals: list[Refusal] = []
    cuts = set(cut_nodes(network))
    # Exploding q values and slopes overflow to inf, which is then what is reported.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for node in network.nodes[1:]:
            if not all(i in states for i in node.inputs):
                continue
            state, refusal = _visit(network, node, (maps, slopes), states)
            if refusal is not None:
                refusals.append(refusal)
            if state is None:
                continue
            if node.index in cuts:
                # Nothing before a node all paths pass through is met again: forget it.
                state = (maps.seal(state[0]), slopes.seal(state[1]))
            states[node.index] = state
        levels = tuple(_levels(network, states, cuts))
    q = {network.nodes[i].name: float(state[1].second.q) for i, state in states.items()}
    return Profile(levels, q, tuple(refusals), tuple(maps.approximated))


_State = tuple[FloatSignal, FloatSignal]


def _visit(
    network: Network,
    node: Placed,
    algebras: tuple[_MapAlgebra, _SlopeAlgebra],
    states: dict[int, _State],
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
        return state, Refusal(node.name, refused, told)
    return None, Refusal(node.name, refused, None)


def _apply(
    network: Network,
    node: Placed,
    layer: Layer,
    algebras: tuple[_MapAlgebra, _SlopeAlgebra],
    inputs: Sequence[_State],
) -> _State:
    shapes = network.in_shapes(node)
    for algebra in algebras:
        algebra.where = node.name
    maps, slopes = algebras
    # The slope first: it is quick, and refuses whatever the map refuses.
    slope = layer.kernel(slopes, [state[1] for state in inputs], shapes)
    if not (math.isfinite(slope.second.q) and slope.second.q > 0):
        raise KernelcError(
            where=node.name,
            found=f"a q value of {slope.second.q:g} in float64",
            law="cosines are defined for positive, finite q values",
            remedy=_KEEP_Q,
        )
    return layer.kernel(maps, [state[0] for state in inputs], shapes), slope


def _stand_ins(network: Network, node: Placed) -> Iterator[tuple[Layer | None, str]]:
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
    depth = [0] * len(network)
    for node in network:
        bends = node.layer.nonlinearity() is not None
        depth[node.index] = max((depth[i] for i in node.inputs), default=0) + bends
        if node.index in cuts and node.index in states:
            pair, nearby = (state.second for state in states[node.index])
            theta = math.nan if nearby.theta is None else nearby.theta[0]
            c_map = np.clip(pair.k[0] / pair.q, -1.0, 1.0)
            yield Level(node.name, depth[node.index], pair.q, c_map, theta / nearby.q)


def _probes(network: Network) -> tuple[str, ...]:
    needs = {need for node in network for need in node.layer.reads()}
    locations = ("s", "sc") if "location" in needs else ()
    return ("c", *locations, *(("b",) if "batch" in needs else ()))


def _start(algebra: PairAlgebra[Any], c: Any, tangent: float | None) -> FloatSignal:
    cosines = {"c": c, "s": _OTHER, "sc": _OTHER * c, "b": _OTHER}
    k = tuple(cosines[label] for label in algebra.probes)
    theta = None
    if tangent is not None:
        along = {"c": tangent, "s": 0.0, "sc": _OTHER * tangent, "b": 0.0}
        theta = tuple(along[label] for label in algebra.probes)
    return algebra.atom_signal(Second(1.0, k, theta), None)
