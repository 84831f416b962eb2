"""Layers of `flax.nnx` that are read as one operation, told by their names: Flax need not be
installed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jaxtyping import Array

from ._bound import Bound, Named, batch_normalized, group_normalized, looked_up, normalized


def is_nnx(kind: type) -> bool:
    """Whether a class is a module of Flax NNX."""
    return any(each.__module__.startswith("flax.nnx") for each in kind.__mro__)


def bound(module: object, x: Array) -> Bound | None:
    """What a layer does with `x`; None where it is read equation by equation.

    Arguments:
        module: the layer.
        x: what it is called with, channels last.
    """
    kind = type(module)
    make = _KINDS.get(kind.__name__) if kind.__module__.startswith("flax.nnx") else None
    return None if make is None else make(module, x)


def _norm(module: Any, center: bool) -> Bound | None:
    if module.feature_axes != -1 or module.reduction_axes != -1:
        return None
    return normalized(type(module).__name__, 1, center, float(module.epsilon), _gains(module))


def _group_norm(module: Any, x: Array) -> Bound | None:
    if module.feature_axis != -1 or module.reduction_axes is not None:
        return None
    # The first axis is the batch, whatever the number of the others.
    eps = float(module.epsilon)
    return group_normalized("GroupNorm", module.num_groups, eps, -1, x.ndim - 1, _gains(module))


def _instance_norm(module: Any, x: Array) -> Bound | None:
    """Each channel is a group of its own."""
    if module.feature_axes != -1:
        return None
    eps = float(module.epsilon)
    return group_normalized("InstanceNorm", x.shape[-1], eps, -1, x.ndim - 1, _gains(module))


def _batch_norm(module: Any, x: Array) -> Bound | None:
    if not module.use_running_average or module.axis != -1:
        return None
    arrays = {**_gains(module), "mean": module.mean[...], "variance": module.var[...]}
    return batch_normalized("BatchNorm", float(module.epsilon), float(module.momentum), -1, arrays)


def _gains(module: Any) -> Named:
    held = {"gain": module.scale, "bias": getattr(module, "bias", None)}
    return {name: None if each is None else each[...] for name, each in held.items()}


_KINDS: Mapping[str, Callable[[Any, Array], Bound | None]] = {
    "Embed": lambda module, x: looked_up("Embed", module.embedding[...]),
    "LayerNorm": lambda module, x: _norm(module, center=True),
    "RMSNorm": lambda module, x: _norm(module, center=False),
    "GroupNorm": _group_norm,
    "InstanceNorm": _instance_norm,
    "BatchNorm": _batch_norm,
}
