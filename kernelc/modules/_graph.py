"""Checks of the graph and of the input of a model."""

from __future__ import annotations

import numpy as np
from jax.core import Tracer
from jaxtyping import Array

from .._errors import DataError, GraphError, ShapeError
from .._input_format import InputFormat
from ._node import Nodes


def check_input(what: str, x: Array | np.ndarray, takes: InputFormat, axes: int = 0) -> None:
    """Require entries and the shape that the model takes, after `axes` axes of any size."""
    dtype, wanted = getattr(x, "dtype", None), takes.shape
    if dtype is None or not takes.takes(dtype):
        raise DataError(
            where="model input",
            found=f"a value of type {type(x).__name__}" + (f" of {dtype}" if dtype else ""),
            law=takes.law,
            remedy=takes.remedy,
        )
    shape = tuple(x.shape)
    if len(shape) < axes or shape[axes:] != wanted:
        batch = ("n",) * axes
        raise ShapeError(
            where="model input",
            found=f"an array of shape {shape}",
            law=f"this model takes {what} of shape ({', '.join(map(str, (*batch, *wanted)))})",
            remedy=_other_call(shape, takes, axes),
        )
    if takes.integers and not isinstance(x, Tracer):
        check_entries("model input", np.asarray(x), takes)


def check_entries(where: str, x: np.ndarray, takes: InputFormat) -> None:
    """Require entries that stand for something."""
    if (found := takes.misfit(x)) is not None:
        raise DataError(where=where, found=found, law=takes.law, remedy=takes.remedy)


def _other_call(shape: tuple[int, ...], takes: InputFormat, axes: int) -> str:
    wanted = takes.shape
    if axes == 0 and shape[1:] == wanted:
        return "call model.batched(xs) on a batch"
    if axes == 1 and shape == wanted:
        return "call model(x) on one example"
    return takes.reshaping(shape, axes)


def check_graph(nodes: Nodes, output: int) -> None:
    """Require unique names, inputs that come before, and an output that exists."""
    names: set[str] = set()
    for position, node in enumerate(nodes):
        late = [i for i in node.inputs if not 0 <= i <= position]
        if late or not node.inputs or not names.isdisjoint(node.names):
            raise GraphError(
                where=f"node {node.names[0]!r}",
                found=f"inputs {node.inputs} at position {position} of nodes "
                f"{[name for node in nodes for name in node.names]}",
                law="names are unique and a node takes values that come before it",
                remedy="order the nodes by dependence; value 0 is the input, i + 1 is node i",
            )
        names.update(node.names)
    if not 0 <= output <= len(nodes):
        raise GraphError(
            where="output",
            found=f"index {output} with {len(nodes)} nodes",
            law="the output is the input or the value of a node",
            remedy=f"give an index from 0 to {len(nodes)}",
        )
