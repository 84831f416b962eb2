"""How many numbers a network learns, counted without making them."""

from __future__ import annotations

import math
from collections.abc import Hashable

import equinox as eqx
import jax
import jax.numpy as jnp

from .._errors import KernelcError
from ._assembly import NetworkNode
from ._graph import Graph
from ._text import described


def summary(network: Graph) -> str:
    """The text of a network with a column of parameter counts and their total.

    Weights whose scale is still a symbol are not made, hence counted as unknown.
    """
    counts = ParameterCounts(network)
    text = described(network, lambda node: _shown(counts.of(node)))
    found = [counts.of(node) for node in network]
    total = sum(count for count in found if count is not None)
    unknown = found.count(None)
    note = f", and those of {unknown} nodes with symbols" if unknown else ""
    return f"{text}\n{total:,} parameters{note}"


class ParameterCounts:
    """Parameters of each node; equal layers on equal shapes are traced once."""

    def __init__(self, network: Graph) -> None:
        self.network = network
        self.known: dict[Hashable, int | None] = {}

    def of(self, node: NetworkNode) -> int | None:
        """Parameters of a node; None where the layer is refused: symbols, sizes."""
        key = node.layer, node.in_shapes
        if key not in self.known:
            self.known[key] = self._traced(node) if node.inputs else 0
        return self.known[key]

    def _traced(self, node: NetworkNode) -> int | None:
        shapes = node.in_shapes
        try:
            module = eqx.filter_eval_shape(
                lambda key: node.layer.module(shapes, node.shape, key, jnp.float32),
                jax.eval_shape(lambda: jax.random.key(0)),
            )
        except KernelcError:
            return None
        leaves = jax.tree.leaves(eqx.filter(module, _learned))
        return sum(math.prod(leaf.shape) for leaf in leaves)


def _learned(leaf: object) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _shown(count: int | None) -> str:
    return "?" if count is None else f"{count:,}" if count else ""
