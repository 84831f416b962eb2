"""What must hold before an empirical kernel is computed: models, inputs and choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._errors import DataError, KernelcError, ShapeError, UnsupportedError, shown
from ..data import examples
from ..modules import Model


_WHERE = "empirical_kernel"


def chosen(name: str, given: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    """The given names, at least one, all of them known."""
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names or any(each not in known for each in names):
        raise UnsupportedError(
            where=f"{_WHERE}: {name}",
            found=shown(given),
            law=f"{name} is made of the names {', '.join(map(repr, known))}",
            remedy="choose among them",
        )
    return names


def some_models(given: Any, least: int) -> tuple[Model, ...]:
    """At least `least` models that give the same output for an input whatever goes with it."""
    models = tuple(given) if isinstance(given, list | tuple) else (given,)
    strangers = [type(each).__name__ for each in models if not isinstance(each, Model)]
    if strangers or not models:
        raise KernelcError(
            where=f"{_WHERE}: model",
            found=f"an argument of type {strangers[0]}" if strangers else "no model",
            law="empirical kernels are those of finite models with weights",
            remedy="pass what kernelc.lower(network, key=...) returns, or a list of them",
        )
    if len(models) < least:
        raise DataError(
            where=f"{_WHERE}: standard_error",
            found="one model",
            law="a standard error is estimated from the spread of several models",
            remedy="pass a list of models lowered with different keys",
        )
    for node in (node for model in models for node in model.nodes):
        if node.needs_batch:
            raise UnsupportedError(
                where=f"{_WHERE}: node {node.names[0]!r}",
                found="batch norm in training mode",
                law="a kernel is a function of two inputs, and batch statistics couple them "
                "with all others of the batch",
                remedy="pass eqx.nn.inference_mode(model): its statistics are those it was lowered "
                "with, mean 0 and variance 1, as no state is taken here",
            )
    return models


def output_shape(models: tuple[Model, ...]) -> tuple[int, ...]:
    """Shape of the output for one example, (*locations, channels), the same for all models."""
    shapes = []
    for model in models:
        one = jax.ShapeDtypeStruct((1, *model.input_shape), jnp.float32)
        shapes.append((model.input_shape, jax.eval_shape(model.batched, one).shape[1:]))
    if len(set(shapes)) > 1:
        raise ShapeError(
            where=f"{_WHERE}: model",
            found=f"models of input and output shapes {sorted(set(shapes))}",
            law="averages are over models of one network",
            remedy="lower one network with different keys",
        )
    return shapes[0][1]


def inputs(name: str, given: Any, model: Model) -> Float[np.ndarray, "n ..."]:
    """Finite examples of the shape the model takes."""
    xs = examples(given, f"{_WHERE}: {name}")
    if xs.shape[1:] != model.input_shape:
        raise ShapeError(
            where=f"{_WHERE}: {name}",
            found=f"an array of shape {xs.shape}",
            law=f"examples for this model have the shape (n, {str(model.input_shape)[1:-1]})",
            remedy="give one example per row; a single one as x[None]",
        )
    return xs


def channels(given: Sequence[int] | None, count: int) -> tuple[int, ...]:
    """Indices of different output channels, from 0 to count - 1; all for None."""
    found = np.arange(count) if given is None else np.asarray(given)
    whole = found.ndim == 1 and found.size > 0 and np.issubdtype(found.dtype, np.integer)
    if not whole or found.min() < 0 or found.max() >= count or len(set(found)) < len(found):
        raise ShapeError(
            where=f"{_WHERE}: outputs",
            found=shown(given),
            law=f"outputs are different indices of the {count} output channels, from 0",
            remedy=f"pass a list of indices below {count}, such as range({min(4, count)})",
        )
    return tuple(int(index) for index in found)
