"""Checks before the first step: numbers are in range, and data and model fit each other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr
from jaxtyping import PyTree

from .._errors import DataError, reason, shown as text
from .._limits import LARGEST_AXIS
from ..data import Part, Rows, nothing_counts, values_of
from ..modules import Model, check_entries, first_state
from ._call import apply
from ._losses import Loss, by_example, is_named
from ._scoring import answers, fitted
from ._weighing import check_weights


class Traced(NamedTuple):
    """The shape of the outputs of one example, and the program of the model on a batch."""

    shape: tuple[int, ...]
    program: ClosedJaxpr

    @property
    def convolves(self) -> bool:
        """Whether it convolves, which decides how a CPU trains it fastest."""
        return "conv_general_dilated" in str(self.program)


def shown(x: np.ndarray | Rows, size: int) -> np.ndarray:
    """Examples in the shape and dtype of a batch; only one example is made where they are made on
    demand."""
    return x.like(size) if isinstance(x, Rows) else x[:size]


def check_count(name: str, value: object, least: int = 1) -> int:
    """The value as an int of at least `least`, of 31 bits as the device counts."""
    whole = not isinstance(value, bool)
    if whole and isinstance(value, int | np.integer) and least <= value <= LARGEST_AXIS:
        return int(value)
    raise DataError(
        where=name,
        found=text(value),
        law=f"{name} is a whole number of at least {least} and at most {LARGEST_AXIS:,}",
        remedy="Pass such a number",
    )


def check_callback(callback: object) -> None:
    """DataError for a callback that cannot be called with a record, the model and its state."""
    fits = callback is None or callable(callback)
    if callable(callback):
        try:
            inspect.signature(callback).bind(None, None, None)
        except TypeError:
            fits = False
        except ValueError:
            pass  # callables written in C have no signature
    if not fits:
        raise DataError(
            where="callback",
            found=text(callback),
            law="A callback is called as callback(record, model, state) at every record",
            remedy="Pass a function of these three",
        )


def initial_state(model: PyTree, state: PyTree) -> PyTree:
    """The given state, or the initial one of a model that needs one."""
    if not callable(model) and not hasattr(model, "batched"):
        raise DataError(
            where="model",
            found=type(model).__name__,
            law="A model is a callable pytree: model(x) gives the outputs of one example",
            remedy="Pass kernelc.lower(network, key=...), an eqx.Module or a function",
        )
    return first_state(model) if state is None else state


def check_model(model: Callable, state: PyTree, x: np.ndarray) -> Traced:
    """What the model makes of a batch; DataError unless it gives one output per example."""
    rows: PyTree = jax.ShapeDtypeStruct(x.shape, jax.dtypes.canonicalize_dtype(x.dtype))
    try:
        program, shapes, _ = eqx.filter_make_jaxpr(apply)(model, rows, state, jax.random.key(0))
        outputs = shapes[0]
    except DataError:
        # The state of another model, which this error describes better.
        raise
    except Exception as error:
        # A model of the user may raise anything on this shape; the original error is attached.
        raise DataError(
            where=f"model on a batch of shape {x.shape}",
            found=reason(error),
            law="The model takes examples of the shape the data has",
            remedy=_prepared(x.shape, model),
        ) from error
    shape = getattr(outputs, "shape", None)
    if not shape or shape[0] != len(x):
        raise DataError(
            where=f"model on a batch of shape {x.shape}",
            found=f"outputs of shape {shape}" if shape is not None else f"{outputs!r}",
            law="Outputs are one array with a row for every example",
            remedy="End the network with one array of outputs per example",
        )
    return Traced(tuple(shape[1:]), program)


def _prepared(found: tuple[int, ...], model: Callable) -> str:
    """How a batch of one shape becomes examples that a model takes."""
    if not isinstance(model, Model):
        return "Give the model that input shape, or reshape the data (flat(), pln())"
    advice = model.input_format.reshaping(found)
    return advice[0].upper() + advice[1:]


def check_values(model: Callable, x: np.ndarray | Rows, where: str) -> None:
    """DataError for examples with entries that stand for nothing in the model's format.

    Examples that are made on demand are not looked at.
    """
    if isinstance(model, Model) and isinstance(x, np.ndarray):
        check_entries(where, x, model.input_format)


def compared(data: Part, outputs: tuple[int, ...], loss: Loss) -> tuple[Part, int]:
    """The part with targets as the loss compares them, and the number of answers of an example.

    Raises: DataError when loss, targets and outputs do not fit each other.
    """
    y = fitted(data.y, outputs, loss)
    for name, values in (("x", data.x), ("y", values_of(y))):
        _require_representable(name, values)
    if not is_named(loss):
        _check_loss(loss, outputs, values_of(y))
    check_weights(loss, outputs, y)
    return Part(data.x, y), answers(loss, outputs, y)


def require_counted(data: Part, where: str) -> None:
    """DataError for a part of the data in which no target counts."""
    if nothing_counts(data.y):
        raise DataError(
            where=f"{where}: y",
            found=f"{len(data.y)} targets, all of weight 0",
            law="The mean loss is one over targets that count",
            remedy="Pass targets of which some count",
        )


def _require_representable(name: str, values: np.ndarray | Rows) -> None:
    if not isinstance(values, np.ndarray):
        return
    narrow = jax.dtypes.canonicalize_dtype(values.dtype)
    if narrow == values.dtype:
        return
    largest = float(np.abs(values).max())
    if largest > float(jnp.finfo(narrow).max):
        raise DataError(
            where=f"data: {name}",
            found=f"values up to {largest:.3g}",
            law=f"Values are finite in {narrow}, in which the model computes",
            remedy="Scale the data",
        )


def _check_loss(loss: Loss, outputs: tuple[int, ...], y: np.ndarray) -> None:
    """DataError unless the user's loss gives each example a number that depends on it alone."""
    # A number of examples that no axis has, so that examples are not mistaken for outputs.
    tried = next(n for n in range(3, 100) if n not in (*outputs, *y.shape[1:]))
    rows = np.random.default_rng(0).normal(size=(tried, *outputs)).astype(np.float32)
    rows, y = rows[: len(y)], np.asarray(y[:tried])
    like = [jax.ShapeDtypeStruct(each.shape, jnp.asarray(each).dtype) for each in (rows, y)]
    cause = None
    try:
        shape: object = getattr(jax.eval_shape(loss, *like), "shape", None)
    except Exception as error:
        # A function of the user may raise anything; the original error is attached.
        shape, cause = reason(error), error
    if not isinstance(shape, tuple) or not shape or shape != rows.shape[: len(shape)]:
        raise DataError(
            where="loss",
            found=f"{shape} for {len(y)} examples with outputs {outputs} and targets {y.shape[1:]}",
            law="A loss is a JAX function of (outputs, y) that gives one number per example, of "
            "shape (batch,), or one per output",
            remedy="Leave the mean over the batch to fit" if cause is None else "Mend the function",
        ) from cause
    places = [slice(i, i + 1) for i in range(len(y))]
    alone = [by_example(loss, jnp.asarray(rows[i]), jnp.asarray(y[i])) for i in places]
    together = by_example(loss, jnp.asarray(rows), jnp.asarray(y))
    # float32 sums in another order; infinite losses are compared as equal.
    if not np.allclose(np.concatenate(alone), together, rtol=1e-3, atol=1e-6, equal_nan=True):
        raise DataError(
            where="loss",
            found="another value for an example alone than for it among others",
            law="The loss of an example depends on its own outputs and targets alone",
            remedy=f"Look at how its shapes broadcast: outputs {rows.shape}, targets {y.shape}",
        )


def check_trainable(params: PyTree) -> None:
    """DataError when a model has no parameters, or one that is not finite."""
    leaves = jax.tree.leaves(params)
    if not leaves or not all(np.isfinite(leaf).all() for leaf in leaves):
        raise DataError(
            where="model",
            found="a parameter that is not finite" if leaves else "no floating-point array",
            law="Training starts from finite parameters",
            remedy="Pass a freshly initialized eqx.Module" if leaves else "Pass a pytree model",
        )
