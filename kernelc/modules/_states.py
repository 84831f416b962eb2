"""States: how they are named, and how they go from one form of a model to the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._errors import DataError
from ._initial_statistic import is_index
from ._node import ModelNode, ModelRepeat


Nodes = Sequence[ModelNode | ModelRepeat]
_Either = TypeVar("_Either", bound=ModelNode | ModelRepeat)

_PORTION = 32


class _Kept(NamedTuple):
    """Where a state is kept.

    Arguments:
        layers: the names of the layers it belongs to, one for each row where it is stacked.
        path: from the layer to its `StateIndex`.
        place: that.
        stacked: whether it has a first axis over the layers.
    """

    layers: tuple[str, ...]
    path: str
    place: eqx.nn.StateIndex
    stacked: bool


def name_states(nodes: Sequence[_Either]) -> tuple[_Either, ...]:
    """Mark states by node name, so that models built alike share structure and checkpoints."""

    def renamed(node: _Either) -> _Either:
        found = jax.tree_util.tree_leaves_with_path(node, is_leaf=is_index)
        leaves = []
        for path, leaf in found:
            if is_index(leaf):
                leaf = _named(leaf.init, node.names[0] + jax.tree_util.keystr(path))
            leaves.append(leaf)
        return jax.tree.unflatten(jax.tree.structure(node, is_leaf=is_index), leaves)

    return tuple(renamed(node) for node in nodes)


def is_stateful(model: PyTree) -> bool:
    """Whether the model keeps a state between calls, as batch norm does."""
    return any(is_index(leaf) for leaf in jax.tree.leaves(model, is_leaf=is_index))


def first_state(model: PyTree) -> eqx.nn.State | None:
    """The state of a model before its first step, None for a model that keeps none.

    Raises: DataError for a model made by `eqx.nn.make_with_state`, which holds it no longer.
    """
    if not is_stateful(model):
        return None
    try:
        return eqx.nn.State(model)
    except ValueError as error:
        raise DataError(
            where="state",
            found="None, for a model made by eqx.nn.make_with_state",
            law="such a model no longer holds its first state",
            remedy="pass the state too, the one that make_with_state returned",
        ) from error


def carried(state: eqx.nn.State, old: Nodes, new: Nodes) -> eqx.nn.State:
    """The state of the model of nodes `old` for that of `new`, which has the same layers.

    Raises: DataError for a state of another model.
    """
    check_state(state, old)
    values: dict[tuple[str, str], Any] = {}
    for kept in _states_of(old):
        value = state.get(kept.place)
        for row, layer in enumerate(kept.layers):
            own = jax.tree.map(lambda leaf, row=row: leaf[row], value) if kept.stacked else value
            values[layer, kept.path] = own
    held = []
    for kept in _states_of(new):
        own = [values[layer, kept.path] for layer in kept.layers]
        value = jax.tree.map(lambda *rows: stack(rows), *own) if kept.stacked else own[0]
        held.append(_starting(kept.place, value))
    return eqx.nn.State(held)


def check_state(state: Any, nodes: Nodes) -> None:
    """Require None, or the state of a model of these nodes in this form."""
    if state is None:
        return
    for kept in _states_of(nodes):
        try:
            fits = _fits(kept, state.get(kept.place))
        except (KeyError, AttributeError, TypeError):
            fits = False
        if not fits:
            raise DataError(
                where=f"node {kept.layers[0]!r}",
                found="no statistics of its shape in the given state",
                law="a state belongs to one model in one form, with layers one by one or in loops",
                remedy="make state = eqx.nn.State(model), or convert both at once: "
                "model, state = kernelc.unrolled(model, state), or scanned",
            )


def stack(rows: Sequence[Array]) -> Array:
    """The arrays on a new first axis."""
    # In portions: XLA takes seconds to compile one operation of a thousand operands.
    starts = range(0, len(rows), _PORTION)
    return jnp.concatenate([jnp.stack(rows[i : i + _PORTION]) for i in starts])


def _fits(kept: _Kept, value: Any) -> bool:
    found = [np.shape(leaf) for leaf in jax.tree.leaves(value)]
    # None where the initial state was deleted, as `eqx.nn.make_with_state` does.
    wanted = [np.shape(leaf) for leaf in jax.tree.leaves(kept.place.init)]
    rows = not kept.stacked or all(shape[:1] == (len(kept.layers),) for shape in found)
    return rows and wanted in ([], found)


def _states_of(nodes: Nodes) -> Iterator[_Kept]:
    for node in nodes:
        stacked = isinstance(node, ModelRepeat)
        parts = node.nodes if stacked else (node,)
        for number, part in enumerate(parts):
            layers = node.names[number :: len(parts)]
            for path, leaf in jax.tree_util.tree_leaves_with_path(part, is_leaf=is_index):
                if is_index(leaf):
                    yield _Kept(layers, jax.tree_util.keystr(path), leaf, stacked)


def _named(init: Any, name: str) -> eqx.nn.StateIndex:
    """The place of a state with this beginning, the same for every call with this name."""
    # Equinox names a state by the path to it, here the key of a dict. Its beginning is set after:
    # Equinox takes it out, and refuses one that was taken out before.
    places, _ = eqx.nn.make_with_state(lambda: {name: eqx.nn.StateIndex(0)})()
    return _starting(places[name], init)


def _starting(place: eqx.nn.StateIndex, init: Any) -> eqx.nn.StateIndex:
    return eqx.tree_at(lambda index: index.init, place, init)
