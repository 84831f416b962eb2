"""States: their names and arrays, and how they go from one form of a model to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._errors import DataError
from ._node import Either, Leaf, Nodes, is_index, leaves_of


_PORTION = 32


def name_states(nodes: Sequence[Either]) -> tuple[Either, ...]:
    """Mark states by node name, so that models built alike share structure and checkpoints."""

    def renamed(node: Either) -> Either:
        found = jax.tree_util.tree_leaves_with_path(node, is_leaf=is_index)
        leaves = []
        for path, leaf in found:
            if is_index(leaf):
                leaf = _marked(leaf.init, node.names[0] + jax.tree_util.keystr(path))
            leaves.append(leaf)
        return jax.tree.unflatten(jax.tree.structure(node, is_leaf=is_index), leaves)

    return tuple(renamed(node) for node in nodes)


def is_stateful(model: PyTree) -> bool:
    """Whether the model keeps a state between calls, as batch norm does."""
    return any(is_index(leaf) for leaf in jax.tree.leaves(model, is_leaf=is_index))


def first_state(model: PyTree) -> eqx.nn.State | None:
    """The state of a model before its first step, None for a model that keeps none.

    Raises: DataError for a model made by `eqx.nn.make_with_state`, which does not hold it.
    """
    if not is_stateful(model):
        return None
    try:
        return eqx.nn.State(model)
    except ValueError as error:
        raise DataError(
            where="state",
            found="None, for a model made by eqx.nn.make_with_state",
            law="such a model does not hold its first state",
            remedy="pass the state too, the one that make_with_state returned",
        ) from error


def carried(state: eqx.nn.State, old: Nodes, new: Nodes) -> eqx.nn.State:
    """The state of the model of nodes `old` for that of `new`, which has the same layers.

    Raises: DataError for a state of another model.
    """
    check_state(state, old)
    values: dict[tuple[str, str], PyTree] = {}
    for kept in _states_of(old):
        value = state.get(kept.value)
        for row, layer in enumerate(kept.layers):
            own = jax.tree.map(lambda leaf, row=row: leaf[row], value) if kept.stacked else value
            values[layer, kept.path] = own
    held = []
    for kept in _states_of(new):
        own = [values[layer, kept.path] for layer in kept.layers]
        value = jax.tree.map(lambda *rows: stack(rows), *own) if kept.stacked else own[0]
        held.append(_starting(kept.value, value))
    return eqx.nn.State(held)


def check_state(state: eqx.nn.State | None, nodes: Nodes) -> None:
    """Require None, or the state of a model of these nodes in this form."""
    if state is None:
        return
    for kept in _states_of(nodes):
        try:
            fits = _fits(kept, state.get(kept.value))
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


def state_arrays(state: eqx.nn.State, nodes: Nodes) -> dict[str, Array]:
    """The arrays of the state of a model of `nodes`, by layer and place.

    Raises: DataError for the state of another model, or of another form.
    """
    check_state(state, nodes)
    return {
        name: leaf
        for kept in _states_of(nodes)
        for name, leaf in _by_name(kept, state.get(kept.value))
    }


def state_starts(nodes: Nodes) -> dict[str, PyTree]:
    """What a state of a model of `nodes` begins with, by the same names."""
    return {
        name: leaf for kept in _states_of(nodes) for name, leaf in _by_name(kept, kept.value.init)
    }


def state_of(arrays: Mapping[str, Array], nodes: Nodes) -> eqx.nn.State:
    """The state with these arrays; `state_arrays` is the inverse."""
    held = []
    for kept in _states_of(nodes):
        leaves = [arrays[name] for name, _ in _by_name(kept, kept.value.init)]
        value = jax.tree.unflatten(jax.tree.structure(kept.value.init), leaves)
        held.append(_starting(kept.value, value))
    return eqx.nn.State(held)


def stack(rows: Sequence[Array]) -> Array:
    """The arrays on a new first axis."""
    # In portions: XLA takes seconds to compile one operation of a thousand operands.
    starts = range(0, len(rows), _PORTION)
    return jnp.concatenate([jnp.stack(rows[i : i + _PORTION]) for i in starts])


def _fits(kept: Leaf, value: PyTree) -> bool:
    found = [np.shape(leaf) for leaf in jax.tree.leaves(value)]
    # None where the initial state was deleted, as `eqx.nn.make_with_state` does.
    wanted = [np.shape(leaf) for leaf in jax.tree.leaves(kept.value.init)]
    rows = not kept.stacked or all(shape[:1] == (len(kept.layers),) for shape in found)
    return rows and wanted in ([], found)


def _states_of(nodes: Nodes) -> list[Leaf]:
    """The places of states."""
    return [leaf for leaf in leaves_of(nodes) if is_index(leaf.value)]


def _by_name(kept: Leaf, value: PyTree) -> Iterator[tuple[str, PyTree]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(value):
        yield f"state/{kept.layers[0]}.module{kept.path}{jax.tree_util.keystr(path)}", leaf


def _marked(init: PyTree, name: str) -> eqx.nn.StateIndex:
    """The place of a state with this beginning, the same for every call with this name."""
    # Equinox names a state by the path to it, here the key of a dict. Its beginning is set after:
    # Equinox takes it out, and refuses one that was taken out before.
    places, _ = eqx.nn.make_with_state(lambda: {name: eqx.nn.StateIndex(0)})()
    return _starting(places[name], init)


def _starting(place: eqx.nn.StateIndex, init: PyTree) -> eqx.nn.StateIndex:
    return eqx.tree_at(lambda index: index.init, place, init)
