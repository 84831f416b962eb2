"""Calls of any model on a batch, and the split into trained arrays and the rest."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..modules import is_index


def split(model: PyTree) -> tuple[PyTree, PyTree]:
    """The trained arrays of a model, and the rest; `eqx.combine` joins them again."""

    # The initial value inside a StateIndex is an array too, but weight decay must not move it.
    def trained(leaf: object) -> bool:
        return not is_index(leaf) and eqx.is_inexact_array(leaf)

    return eqx.partition(model, jax.tree.map(trained, model, is_leaf=is_index))


def apply(
    model: Callable, xs: Float[Array, "batch ..."], state: PyTree, key: PRNGKeyArray | None
) -> tuple[Float[Array, "batch ..."], PyTree]:
    """The outputs of the model on a batch and its new state (None for None).

    A model with a method `batched` gets the whole batch; any other is mapped over it with the
    axis named "batch", which is what `eqx.nn.BatchNorm` looks for.
    """
    batched = getattr(model, "batched", None)
    if batched is not None:
        return _called(batched, xs, state, key)
    keys = jax.random.split(key, len(xs)) if key is not None and _key_parameter(model) else None
    axes = (0, None if keys is None else 0)
    mapped = jax.vmap(
        lambda x, key: _called(model, x, state, key), axes, out_axes=(0, None), axis_name="batch"
    )
    return mapped(xs, keys)


def _called(
    function: Callable, x: Array, state: PyTree, key: PRNGKeyArray | None
) -> tuple[Array, PyTree]:
    # A default of the function stands where there is no key.
    parameter = _key_parameter(function)
    keyless = parameter is None or (key is None and parameter.default is not parameter.empty)
    options = {} if keyless else {"key": key}
    return (function(x, **options), None) if state is None else function(x, state, **options)


def _key_parameter(function: Callable) -> inspect.Parameter | None:
    try:
        return inspect.signature(function).parameters.get("key")
    except (TypeError, ValueError):  # callables written in C have no signature
        return None
