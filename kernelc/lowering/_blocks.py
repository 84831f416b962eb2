"""Blocks of layers: when two are alike, and many of them as one node."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..ir import Shape
from ..modules import InitialStatistic, ModelNode, ModelRepeat, is_index, stack


def same_but_for_values(node: Any, shapes: Sequence[Shape], out: Shape) -> Hashable:
    """Equal for layers that differ in the values of their arrays, and the place of states, only.

    Arguments:
        node: a layer of a model.
        shapes: of its inputs.
        out: of its output.
    """
    leaves, structure = jax.tree.flatten(node.module, is_leaf=is_index)
    return structure, tuple(shapes), out, *map(_told, leaves)


def _told(leaf: Any) -> Hashable:
    if eqx.is_array(leaf):
        return leaf.shape, leaf.dtype
    if isinstance(leaf, np.ndarray):
        return leaf.shape, leaf.dtype, leaf.tobytes()
    if is_index(leaf):
        parts, structure = jax.tree.flatten(leaf.init)
        if not all(eqx.is_array(part) or isinstance(part, InitialStatistic) for part in parts):
            return object()  # like no other: nobody has said how such a beginning is stacked
        return structure, *map(_told, parts)
    return type(leaf), leaf


def repeated(part: Sequence[Any], size: int, start: int, gone: int) -> ModelRepeat:
    """All layers of `part` as one node.

    Arguments:
        part: equal blocks, one after the other.
        size: layers in a block.
        start: the value that enters the first block.
        gone: how many values before that are none any more.
    """
    blocks = []
    for first in range(0, len(part), size):
        # Under the names of the first block: names are part of the structure of a tree.
        block = zip(part[:size], part[first : first + size], strict=True)
        blocks.append(
            tuple(shifted(ModelNode(a.name, b.module, a.inputs), start) for a, b in block)
        )
    names = tuple(node.name for node in part)
    return ModelRepeat(jax.tree.map(_stacked, *blocks, is_leaf=is_index), names, (start - gone,))


def _stacked(*leaves: Any) -> Any:
    first = leaves[0]
    if is_index(first):
        # Under a new marker: those of the blocks differ.
        return eqx.nn.StateIndex(jax.tree.map(_stacked, *(leaf.init for leaf in leaves)))
    if isinstance(first, InitialStatistic):
        return first.stacked(len(leaves))
    return stack(leaves) if eqx.is_array(first) else first


def shifted(node: Any, by: int) -> ModelNode:
    """The layer, reading values whose indices are `by` lower."""
    return ModelNode(node.name, node.module, tuple(i - by for i in node.inputs))
