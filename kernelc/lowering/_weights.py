"""Weights that are given, in the place of those that are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import DataError, GraphError, shown
from ..ir import Network
from ..modules import LayerModule


NodeArrays: TypeAlias = Mapping[str, "np.ndarray | jax.Array"]
"""Arrays of a finite layer by the name of its field."""


def check_names(network: Network, weights: Mapping[str, NodeArrays]) -> None:
    """Raise `GraphError` for weights of nodes that the network does not have."""
    if not isinstance(weights, Mapping):
        raise GraphError(
            where="lower: weights",
            found=f"a value of type {type(weights).__name__}",
            law="weights are a mapping from names of nodes to arrays by field",
            remedy='write weights={"dense_1": {"weight": array, "bias": array}}',
        )
    names = {node.name for node in network}
    for name in weights:
        if name not in names:
            raise GraphError(
                where="lower: weights",
                found=f"weights of a node {shown(name)}",
                law=f"weights belong to nodes of {network.name}, which has none of that name",
                remedy="print the network to see its names",
            )


def with_arrays(draw: Callable[[], LayerModule], arrays: NodeArrays, name: str) -> LayerModule:
    """The finite layer of a node with other arrays in some of its fields.

    Nothing is drawn where all arrays are given.

    Arguments:
        draw: makes the layer with its own arrays.
        arrays: those to put in their place.
        name: of the node.

    Raises:
        DataError: a field that holds no array, an array of another shape, or that is not finite.
    """
    if not arrays:
        return draw()
    module = eqx.filter_eval_shape(draw)
    if any(_is_field(value) and field not in arrays for field, value in vars(module).items()):
        module = draw()
    for field, array in arrays.items():
        held = getattr(module, field, None)
        if held is None or not _is_field(held):
            raise _wrong(name, f"an array for {shown(field)}", _fields_of(module))
        if np.shape(array) != held.shape:
            found = f"{field} of shape {np.shape(array)}"
            raise _wrong(name, found, f"{field} has the shape {held.shape}")
        if not np.isfinite(np.asarray(array, np.float32)).all():
            raise _wrong(name, f"{field} with NaN or infinite entries", "weights are finite")
        new = jnp.asarray(array, held.dtype)
        module = eqx.tree_at(lambda tree, field=field: getattr(tree, field), module, new)
    return module


def _is_field(value: object) -> bool:
    """Whether a field holds an array, or the shape of one."""
    return eqx.is_array(value) or isinstance(value, jax.ShapeDtypeStruct)


def _fields_of(module: LayerModule) -> str:
    held = [name for name, value in vars(module).items() if _is_field(value)]
    return f"{module.kind} has arrays in {', '.join(held) or 'no field'}"


def _wrong(name: str, found: str, law: str) -> DataError:
    remedy = "give arrays in the shapes of kernelc.lower(network, key=0)[name]"
    return DataError(where=f"lower: weights of {name}", found=found, law=law, remedy=remedy)
