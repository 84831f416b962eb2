"""What must hold before an empirical kernel is computed: models, inputs and choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import equinox as eqx
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float

from .._errors import DataError, KernelcError, ShapeError, UnsupportedError, shown
from ..data import examples
from ..ir import Layer
from ..modules import Model, check_entries
from ._kernel_fn import KernelFunction
from ._tangent import Called, Parameterization, outputs


_WHERE = "empirical_kernel"


def chosen(name: str, given: object, known: tuple[str, ...]) -> tuple[str, ...]:
    """The given names, at least one, all of them known."""
    names = (given,) if isinstance(given, str) else tuple(cast(Iterable[str], given))
    if not names or any(each not in known for each in names):
        raise UnsupportedError(
            where=f"{_WHERE}: {name}",
            found=shown(given),
            law=f"{name} is made of the names {', '.join(map(repr, known))}",
            remedy="choose among them",
        )
    return names


def some_models(given: Any, least: int) -> tuple[Callable[..., Any], ...]:
    """At least `least` models that give the same output for an input whatever goes with it."""
    models = tuple(given) if isinstance(given, list | tuple) else (given,)
    strangers = [type(each).__name__ for each in models if not _is_model(each)]
    if strangers or not models:
        raise KernelcError(
            where=f"{_WHERE}: model",
            found=f"an argument of type {strangers[0]}" if strangers else "no model",
            law="empirical kernels are those of finite models with weights",
            remedy="pass what kernelc.lower(network, key=...) returns, an equinox.Module or "
            "another function of one example, or a list of them",
        )
    if len(models) < least:
        raise DataError(
            where=f"{_WHERE}: standard_error",
            found="one model",
            law="a standard error is estimated from the spread of several models",
            remedy="pass a list of models lowered with different keys",
        )
    lowered = [model for model in models if isinstance(model, Model)]
    for node in (node for model in lowered for node in model.nodes):
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


def _is_model(given: object) -> bool:
    # Layers, blocks and kernel functions are called on other things than examples.
    return isinstance(given, Model) or (
        callable(given) and not isinstance(given, type | Layer | KernelFunction)
    )


def readable(models: tuple[Callable[..., Any], ...], x1: ArrayLike) -> tuple[Model | Called, ...]:
    """The models as they are, those of other libraries with the shape of the examples."""
    if all(isinstance(model, Model) for model in models):
        return cast(tuple[Model, ...], models)
    where = f"{_WHERE}: x1"
    shape = examples(x1, where).shape[1:]
    return tuple(m if isinstance(m, Model) else Called(m, shape, where) for m in models)


def output_shape(models: tuple[Model | Called, ...]) -> tuple[int, ...]:
    """Shape of the output for one example, (*locations, channels), the same for all models."""
    shapes = []
    for model in models:
        takes = model.input_format
        found = eqx.filter_eval_shape(outputs, model, takes.like(1)).shape[1:]
        shapes.append((takes.shape, found))
    if len(set(shapes)) > 1:
        raise ShapeError(
            where=f"{_WHERE}: model",
            found=f"models of input and output shapes {sorted(set(shapes))}",
            law="averages are over models of one network",
            remedy="lower one network with different keys",
        )
    return shapes[0][1]


def parameterized(
    given: Parameterization | None, models: tuple[Model | Called, ...]
) -> Parameterization:
    """The parameterization that was asked for; for None the NTK's where variances are known."""
    foreign = any(isinstance(model, Called) for model in models)
    if given is None:
        return "standard" if foreign else "ntk"
    chosen("parameterization", (given,), ("ntk", "standard"))
    if foreign and given == "ntk":
        raise UnsupportedError(
            where=f"{_WHERE}: parameterization",
            found="'ntk' for a model that kernelc did not lower",
            law="the NTK parameterization weighs each gradient by the variance of its parameter, "
            "and only a network says what these are",
            remedy="pass 'standard', or describe the model as a Network and lower it",
        )
    return given


def inputs(name: str, given: ArrayLike, model: Model | Called) -> Float[np.ndarray, "n ..."]:
    """Finite examples of the shape the model takes."""
    where, takes = f"{_WHERE}: {name}", model.input_format
    xs = examples(given, where)
    if xs.shape[1:] != takes.shape:
        raise ShapeError(
            where=where,
            found=f"an array of shape {xs.shape}",
            law=f"examples for this model have the shape (n, {str(takes.shape)[1:-1]})",
            remedy=takes.reshaping(xs.shape),
        )
    check_entries(where, xs, takes)
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
