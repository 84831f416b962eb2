"""q values and cosines of the tokens of single inputs, at the nodes that all paths share."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64, Shaped

from ..ir import Network, NetworkNode, cut_nodes, fold, kernel_rule
from ._array_backend import ArrayBackend
from ._ends import entered, frame_of
from ._gram import DataState, GramAlgebra
from ._reach import FloatState, QUpperBound, spans_along


@dataclasses.dataclass(frozen=True)
class TokenLevel:
    """The locations of one input at one node, means over inputs.

    Arguments:
        node: its name.
        q: q value of each location, in row-major order.
        mean_cosine: of two different locations, where both have q > 0; NaN where none have.
        end_cosine: of the first and the last one, likewise.
    """

    node: str
    q: Float64[np.ndarray, " locations"]
    mean_cosine: float
    end_cosine: float


def token_levels(network: Network, x: Shaped[np.ndarray, "n ..."]) -> tuple[TokenLevel, ...]:
    """The covariance K(i, j) of locations of one input, followed through the network.

    Arguments:
        network: the network.
        x: (n, *input_shape) inputs.

    Returns: a level for each node that all paths pass through and that has two locations or more,
        up to the first node without a kernel rule.
    """
    takes = network.input_format
    x = np.asarray(takes.converted(np.asarray(x), double=True))
    largest = float(takes.q_values(x).max())
    cuts = [network.nodes[i] for i in cut_nodes(network)]
    names = [node for node in cuts if math.prod(node.shape[:-1]) > 1]

    def stop(node: NetworkNode, inputs: Sequence[DataState | FloatState], error: Exception) -> None:
        """No value: nothing is known of what reads this node."""

    known = {node.index for node in network.nodes[1:]}

    def walk(algebra: QUpperBound, start: FloatState) -> None:
        known.intersection_update(fold(network.nodes[1:], kernel_rule(algebra), {0: start}, stop))

    found = spans_along(walk, [largest, largest / 4])
    nodes = [network.nodes[i] for i in sorted(known)]

    @jax.jit
    def levels(x: Array) -> dict[str, tuple[Array, ...]]:
        algebra = GramAlgebra(ArrayBackend(frame_of(network, True, False), found), True)
        start = entered(algebra, takes, x, x, True, None, ntk=False, sharp=False)
        states = fold(nodes, kernel_rule(algebra), {0: start}, stop)
        return {
            node.name: _summary(states[node.index], node, len(x))
            for node in names
            if node.index in states
        }

    with jax.enable_x64(True), np.errstate(all="ignore"):
        values = {name: [np.asarray(v) for v in level] for name, level in levels(x).items()}
    return tuple(
        TokenLevel(node.name, values[node.name][0], *map(float, values[node.name][1:]))
        for node in names
        if node.name in values
    )


def _summary(state: DataState, node: NetworkNode, inputs: int) -> tuple[Array, ...]:
    k = state.second.k[0].cross.value
    locations, count = node.shape[:-1], math.prod(node.shape[:-1])
    # Where an image became a sequence, its second axis is left with the size one.
    locations += (1,) * ((jnp.ndim(k) - 1) // 2 - len(locations))
    k = jnp.broadcast_to(k, (inputs, *locations, *locations))
    k = k.reshape(inputs, count, count).astype(jnp.float64)
    q = jnp.diagonal(k, axis1=1, axis2=2)
    root = jnp.sqrt(q)
    sizes = root[:, :, None] * root[:, None, :]
    alive = (sizes > 0) & ~np.eye(count, dtype=bool)
    cosines = jnp.where(alive, k / sizes, 0.0)
    ends, both = jnp.sum(cosines[:, 0, -1]), jnp.sum(alive[:, 0, -1])
    return jnp.mean(q, 0), jnp.sum(cosines) / jnp.sum(alive), ends / both
