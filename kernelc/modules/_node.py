"""One layer of a model, and equal blocks of layers that one loop on the device runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._errors import KernelcError
from .._table import Table
from ._layer import InitialStatistic, LayerModule
from ._precision import cast


State = eqx.nn.State | None
Keys = Array | None
"""A random key for each layer, of the new or of the old kind."""


class Call(NamedTuple):
    """What is the same for all layers while a model runs."""

    axis_name: str | None  # of a jax.vmap axis that is part of the batch
    dtype: str  # of parameters where they are used
    remat: bool  # whether the backward pass computes the inside of a block again


# Not an Equinox module: JAX flattens a registered dataclass faster, at every dispatch.
@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ModelNode:
    """One layer of a model and where its inputs come from.

    Arguments:
        name: unique in the model.
        module: the layer.
        inputs: indices of values; value 0 is the input of the model, value i + 1 the output
            of its node i.
    """

    name: str = dataclasses.field(metadata={"static": True})
    module: LayerModule
    inputs: tuple[int, ...] = dataclasses.field(metadata={"static": True})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the layers this stands for."""
        return (self.name,)

    @property
    def needs_batch(self) -> bool:
        """As `LayerModule.needs_batch`."""
        return self.module.needs_batch

    def parameter_variances(self) -> PyTree:
        """As `LayerModule.parameter_variances`."""
        return self.module.parameter_variances()

    def run(
        self, inputs: tuple[Array, ...], state: State, keys: Keys, call: Call
    ) -> tuple[Array, State]:
        """The value, and the state after it; `keys` has a row for each of `names`."""
        key = None if keys is None else jax.lax.index_in_dim(keys, 0, keepdims=False)
        module = cast(self.module, call.dtype)
        try:
            return module(inputs, state, key, call.axis_name)
        except KernelcError as error:
            where = f"node {self.name!r} ({error.where})"
            raise type(error)(where, error.found, error.law, error.remedy) from error


class ModelRepeat(eqx.Module):
    """Equal blocks of layers, each fed by the one before, as a `jax.lax.scan` over their weights.

    Tracing, compilation and optimizer updates cost what they cost for one block. The blocks
    differ in the values of their arrays alone. States, such as running statistics, have a first
    axis over the blocks too: each block reads and updates its row. So have tables of numbers that
    do not train.

    Arguments:
        nodes: the first block, its arrays with a leading axis over the blocks; value 0 is the
            one that enters the block.
        names: of all layers, block after block.
        inputs: the index of the value that enters the first block, as in a `ModelNode`.
    """

    nodes: tuple[ModelNode, ...]
    names: tuple[str, ...] = eqx.field(static=True)
    inputs: tuple[int, ...] = eqx.field(static=True)

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.names) // len(self.nodes)

    @property
    def needs_batch(self) -> bool:
        """As `LayerModule.needs_batch`."""
        return any(node.needs_batch for node in self.nodes)

    def parameter_variances(self) -> PyTree:
        """As `LayerModule.parameter_variances`: those of one block, which broadcast over all."""

        def over_all(variance: PyTree) -> PyTree:
            return variance[None] if np.ndim(variance) else variance

        return [jax.tree.map(over_all, node.parameter_variances()) for node in self.block(0)]

    def block(self, index: int) -> tuple[ModelNode, ...]:
        """One block, with its own weights and names; value 0 is the one that enters it.

        The places of its states are still those of the stacked ones.
        """
        # The index is an operand, so that one compilation serves all blocks.
        own = _one_of(self.nodes, index)
        names = self.names[index * len(own) :]
        return tuple(
            ModelNode(name, node.module, node.inputs)
            for name, node in zip(names, own, strict=False)
        )

    def run(
        self, inputs: tuple[Array, ...], state: State, keys: Keys, call: Call
    ) -> tuple[Array, State]:
        """The value, and the state after it; `keys` has a row for each of `names`."""
        stacked, rest = eqx.partition(self.nodes, _differs_by_block)
        stacked, rest = jax.tree.map(_as_array, stacked), _one_of(rest, 0)
        own = None if state is None else state.substate(self.nodes)
        if keys is not None:
            keys = keys.reshape(self.count, len(self.nodes), *keys.shape[1:])

        def body(x: Array, each: tuple[PyTree, State, Keys]) -> tuple[Array, State]:
            arrays, state, keys = each
            values, state = run_nodes(eqx.combine(arrays, rest), x, state, keys, call)
            return values[-1], state

        # Inside a loop XLA merges nothing with the forward pass, so the barrier is not needed.
        step = jax.checkpoint(body, prevent_cse=False) if call.remat else body
        (x,) = inputs
        x, own = jax.lax.scan(step, x, (stacked, own, keys), length=self.count)
        return x, None if state is None or own is None else state.update(own)


Nodes = Sequence[ModelNode | ModelRepeat]
Either = TypeVar("Either", bound=ModelNode | ModelRepeat)


def run_nodes(
    nodes: Nodes,
    x: Array,
    state: State,
    keys: Keys,
    call: Call,
    blocks: Sequence[tuple[int, int]] = (),
) -> tuple[list[Array], State]:
    """`x` and the values of all nodes, and the state after them.

    The backward pass computes the inside of `blocks`, ranges of nodes, again; each value there is
    that of the last node, as the others are not read.
    """
    values = [x]
    row = start = 0
    stops = dict(blocks)
    while start < len(nodes):
        stop = stops.get(start, start + 1)
        size = sum(len(node.names) for node in nodes[start:stop])
        own = None if keys is None else jax.lax.slice_in_dim(keys, row, row + size)
        if stop == start + 1:
            inputs = tuple(values[i] for i in nodes[start].inputs)
            value, state = nodes[start].run(inputs, state, own, call)
        else:
            value, state = _kept_at_ends(nodes[start:stop], start, values[start], state, own, call)
        values += [value] * (stop - start)
        start, row = stop, row + size
    return values, state


def _kept_at_ends(
    nodes: Nodes, start: int, x: Array, state: State, keys: Keys, call: Call
) -> tuple[Array, State]:
    """The value of the last of `nodes`, which read `x`, value number `start`, and each other."""
    inside = [rewired(node, lambda i: i - start) for node in nodes]

    def last(nodes: Nodes, x: Array, state: State, keys: Keys) -> tuple[Array, State]:
        values, state = run_nodes(nodes, x, state, keys, call)
        return values[-1], state

    return eqx.filter_checkpoint(last)(inside, x, state, keys)


class Leaf(NamedTuple):
    """A leaf of a model, and the layers it belongs to, one for each row where it is stacked."""

    layers: tuple[str, ...]
    path: str  # from the layer to it
    place: str  # from the model to it
    value: PyTree
    stacked: bool  # whether it has a first axis over the layers of a loop


def leaves_of(nodes: Nodes) -> Iterator[Leaf]:
    """The leaves in the order of `jax.tree.flatten(nodes, is_leaf=is_index)`."""
    for position, node in enumerate(nodes):
        stacked = isinstance(node, ModelRepeat)
        parts = node.nodes if stacked else (node,)
        for number, part in enumerate(parts):
            before = f".nodes[{position}]" + (f".nodes[{number}]" if stacked else "")
            found = jax.tree_util.tree_leaves_with_path(part.module, is_leaf=is_index)
            for keys, leaf in found:
                path, layers = jax.tree_util.keystr(keys), node.names[number :: len(parts)]
                yield Leaf(layers, path, f"{before}.module{path}", leaf, stacked)


def is_index(leaf: object) -> bool:
    """Whether this is the place of a state in a model."""
    return isinstance(leaf, eqx.nn.StateIndex)


def _differs_by_block(leaf: PyTree) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, Table)


def _as_array(leaf: PyTree) -> PyTree:
    return jnp.asarray(leaf.array) if isinstance(leaf, Table) else leaf


def _one_of(stacked: PyTree, index: int) -> PyTree:
    """The layers at `index` among stacked ones."""

    def row(leaf: PyTree) -> PyTree:
        by_block = _differs_by_block(leaf) or isinstance(leaf, InitialStatistic)
        return leaf[index] if by_block else leaf

    return jax.tree.map(row, stacked)


def one_by_one(nodes: Nodes) -> tuple[tuple[ModelNode, ...], list[int]]:
    """The layers without any `ModelRepeat`, and the new index of each value."""
    layers: list[ModelNode] = []
    moved = [0]
    for node in nodes:
        if isinstance(node, ModelRepeat):
            last = moved[node.inputs[0]]
            for index in range(node.count):
                places = [last, *range(len(layers) + 1, len(layers) + len(node.nodes) + 1)]
                layers += [rewired(own, places.__getitem__) for own in node.block(index)]
                last = len(layers)
        else:
            layers.append(rewired(node, moved.__getitem__))
        moved.append(len(layers))
    return tuple(layers), moved


def rewired(node: Either, moved: Callable[[int], int]) -> Either:
    """The node, which reads value number `moved(i)` in place of number i."""
    return dataclasses.replace(node, inputs=tuple(moved(i) for i in node.inputs))
