"""What must hold before the first step: data, numbers and model fit each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from kernelc._errors import DataError
from kernelc.data import Rows, examples, labels, parts, same_length
from kernelc.training._call import apply, is_stateful
from kernelc.training._losses import Loss


Part = tuple[np.ndarray | Rows, np.ndarray]
"""Examples and targets."""


def check_part(x: Any, y: Any, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Checked arrays of examples and targets: labels, or rows of finite numbers."""
    x, y = examples(x, f"{where}: x"), np.asarray(y)
    return x, _targets(x, y, where)


def check_either(x: Any, y: Any, where: str) -> Part:
    """`check_part`, and for examples made on demand what can be told before they are made."""
    if isinstance(x, Rows):
        return x, _targets(x, np.asarray(y), where)
    return check_part(x, y, where)


def _targets(x: np.ndarray | Rows, y: np.ndarray, where: str) -> np.ndarray:
    y = examples(y, f"{where}: y") if y.ndim > 1 else labels(y, f"{where}: y")
    same_length(x, y, where)
    return y


def shown(x: np.ndarray | Rows, size: int) -> np.ndarray:
    """Examples in the shape and dtype of a batch; of those made on demand only one is made."""
    return x.like(size) if isinstance(x, Rows) else x[:size]


def check_data(data: Any) -> tuple[Part, Part | None]:
    """The training part and, where there is one, the test part."""
    found = parts(data)
    return found.train, found.test


def check_count(name: str, value: Any, least: int = 1) -> int:
    """The value as an int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise DataError(
            where=name,
            found=repr(value),
            law=f"{name} is a whole number of at least {least}",
            remedy="Pass such a number",
        )
    return int(value)


def check_batch(batch_size: Any, n: int) -> int:
    """The batch size as an int from 1 to n."""
    size = check_count("batch_size", batch_size)
    if size > n:
        raise DataError(
            where="batch_size",
            found=f"{size} with {n} examples",
            law="A batch takes every example at most once",
            remedy=f"Choose a batch size of at most {n}",
        )
    return size


def initial_state(model: Any, state: Any) -> Any:
    """The given state, or the initial one of a model that needs one."""
    if not callable(model) and not hasattr(model, "batched"):
        raise DataError(
            where="model",
            found=type(model).__name__,
            law="A model is a callable pytree: model(x) gives the logits of one example",
            remedy="Pass an eqx.Module or a function",
        )
    if state is not None or not is_stateful(model):
        return state
    try:
        return eqx.nn.State(model)
    except ValueError as error:
        raise DataError(
            where="state",
            found="None, for a model made by eqx.nn.make_with_state",
            law="Such a model no longer holds its initial state",
            remedy="Pass state= with the state that make_with_state returned",
        ) from error


def check_model(model: Callable, state: Any, x: np.ndarray, y: np.ndarray, loss: Loss) -> bool:
    """DataError unless the model maps x to logits that the targets and the loss can take.

    Returns: whether the model convolves, which decides how a CPU trains it fastest.
    """
    rows: Any = jax.ShapeDtypeStruct(x.shape, jax.dtypes.canonicalize_dtype(x.dtype))
    try:
        traced, shapes, _ = eqx.filter_make_jaxpr(apply)(model, rows, state, jax.random.key(0))
        logits = shapes[0]
    except DataError:
        # Of a state that is not this model's: said better already.
        raise
    except Exception as error:
        # Whatever a foreign model raises on the shape becomes one readable sentence; the
        # original stays attached.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DataError(
            where=f"model on a batch of shape {x.shape}",
            found=lines[0],
            law="The model takes examples of the shape the data has",
            remedy="Give the model that input shape, or reshape the data (flat(), pln())",
        ) from error
    shape = getattr(logits, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != len(x):
        raise DataError(
            where=f"model on a batch of shape {x.shape}",
            found=f"outputs of shape {shape}" if shape is not None else f"{logits!r}",
            law="Logits have the shape (batch, classes)",
            remedy="End the network with one row of logits per example",
        )
    _check_width(shape[1], y)
    _check_loss(loss, logits, y[: len(x)])
    return "conv_general_dilated" in str(traced)


def _check_width(width: int, y: np.ndarray) -> None:
    fits = int(y.max()) < width if y.ndim == 1 else y.shape[1:] == (width,)
    if not fits:
        found = f"labels up to {int(y.max())}" if y.ndim == 1 else f"targets {y.shape[1:]}"
        raise DataError(
            where="data and model",
            found=f"{found} against {width} logits",
            law="There is one logit for every class",
            remedy="Give the last layer as many outputs as there are classes",
        )


def _check_loss(loss: Loss, logits: Any, y: np.ndarray) -> None:
    target = jax.ShapeDtypeStruct(y.shape, jax.dtypes.canonicalize_dtype(y.dtype))
    try:
        shape = getattr(jax.eval_shape(loss, logits, target), "shape", None)
    except (TypeError, ValueError, AssertionError) as error:
        shape = str(error).strip().splitlines()[0] if str(error).strip() else None
    if shape != (len(y),):
        raise DataError(
            where="loss",
            found=f"{shape} for targets of shape {y.shape}",
            law="A loss gives one number per example, of shape (batch,)",
            remedy="Leave the mean over the batch to fit; for rows of targets use squared_error",
        )


def check_trainable(params: Any) -> None:
    """DataError when a model has nothing to train, or something that is not finite."""
    leaves = jax.tree.leaves(params)
    if not leaves or not all(np.isfinite(leaf).all() for leaf in leaves):
        raise DataError(
            where="model",
            found="a parameter that is not finite" if leaves else "no floating-point array",
            law="Training starts from finite parameters",
            remedy="Pass a freshly initialised eqx.Module" if leaves else "Pass a pytree model",
        )
