"""The meaning of targets for a loss: labels, numbers or answers, and which outputs are right."""

from __future__ import annotations

import math
from typing import NoReturn

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from .._errors import DataError
from ..data import Targets, Weighted, is_one_hot, told, values_of
from ._losses import CrossEntropy, Huber, Loss, is_answers, is_cross_entropy, is_squares


_TWO_CLASSES = (
    'For yes or no use loss="binary_cross_entropy"; for numbers "squared_error" or "huber"; for '
    "two classes give the network two outputs"
)


def fitted(y: Targets, shape: tuple[int, ...], loss: Loss) -> Targets:
    """Targets in the form in which the loss compares them with outputs.

    One number per example becomes a column where the network has one output: a loss that
    subtracts (batch,) from (batch, 1) would compare each example with all others. `y` holds whole
    numbers as int32; `shape` is that of the outputs of one example.

    Labels that the loss ignores get the weight 0.

    Raises: DataError for targets that this loss cannot compare with such outputs.
    """
    if isinstance(loss, CrossEntropy) and loss.ignore is not None:
        y = _counted(y, loss.ignore)
    if isinstance(y, Weighted):
        return Weighted(_fitted(y.values, shape, loss), y.weights)
    return _fitted(y, shape, loss)


def _counted(y: Targets, ignore: int) -> Weighted:
    values = values_of(y)
    counts = (values != ignore).astype(np.float32)
    if isinstance(y, Weighted):
        counts *= y.weights.reshape(y.weights.shape + (1,) * (values.ndim - y.weights.ndim))
    return Weighted(values, counts)


def _fitted(y: np.ndarray, shape: tuple[int, ...], loss: Loss) -> np.ndarray:
    single = int(np.prod(shape, dtype=int)) == 1 and len(shape) <= 1
    if is_cross_entropy(loss):
        return _labels(y, shape)
    if single and y.shape[1:] in ((), (1,)):
        y = _numbers(y).reshape(len(y), *shape)
    if is_answers(loss):
        _require_answers(y, shape)
        return _numbers(y)
    if is_squares(loss) or isinstance(loss, Huber):
        if y.shape[1:] == shape:
            return _numbers(y)
        if not _are_labels(y, shape):
            _refuse(
                y, shape, "Such a loss compares every output with a number", _reshaped(y, shape)
            )
    if _are_labels(y, shape):
        _require_range(y, shape)
    return y


def answers(loss: Loss, shape: tuple[int, ...], y: Targets) -> int:
    """How many answers of an example are right or wrong; 0 where that has no meaning.

    `y` is what `fitted` returned.
    """
    if is_answers(loss):
        return int(np.prod(shape, dtype=int))
    return int(np.prod(shape[:-1], dtype=int)) if _are_labels(values_of(y), shape) else 0


def right(
    loss: Loss, outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
) -> Int[Array, " batch"]:
    """How many answers of every example are right; zeros where that has no meaning."""
    good = correct(loss, outputs, y)
    if good is None:
        return jnp.zeros(len(y), jnp.int32)
    return jnp.sum(good, axis=tuple(range(1, good.ndim)), dtype=jnp.int32)


def correct(
    loss: Loss, outputs: Float[Array, "batch ..."], y: Shaped[Array, "batch ..."]
) -> Bool[Array, "batch ..."] | None:
    """Which answers are right; None where that has no meaning.

    A label is met by the largest logit, an answer to yes or no by a logit of its sign. A row with
    NaN is wrong: argmax alone would call it class 0.
    """
    if is_answers(loss):
        return ((outputs > 0) == (y > 0.5)) & ~jnp.isnan(outputs)
    if _are_labels(y, outputs.shape[1:]):
        return (jnp.argmax(outputs, axis=-1) == y) & ~jnp.isnan(outputs).any(axis=-1)
    return None


def _are_labels(y: np.ndarray | Array, shape: tuple[int, ...]) -> bool:
    """Whether targets are class numbers for outputs that are logits."""
    whole = jnp.issubdtype(y.dtype, jnp.integer)
    return bool(whole and shape and shape[-1] > 1 and y.shape[1:] == tuple(shape[:-1]))


def _numbers(y: np.ndarray) -> np.ndarray:
    return y if jnp.issubdtype(y.dtype, np.floating) else y.astype(np.float32)


def _labels(y: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    law = "Cross-entropy takes a class number for every row of logits, one logit for every class"
    if shape in ((), (1,)):
        _refuse(y, shape, law, _TWO_CLASSES)
    if y.ndim == 1 and len(shape) > 1 and math.prod(shape[:-1]) == 1:
        # A column of labels was read as a row of them.
        y = y.reshape(len(y), *shape[:-1])
    if not _are_labels(y, shape):
        _refuse(y, shape, law, _class_numbers(y, shape))
    _require_range(y, shape)
    return y


def _class_numbers(y: np.ndarray, shape: tuple[int, ...]) -> str:
    if is_one_hot(y):
        return "Pass class numbers of shape (n,): numpy.argmax(y, axis=1)"
    if y.shape[1:] == shape[:-1] and np.all(y == np.floor(y)):
        return "Pass class numbers as integers: y.astype(int)"
    if y.shape[1:] == shape and np.all((y == 0) | (y == 1)):
        return 'For several labels of one example use loss="binary_cross_entropy"'
    if len(shape) > 1 and jnp.issubdtype(y.dtype, np.integer):
        return _located(y, shape)
    return 'For numbers use loss="squared_error" or "huber", or a function of (outputs, y)'


def _located(y: np.ndarray, shape: tuple[int, ...]) -> str:
    """How a network with outputs at each location and labels come together."""
    if y.ndim == 1:
        return (
            f"Pass a label for each location, y of shape {(len(y), *shape[:-1])}, or read one "
            "location: GlobalMeanPool, Flatten or LastToken before the last layer"
        )
    return f"Pass labels of shape {(len(y), *shape[:-1])}"


def _require_answers(y: np.ndarray, shape: tuple[int, ...]) -> None:
    if y.shape[1:] == shape and y.min() >= 0 and y.max() <= 1:
        return
    remedy = "Give the network one output for every label"
    if y.shape[1:] == shape:
        remedy = "Pass 0 for no and 1 for yes"
    elif y.ndim == 1:
        remedy = 'For classes use loss="cross_entropy"; for yes or no give the network one output'
    _refuse(y, shape, "Binary cross-entropy takes a number in [0, 1] for every output", remedy)


def _require_range(y: np.ndarray, shape: tuple[int, ...]) -> None:
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= shape[-1]:
        raise DataError(
            where="data and model",
            found=f"labels from {low} to {high} against {shape[-1]} logits",
            law="There is one logit for every class, and classes are numbered from 0",
            remedy=_in_range(low, high, shape[-1]),
        )


def _in_range(low: int, high: int, classes: int) -> str:
    if low == -1:
        return (
            "Leave out the examples of label -1, which is how pandas codes a missing category, or "
            "pass loss=CrossEntropy(ignore=-1)"
        )
    if low > 0 and high - low < classes:
        return f"Number the classes from 0: y - {low}"
    return (
        f"End the network with {high + 1} outputs, number the classes from 0 with "
        "numpy.unique(y, return_inverse=True)[1], or pass targets that are no labels as floats"
    )


def _reshaped(y: np.ndarray, shape: tuple[int, ...]) -> str:
    if y[:1].size == int(np.prod(shape)):
        return f"Reshape the targets: y.reshape({(-1, *shape)})"
    return f"Give the network outputs of shape {y.shape[1:] or (1,)}"


def _refuse(y: np.ndarray, shape: tuple[int, ...], law: str, remedy: str) -> NoReturn:
    raise DataError(
        where="data and model",
        found=f"targets of {told(y)}, against outputs of shape {shape}",
        law=law,
        remedy=remedy,
    )
