"""The kernel of a layer without a rule, from values that are drawn and pass through the layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from .._errors import UnsupportedError
from ..algebra import PairAlgebra, SecondMoments
from ..ir import Network, NetworkNode
from ..modules import LayerModule, node_key
from ._readings import KEEP_Q, FloatState, Numbers


# Entries over which a moment is averaged, at least.
_ENTRIES = 40_000
_MOST_DRAWS = 64
# With more layers than this to run, values are drawn where they enter the layer itself.
_MOST_LAYERS = 8
# Step of a difference quotient, as a share of q.
_STEP = 0.02
_LEAST = 1e-300


class Moments(NamedTuple):
    """Second moments over channels of the values of pairs of inputs.

    Arguments:
        q: at one location of one input.
        here: at one location of the two of a pair.
        s: at two locations of one input.
        there: at two locations of the two of a pair.
    """

    q: float
    here: Float64[np.ndarray, " pairs"]
    s: float
    there: Float64[np.ndarray, " pairs"]


class Sampled(NamedTuple):
    """What is measured of the values that leave a layer.

    Arguments:
        moments: their second moments.
        mean: their mean over channels.
        moved: half the second moments of the differences of the two of a pair.
    """

    moments: Moments
    mean: float
    moved: Moments


class Sampler:
    """Runs a layer on values that are drawn.

    Layers without weights before it are run too where their values are not Gaussian, up to values
    that are. These are drawn independently of each other, with second moments as derived.

    Arguments:
        network: its layers have the widths that are drawn.
        node: the node whose value is measured.
        gaussian: whether the value of each node before it is Gaussian.
    """

    def __init__(self, network: Network, node: NetworkNode, gaussian: Mapping[int, bool]) -> None:
        self._nodes, self._node = network.nodes, node
        self._modules = {node.index: self._module(node)}
        self.drawn = self._before(gaussian)

    def _module(self, node: NetworkNode) -> LayerModule:
        key = node_key(jax.random.key(0), node.name)
        return node.layer.module(node.in_shapes, node.shape, key, jnp.float32)

    def _before(self, gaussian: Mapping[int, bool]) -> Sequence[int]:
        """The nodes whose values are drawn; the layers between are kept to run them."""
        drawn, waiting = set(), list(self._node.inputs)
        between: dict[int, LayerModule] = {}
        while waiting:
            index = waiting.pop()
            node = self._nodes[index]
            if index in drawn or index in between:
                continue
            module = None if gaussian[index] or not node.inputs else self._module(node)
            if module is None or jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array)):
                drawn.add(index)
            else:
                between[index] = module
                waiting += node.inputs
        if len(between) > _MOST_LAYERS:
            return sorted(set(self._node.inputs))
        self._modules |= between
        return sorted(drawn)

    def run(self, sources: Mapping[int, Moments]) -> Sampled:
        """What is measured at the node, from the second moments of what is drawn."""
        draws = min(_MOST_DRAWS, math.ceil(_ENTRIES / math.prod(self._node.shape)))
        rng = np.random.default_rng(0)
        values = {
            i: _drawn(each, (draws, *self._nodes[i].shape), rng) for i, each in sources.items()
        }
        for index in sorted(self._modules):
            inputs = tuple(values[i] for i in self._nodes[index].inputs)
            values[index] = self._modules[index](inputs, None, jax.random.key(index))[0]
        out = np.asarray(values[self._node.index], np.float64)
        if not np.isfinite(out).all():
            raise UnsupportedError(
                where=self._node.name,
                found="values that are not finite",
                law="moments are means of finite values",
                remedy=KEEP_Q,
            )
        return _measured(out.reshape(-1, draws, math.prod(out.shape[1:-1]), out.shape[-1]))


def _drawn(source: Moments, shape: tuple[int, ...], rng: np.random.Generator) -> jax.Array:
    """Gaussian values and the other of each pair: ((1 + pairs) draws, *locations, channels).

    Arguments:
        source: their second moments.
        shape: (draws, *locations, channels).
        rng: what draws them.
    """
    q = max(source.q, _LEAST)
    s = float(np.clip(source.s / q, 0.0, 1.0))
    shared = source.there / q / (s or 1.0)
    own = (source.here / q - s * shared) / ((1 - s) or 1.0)
    one = (shape[0], *(1,) * (len(shape) - 2), shape[-1])
    everywhere = _pairs(rng.standard_normal((2, *one)), shared)
    by_location = _pairs(rng.standard_normal((2, *shape)), own)
    found = math.sqrt(q * s) * everywhere + math.sqrt(q * (1 - s)) * by_location
    return jnp.asarray(found.reshape(-1, *shape[1:]), jnp.float32)


def _pairs(draws: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """The first of two draws, and for each cosine what has this cosine with it."""
    first, other = draws
    c = np.clip(cosines, -1.0, 1.0).reshape(-1, *(1,) * first.ndim)
    return np.concatenate([first[None], c * first + np.sqrt(1 - c**2) * other])


def _measured(out: Float64[np.ndarray, "values draws locations channels"]) -> Sampled:
    mean = float(out.mean())
    # The mean is that of all values: about it, moments have less noise.
    about = _moments(out[0] - mean, out[1:] - mean)
    q, here, s, there = about
    square = mean**2
    moments = Moments(q + square, here + square, s + square, there + square)
    change = out[1:] - out[:1]
    halves = (_moments(each / math.sqrt(2), each[None] / math.sqrt(2)) for each in change)
    pairs = [(float(half.here[0]), float(half.there[0])) for half in halves]
    moved_here, moved_there = np.array(pairs).T
    return Sampled(moments, mean, Moments(0.0, moved_here, 0.0, moved_there))


def _moments(first: np.ndarray, others: np.ndarray) -> Moments:
    """Those of values (draws, locations, channels) and of others with one axis more."""
    locations = first.shape[-2]
    q, here = float(np.mean(first**2)), np.mean(others * first, axis=(1, 2, 3))
    mean, means = first.mean(axis=-2), others.mean(axis=-2)
    s, there = float(np.mean(mean**2)), np.mean(means * mean, axis=(1, 2))
    if locations > 1:
        # From any two locations to two that differ.
        s = (locations * s - q) / (locations - 1)
        there = (locations * there - here) / (locations - 1)
    return Moments(q, here, s, there)


def sampled(
    sampler: Sampler,
    algebra: PairAlgebra[Numbers],
    states: Mapping[int, FloatState],
    near: bool = False,
) -> FloatState:
    """The state at a node without a rule.

    Tangents are derivatives of the moments along those of what is drawn (Price's theorem), as
    difference quotients over the same draws.

    Arguments:
        sampler: that of the node.
        algebra: what makes states, and knows what `k` and `theta` hold.
        states: of the nodes that are drawn.
        near: whether the pair is twice one input.
    """
    plain = {i: _moments_of(algebra, state.second, state.second.k) for i, state in states.items()}
    thetas = [state.second.theta for state in states.values()]
    if any(theta is None for theta in thetas):
        return _state(algebra, sampler.run(plain), None, near)
    step = _step(algebra, states)
    both = {}
    for i, state in states.items():
        theta = _moments_of(algebra, state.second, state.second.theta or ())
        here = np.concatenate([plain[i].here, plain[i].here + step * theta.here])
        there = np.concatenate([plain[i].there, plain[i].there + step * theta.there])
        both[i] = plain[i]._replace(here=here, there=there)
    return _state(algebra, sampler.run(both), step, near)


def _step(algebra: PairAlgebra[Numbers], states: Mapping[int, FloatState]) -> np.ndarray:
    """How far each pair moves along `theta`: so that its cosine comes nearer to 0."""
    largest: Numbers = _LEAST
    sign: Numbers = 1.0
    for state in states.values():
        second = state.second
        theta = _moments_of(algebra, second, second.theta or ()).here
        largest = np.maximum(largest, np.abs(theta) / max(float(second.q), _LEAST))
        sign = np.where(_moments_of(algebra, second, second.k).here > 0, -1.0, 1.0)
    return sign * _STEP / np.asarray(largest)


def _moments_of(
    algebra: PairAlgebra[Numbers], second: SecondMoments[Numbers], values: Sequence[Numbers]
) -> Moments:
    """The entries of `k` or of `theta`; a typical pair of the batch is one pair more."""
    by_label = dict(zip(algebra.probes, values, strict=True))
    here = np.atleast_1d(np.asarray(by_label["c"], np.float64))
    there = np.broadcast_to(np.asarray(by_label.get("sc", 0.0), np.float64), here.shape)
    if "b" in by_label:
        here = np.append(here, by_label["b"])
        there = np.append(there, 0.0)
    return Moments(float(second.q), here, float(np.max(by_label.get("s", 0.0))), there)


def _state(
    algebra: PairAlgebra[Numbers], found: Sampled, step: np.ndarray | None, near: bool
) -> FloatState:
    q, here, s, there = found.moments
    pairs = len(here) if step is None else len(step)
    theta = None
    if step is not None:
        # Two values that were equal have moved apart: their distance has less noise than q.
        equal = found.moved.here[:pairs] == 0
        change = np.where(equal, -found.moved.here[pairs:], here[pairs:] - here[:pairs])
        apart = np.where(equal, -found.moved.there[pairs:], there[pairs:] - there[:pairs])
        theta = _entries(algebra, change / step, 0.0, apart / step, near)
    k = _entries(algebra, np.clip(here[:pairs], -q, q), s, there[:pairs], near)
    return algebra.state_of(SecondMoments(q, k, theta), found.mean)


def _entries(
    algebra: PairAlgebra[Numbers], here: np.ndarray, s: float, there: np.ndarray, near: bool
) -> tuple[Numbers, ...]:
    """Numbers in the order of the probes."""
    count = len(here) - ("b" in algebra.probes)
    pair = (lambda values: float(values[0])) if near else (lambda values: values[:count])
    found = {"c": pair(here), "s": s, "sc": pair(there), "b": float(here[-1])}
    return tuple(found[label] for label in algebra.probes)
