"""Which front end reads a model."""

from __future__ import annotations

import equinox as eqx

from .._errors import UnsupportedError, shown
from .from_jax import seen_by_jax
from .from_torch import seen_by_torch
from .recording import Seen


def seen_by(
    model: object, example: object, state: eqx.nn.State | None, batched: bool | None
) -> Seen:
    """What the front end of the framework of a model sees.

    Arguments: as those of `kernelc.read`.
    """
    if _is_torch(model):
        return seen_by_torch(model, example)
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
    return seen_by_jax(model, example, state, batched)


def _is_torch(model: object) -> bool:
    """Whether a model is an `nn.Module` of PyTorch, which need not be installed."""
    return any(kind.__module__.partition(".")[0] == "torch" for kind in type(model).__mro__)
