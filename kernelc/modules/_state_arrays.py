"""The arrays of a state by name, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx
import jax

from ._states import Nodes, _states_of as states_of, check_state


def state_arrays(state: eqx.nn.State, nodes: Nodes) -> dict[str, Any]:
    """The arrays of the state of a model of `nodes`, by layer and place.

    Raises: DataError for the state of another model, or of another form.
    """
    check_state(state, nodes)
    found = {}
    for kept in states_of(nodes):
        for name, leaf in _named(kept, state.get(kept.place)):
            found[name] = leaf
    return found


def state_starts(nodes: Nodes) -> dict[str, Any]:
    """What a state of a model of `nodes` begins with, by the same names."""
    return {name: leaf for kept in states_of(nodes) for name, leaf in _named(kept, kept.place.init)}


def state_of(arrays: Mapping[str, Any], nodes: Nodes) -> eqx.nn.State:
    """The state with these arrays; `state_arrays` is the inverse."""
    held = []
    for kept in states_of(nodes):
        leaves = [arrays[name] for name, _ in _named(kept, kept.place.init)]
        value = jax.tree.unflatten(jax.tree.structure(kept.place.init), leaves)
        held.append(eqx.tree_at(lambda index: index.init, kept.place, value))
    return eqx.nn.State(held)


def _named(kept: Any, value: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(value):
        yield f"state/{kept.layers[0]}{kept.path}{jax.tree_util.keystr(path)}", leaf
