"""Which front end reads a model, and what the model makes of the example."""

from __future__ import annotations

import copy
import pathlib
import traceback
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from .._errors import DataError, UnsupportedError, reason, shown
from . import _flax, _jax, _torch
from ._graph import Captured


_LIBRARIES = frozenset(("site-packages", "kernelc"))


class Seen(NamedTuple):
    """The steps of a model, an input, and what the model makes of it."""

    steps: Captured
    example: np.ndarray
    output: np.ndarray


def seen_by(
    model: object, example: object, state: eqx.nn.State | None, batched: bool | None
) -> Seen:
    """What the front end of the framework of a model sees.

    Arguments: as those of `kernelc.read`.
    """
    if _is_torch(model):
        steps = _torch.captured(model, example)
        return Seen(steps, *_torch.output_of(model, example))
    if batched is not None and not isinstance(batched, bool):
        raise UnsupportedError(
            where="read: batched",
            found=shown(batched),
            law="batched says whether the first axis of the example is the batch",
            remedy="pass batched=True, batched=False, or leave it out",
        )
    if not callable(model):
        raise UnsupportedError(
            where="read: model",
            found=f"a value of type {type(model).__name__}",
            law="a model is an eqx.Module, a torch.nn.Module, or a function of a JAX array",
            remedy="pass the model itself, or a function that calls it",
        )
    if batched is None:
        batched = _flax.is_nnx(type(model))
    return _by_jax(model, _array(example), state, batched)


def _is_torch(model: object) -> bool:
    """Whether a model is an `nn.Module` of PyTorch, which need not be installed."""
    return any(kind.__module__.partition(".")[0] == "torch" for kind in type(model).__mro__)


def _array(example: object) -> np.ndarray:
    try:
        found = np.asarray(example)
    except ValueError:
        found = np.empty(0)  # lists of unlike lengths
    if found.dtype.kind not in "iuf" or found.size == 0 or not np.isfinite(found).all():
        raise DataError(
            where="read: example",
            found=shown(example),
            law="an example is an array of finite numbers, with at least one entry",
            remedy="pass one input of the model",
        )
    # The integers of tokens stand for tokens in any width.
    return found.astype(np.int32 if found.dtype.kind in "iu" else np.float32)


def _by_jax(model: Any, example: np.ndarray, state: eqx.nn.State | None, batched: bool) -> Seen:
    plain = _in_inference_mode(model)
    example = example[:1] if batched else example
    leaves, structure = jax.tree.flatten(state)

    def function(x: jax.Array) -> Any:
        # A state of Equinox can be used once.
        held = jax.tree.unflatten(structure, leaves)
        return plain(x) if held is None else plain(x, held)[0]

    try:
        output = function(jax.numpy.asarray(example))
        closed = _jax.traced(function, example, plain) if _is_array(output) else None
    except Exception as error:
        # The model is the user's code: it may raise anything.
        raise _fails(model, error) from error
    if closed is None:
        raise _not_one_array(model, output)
    return Seen(_jax.captured(closed, example, batched), example, np.asarray(output))


def _in_inference_mode(model: Any) -> Any:
    """The model without random numbers, and with running statistics."""
    if not _flax.is_nnx(type(model)):
        return eqx.nn.inference_mode(model)
    plain = copy.deepcopy(model)
    plain.eval()
    return plain


def _is_array(output: object) -> bool:
    """Whether a model returns one array, with entries."""
    return isinstance(output, jax.Array | np.ndarray) and output.size > 0


def _fails(model: object, error: Exception) -> UnsupportedError:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not set(pathlib.Path(f.filename).parts) & _LIBRARIES]
    place = f", at {pathlib.Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return UnsupportedError(
        where=f"read: {type(model).__name__}",
        found=f"{type(error).__name__}{place}: {reason(error)}",
        law="a model is a function of one array that JAX can trace",
        remedy="pass an example of the shape the model takes, and state= for running statistics",
    )


def _not_one_array(model: object, output: object) -> UnsupportedError:
    return UnsupportedError(
        where=f"read: {type(model).__name__}",
        found=f"an output of type {type(output).__name__}: {shown(output)}",
        law="a model returns one array, with at least one entry",
        remedy="pass a function that calls the model and returns one of its arrays",
    )
