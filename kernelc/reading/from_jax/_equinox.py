"""Layers of `equinox.nn` that are read as one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from ._bound import Bound, Named, batch_normalized, group_normalized, looked_up, normalized


def bound(module: object, x: Array, state: eqx.nn.State | None) -> Bound | None:
    """What a layer does with `x`; None where it is read equation by equation.

    Arguments:
        module: the layer.
        x: what it is called with.
        state: the state it is called with.
    """
    make = _KINDS.get(type(module))
    return None if make is None else make(module, x, state)


def _norm(module: Any, center: bool) -> Bound:
    arrays = {"gain": module.weight, "bias": module.bias}
    name = type(module).__name__
    return normalized(name, len(module.shape), center, float(module.eps), arrays)


def _group_norm(module: Any, x: Array, state: object) -> Bound:
    eps = float(module.eps)
    return group_normalized("GroupNorm", module.groups, eps, -x.ndim, x.ndim, _gains(module))


def _batch_norm(module: Any, x: Array, state: eqx.nn.State | None) -> Bound | None:
    if state is None or not module.inference:
        return None
    if module.mode == "ema":
        mean, variance = state.get(module.ema_state_index)
    else:
        # Equinox starts these statistics at zero, and divides by what is missing to one.
        count = state.get(module.batch_counter)
        share = jnp.where(count == 0, 1, 1 - module.momentum**count)
        mean, variance = (each / share for each in state.get(module.batch_state_index))
    arrays = {**_gains(module), "mean": mean, "variance": variance}
    return batch_normalized("BatchNorm", float(module.eps), float(module.momentum), -x.ndim, arrays)


def _gains(module: Any) -> Named:
    affine = bool(module.channelwise_affine)
    return {"gain": module.weight, "bias": module.bias} if affine else {}


_KINDS: Mapping[type, Callable[[Any, Array, eqx.nn.State | None], Bound | None]] = {
    eqx.nn.Embedding: lambda module, x, state: looked_up("Embedding", module.weight),
    eqx.nn.LayerNorm: lambda module, x, state: _norm(module, center=True),
    eqx.nn.RMSNorm: lambda module, x, state: _norm(module, center=False),
    eqx.nn.GroupNorm: _group_norm,
    eqx.nn.BatchNorm: _batch_norm,
}
KINDS: tuple[type, ...] = tuple(_KINDS)
"""The layers that `bound` knows."""
