"""Blocks of layers: when two are alike, and many of them as one node."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from ..ir import Shape, Table
from ..modules import InitialStatistic, ModelNode, ModelRepeat, is_index, rewired, stack


def same_but_for_values(node: ModelNode, shapes: Sequence[Shape], out: Shape) -> Hashable:
    """Equal for layers that differ in the values of arrays and tables, and the place of states,
    only.

    `shapes` are those of the inputs of the layer, `out` that of its output.
    """
    leaves, structure = jax.tree.flatten(node.module, is_leaf=is_index)
    return structure, tuple(shapes), out, *map(_told, leaves)


def _told(leaf: PyTree) -> Hashable:
    if eqx.is_array(leaf):
        return leaf.shape, leaf.dtype
    if isinstance(leaf, Table):
        return Table, leaf.shape
    if isinstance(leaf, np.ndarray):
        return leaf.shape, leaf.dtype, leaf.tobytes()
    if is_index(leaf):
        parts, structure = jax.tree.flatten(leaf.init)
        if not all(eqx.is_array(part) or isinstance(part, InitialStatistic) for part in parts):
            return object()  # equal to no other: no rule says how such a state is stacked
        return structure, *map(_told, parts)
    return type(leaf), leaf


def repeated(part: Sequence[ModelNode], size: int, start: int, gone: int) -> ModelRepeat:
    """All layers of `part`, equal blocks of `size` layers, as one node.

    Value number `start` enters the first block; loops before it took `gone` values out.
    """
    blocks = []
    for first in range(0, len(part), size):
        # All blocks take the names of the first: names are part of the structure of a tree.
        block = zip(part[:size], part[first : first + size], strict=True)
        blocks.append(
            tuple(lowered_by(start, ModelNode(a.name, b.module, a.inputs)) for a, b in block)
        )
    names = tuple(node.name for node in part)
    return ModelRepeat(jax.tree.map(_stacked, *blocks, is_leaf=is_index), names, (start - gone,))


def _stacked(*leaves: PyTree) -> PyTree:
    first = leaves[0]
    if is_index(first):
        # The markers of the blocks differ, so the stack gets a new one.
        return eqx.nn.StateIndex(jax.tree.map(_stacked, *(leaf.init for leaf in leaves)))
    if isinstance(first, Table):
        return Table.stacked(leaves)
    if isinstance(first, InitialStatistic):
        return first.stacked(len(leaves))
    return stack(leaves) if eqx.is_array(first) else first


def lowered_by(count: int, node: ModelNode) -> ModelNode:
    """The layer, which reads values whose indices are `count` lower."""
    return rewired(node, lambda i: i - count)
