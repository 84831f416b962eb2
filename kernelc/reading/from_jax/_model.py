"""A model of JAX in inference mode: its output, and the jaxpr that is read."""

from __future__ import annotations

import copy
import pathlib
import traceback
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ..._errors import DataError, UnsupportedError, reason, shown
from ..recording import Seen
from ._flax import is_nnx
from ._trace import captured, traced


_LIBRARIES = frozenset(("site-packages", "kernelc"))


def seen_by_jax(
    model: Any, example: object, state: eqx.nn.State | None, batched: bool | None
) -> Seen:
    """What the front end of JAX sees: steps, an input and the output.

    Arguments: as those of `kernelc.read`.
    """
    plain = _in_inference_mode(model)
    if batched is None:
        batched = is_nnx(type(model))
    x = _array(example)[:1] if batched else _array(example)
    leaves, structure = jax.tree.flatten(state)

    def function(x: jax.Array) -> Any:
        # A state of Equinox can be used once.
        held = jax.tree.unflatten(structure, leaves)
        return plain(x) if held is None else plain(x, held)[0]

    try:
        output = function(jax.numpy.asarray(x))
        closed = traced(function, x, plain) if _is_array(output) else None
    except Exception as error:
        # The model is the user's code: it may raise anything.
        raise _fails(model, error) from error
    if closed is None:
        raise _not_one_array(model, output)
    return Seen(captured(closed, x, batched), x, np.asarray(output))


def _in_inference_mode(model: Any) -> Any:
    """The model without random numbers, and with running statistics."""
    if not is_nnx(type(model)):
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
