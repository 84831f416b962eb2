"""One layer of a model, and equal blocks of layers that one loop on the device runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, PyTree

from .._errors import KernelcError
from ._initial_statistic import one_of
from ._layer import LayerModule
from ._precision import cast


class Call(NamedTuple):
    """What is the same for all layers while a model runs.

    Arguments:
        axis_name: name of a `jax.vmap` axis that is part of the batch.
        dtype: what parameters are cast to where they are used.
        remat: whether the backward pass computes the inside of a block again.
    """

    axis_name: str | None
    dtype: str
    remat: bool


# Not an Equinox module: JAX takes this kind apart natively, and every dispatch takes apart all.
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
        self, inputs: tuple[Array, ...], state: Any, keys: Any, call: Call
    ) -> tuple[Array, Any]:
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
    axis over the blocks too: each block is handed its row and gives it back changed.

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

        def over_all(variance: Any) -> Any:
            return variance[None] if np.ndim(variance) else variance

        return [jax.tree.map(over_all, node.parameter_variances()) for node in self.block(0)]

    def block(self, index: int) -> tuple[ModelNode, ...]:
        """One block, with its own weights and names; value 0 is the one that enters it.

        The places of its states are still those of the stacked ones.
        """
        # The index is an operand, so that one compilation serves all blocks.
        own = one_of(self.nodes, index)
        names = self.names[index * len(own) :]
        return tuple(
            ModelNode(name, node.module, node.inputs)
            for name, node in zip(names, own, strict=False)
        )

    def run(
        self, inputs: tuple[Array, ...], state: Any, keys: Any, call: Call
    ) -> tuple[Array, Any]:
        """The value, and the state after it; `keys` has a row for each of `names`."""
        stacked, rest = eqx.partition(self.nodes, eqx.is_array)
        rest = one_of(rest, 0)
        own = None if state is None else state.substate(self.nodes)
        if keys is not None:
            keys = keys.reshape(self.count, len(self.nodes), *keys.shape[1:])

        def body(x: Array, each: tuple[PyTree, Any, Any]) -> tuple[Array, Any]:
            arrays, state, keys = each
            values, state = run_nodes(eqx.combine(arrays, rest), x, state, keys, call)
            return values[-1], state

        # Inside a loop nothing merges with the forward pass: the barrier would only cost.
        step = jax.checkpoint(body, prevent_cse=False) if call.remat else body
        (x,) = inputs
        x, own = jax.lax.scan(step, x, (stacked, own, keys), length=self.count)
        return x, None if state is None else state.update(own)


def run_nodes(
    nodes: Sequence[ModelNode | ModelRepeat],
    x: Array,
    state: Any,
    keys: Any,
    call: Call,
    blocks: Sequence[tuple[int, int]] = (),
) -> tuple[list[Any], Any]:
    """`x` and the values of all nodes, and the state after them.

    Arguments:
        nodes: what to run; value 0 is `x`.
        x: a batch of values.
        state: as for a `LayerModule`.
        keys: a row for each layer, or None.
        call: the rest.
        blocks: ranges of nodes whose inside the backward pass computes again; None stands in
            the place of the values there.
    """
    values: list[Any] = [x]
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
        values += [None] * (stop - start - 1) + [value]
        start, row = stop, row + size
    return values, state


def _kept_at_ends(
    nodes: Sequence[Any], start: int, x: Array, state: Any, keys: Any, call: Call
) -> tuple[Array, Any]:
    """The value of the last of `nodes`, which read `x`, value number `start`, and each other."""
    inside = [_rewired(node, range(-start, len(nodes))) for node in nodes]

    def last(nodes: Any, x: Array, state: Any, keys: Any) -> tuple[Array, Any]:
        values, state = run_nodes(nodes, x, state, keys, call)
        return values[-1], state

    return eqx.filter_checkpoint(last)(inside, x, state, keys)


def one_by_one(nodes: Sequence[ModelNode | ModelRepeat]) -> tuple[tuple[ModelNode, ...], list[int]]:
    """The layers without any `ModelRepeat`, and the new index of each value."""
    layers: list[ModelNode] = []
    moved = [0]
    for node in nodes:
        if isinstance(node, ModelRepeat):
            last = moved[node.inputs[0]]
            for index in range(node.count):
                places = [last, *range(len(layers) + 1, len(layers) + len(node.nodes) + 1)]
                layers += [_rewired(own, places) for own in node.block(index)]
                last = len(layers)
        else:
            layers.append(_rewired(node, moved))
        moved.append(len(layers))
    return tuple(layers), moved


def _rewired(node: ModelNode, places: Sequence[int]) -> ModelNode:
    return ModelNode(node.name, node.module, tuple(places[i] for i in node.inputs))
