"""Operations with what they compute: what a module of a framework is bound to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..operations import BatchNormalized, GroupNormalized, LookedUp, Normalized, Operation
from ._whole import Whole


@dataclasses.dataclass(frozen=True)
class Bound:
    """A module as one operation.

    Arguments:
        whole: the operation.
        arrays: the arrays that it has.
    """

    whole: Whole
    arrays: Sequence[Array]


Named: TypeAlias = Mapping[str, Array | None]
"""Arrays of a module by what they are; None for those that it does not have."""
Given: TypeAlias = Mapping[str, Any]


def normalized(kind: str, count: int, center: bool, eps: float, arrays: Named) -> Bound:
    """A layer norm, or without centering an RMS norm, over the last `count` axes.

    Arguments:
        kind: class of the module.
        count, center, eps: as in `Normalized`.
        arrays: "gain" and "bias".
    """

    def make(given: Given) -> Operation:
        return Normalized(count, center, eps, given.get("gain"), given.get("bias"))

    def compute(x: Array, given: Given) -> Array:
        axes = tuple(range(-count, 0))
        moved = x - x.mean(axes, keepdims=True) if center else x
        return _affine(moved, jnp.square(moved).mean(axes, keepdims=True) + eps, given)

    return _bound(kind, arrays, make, compute)


def group_normalized(
    kind: str, groups: int, eps: float, channel_axis: int, count: int, arrays: Named
) -> Bound:
    """A group norm.

    Arguments:
        kind: class of the module.
        groups, eps: as in `GroupNormalized`.
        channel_axis: counted from the last axis: -1 is the last one.
        count: how many of the last axes are locations and channels.
        arrays: "gain" and "bias".
    """

    def make(given: Given) -> Operation:
        return GroupNormalized(
            groups, eps, given.get("gain"), given.get("bias"), channel_axis, count
        )

    def compute(x: Array, given: Given) -> Array:
        front = jnp.moveaxis(x, channel_axis, x.ndim - count)
        split = front.reshape(*front.shape[: x.ndim - count], groups, -1)
        moved = split - split.mean(-1, keepdims=True)
        moved = moved * jax.lax.rsqrt(jnp.square(moved).mean(-1, keepdims=True) + eps)
        back = jnp.moveaxis(moved.reshape(front.shape), x.ndim - count, channel_axis)
        return _affine(back, 1.0, _beside(given, channel_axis))

    return _bound(kind, arrays, make, compute)


def batch_normalized(
    kind: str, eps: float, momentum: float, channel_axis: int, arrays: Named
) -> Bound:
    """A batch norm with its running statistics.

    Arguments:
        kind: class of the module.
        eps, momentum: as in `BatchNormalized`.
        channel_axis: counted from the last axis: -1 is the last one.
        arrays: "mean", "variance", "gain" and "bias".
    """

    def make(given: Given) -> Operation:
        return BatchNormalized(
            channel_axis,
            given["mean"],
            given["variance"],
            eps,
            momentum,
            given.get("gain"),
            given.get("bias"),
        )

    def compute(x: Array, given: Given) -> Array:
        beside = _beside(given, channel_axis)
        return _affine(x - beside["mean"], beside["variance"] + eps, beside)

    return _bound(kind, arrays, make, compute)


def looked_up(kind: str, table: Array) -> Bound:
    """The rows of a table at integers."""

    def make(arrays: Sequence[np.ndarray]) -> Operation:
        return LookedUp(arrays[0])

    def compute(tokens: Array, table: Array) -> Array:
        return table[tokens]

    return Bound(Whole(kind, make, compute, looks_up=True), [table])


def _bound(
    kind: str,
    arrays: Named,
    make: Callable[[Given], Operation],
    compute: Callable[[Array, Given], Array],
) -> Bound:
    """A module whose arrays are told apart by name."""
    held = {name: array for name, array in arrays.items() if array is not None}
    names = tuple(held)

    def made(given: Sequence[np.ndarray]) -> Operation:
        return make(dict(zip(names, given, strict=True)))

    def computed(x: Array, *given: Array) -> Array:
        return compute(x, dict(zip(names, given, strict=True)))

    return Bound(Whole(kind, made, computed), list(held.values()))


def _beside(given: Given, channel_axis: int) -> Given:
    """Arrays of one number for each channel, to be broadcast along the channel axis."""
    return {
        name: array.reshape(array.shape + (1,) * (-1 - channel_axis))
        for name, array in given.items()
    }


def _affine(moved: Array, power: Array | float, given: Given) -> Array:
    return moved * jax.lax.rsqrt(jnp.asarray(power)) * given.get("gain", 1) + given.get("bias", 0)
