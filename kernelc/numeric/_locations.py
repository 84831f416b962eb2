"""What windows do to the location axes of arrays."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from ..ir import Interpolated, OneLocation, Selected, Window, WindowMean
from ._numbers import Number, PairLayout


Axes = tuple[int, ...]
Groups = tuple[Axes, ...]
Same = jax.Array | bool | None
"""Where the two inputs of a pair are one evaluation; True everywhere, None nowhere."""


def centers(x: Number, groups: Groups, window: Window) -> Number:
    """The center tap of every window, on each group of location axes."""
    if jnp.ndim(x) == 0:
        return x
    for axes in groups:
        for i, axis in enumerate(axes):
            x = jnp.take(x, window.centers_of(i), axis=axis)
    return x


def shifted(x: Number, groups: Groups, window: Window) -> Number:
    """Mean over taps t of x(p + t), all groups shifted alike; zeros beyond the border.

    Sums over the taps of one axis after another: w + w slices for a window of w by w.
    """
    if jnp.ndim(x) == 0:
        if not window.uneven:
            return x
        shape = [1] * (max(a for axes in groups for a in axes) + 1)
        for axes in groups:
            for i, axis in enumerate(axes):
                shape[axis] = window.locations[i]
        x = jnp.full(shape, x)
    x = jnp.asarray(x)
    for i in range(window.rank):
        x = _shifted_along(x, [axes[i] for axes in groups], window, i)
    return x / window.taps


def alike(frame: PairLayout, window: Window) -> np.ndarray:
    """Where the windows of both locations of a pair see the same taps inside the border."""
    found = np.ones((), bool)
    for i, (left, right) in enumerate(zip(frame.left_axes, frame.right_axes, strict=True)):
        if left != right:
            inside = window.taps_of(i) >= 0
            same = (inside[:, None] == inside[None]).all(-1)
            axes = [a for a in range(frame.batch + 2 * frame.rank) if a not in (left, right)]
            found = found & np.expand_dims(same, axes)
    return found


def _shifted_along(x: jax.Array, axes: list[int], window: Window, i: int) -> jax.Array:
    count, size, stride = window.outputs[i], window.sizes[i], window.strides[i]
    before, after = window.pads(i)
    apart = window.dilation[i]
    if before or after:
        widths = [(before, after) if axis in axes else (0, 0) for axis in range(x.ndim)]
        x = jnp.pad(x, widths, mode="wrap" if window.padding == "CIRCULAR" else "constant")
    parts = []
    for t in range(size):
        index = [slice(None)] * x.ndim
        for axis in axes:
            index[axis] = slice(apart * t, apart * t + (count - 1) * stride + 1, stride)
        parts.append(x[tuple(index)])
    return functools.reduce(operator.add, parts)


def average(x: Number, axes: tuple[int, ...], mean: WindowMean) -> Number:
    """Mean over the locations of every window."""
    if jnp.ndim(x) == 0 and mean.row_sum == 1:
        return x
    if mean.window == Window.whole(mean.locations):
        return jnp.mean(x, axes, keepdims=True)
    return along_each(x, axes, mean)


def along_each(x: Number, axes: tuple[int, ...], mean: WindowMean | Interpolated) -> Number:
    """A matrix along each location axis of one input."""
    for i, axis in enumerate(axes):
        matrix = jnp.asarray(mean.along(i), jnp.result_type(x))
        x = jnp.moveaxis(jnp.tensordot(x, matrix, (axis, 1), precision="highest"), -1, axis)
    return x


def diagonal_mean(x: Number, groups: Groups) -> Number:
    """Mean over equal locations, the axes kept with size one."""
    if jnp.ndim(x) == 0:
        return x
    if len(groups) == 1:
        return jnp.mean(x, groups[0], keepdims=True)
    for left, right in zip(*groups, strict=True):
        if jnp.shape(x)[left] == jnp.shape(x)[right]:
            picked = jnp.diagonal(x, axis1=left, axis2=right).mean(-1)
        else:  # one side has already been reduced to a single location
            picked = jnp.squeeze(jnp.mean(x, (left, right), keepdims=True), (left, right))
        x = jnp.expand_dims(picked, (left, right))
    return x


def only_location(x: Number, groups: Groups, picked: OneLocation) -> Number:
    """The slice at one location, the axes kept with size one."""
    if jnp.ndim(x) == 0:
        return x
    x = jnp.asarray(x)
    for axes in groups:
        for axis, i, size in zip(axes, picked.at, picked.sizes, strict=True):
            if x.shape[axis] == size:  # an axis of size one may stand for any size
                x = jax.lax.slice_in_dim(x, i, i + 1, axis=axis)
    return x


def reshaped(x: Number, groups: Groups, sizes: Axes, sizes_out: Axes) -> Number:
    """The locations of each group along other axes, as many, in row-major order."""
    if jnp.ndim(x) == 0 or sizes == sizes_out:
        return x
    for axes in groups:
        shape = list(jnp.shape(x))
        for axis, size in zip(axes, sizes, strict=True):
            shape[axis] = size  # an axis of size one may stand for any size
        x = jnp.broadcast_to(x, shape)
        first, rank = axes[0], len(axes)
        x = x.reshape(*shape[:first], *sizes_out, *shape[first + rank :])
    return x


def selected(x: Number, groups: Groups, locations: Selected) -> Number:
    """The locations that are picked along the axes of each group, zero where none is."""
    if jnp.ndim(x) == 0:
        if not locations.empty:
            return x
        x = jnp.full((1,) * (1 + max(axis for axes in groups for axis in axes)), x)
    x = jnp.asarray(x)
    for axes in groups:
        for axis, picked, size in _moved_axes(axes, locations):
            wide = x.shape[axis] == size  # an axis of size one may stand for any size
            x = jnp.take(x, np.maximum(picked, 0) if wide else np.zeros_like(picked), axis=axis)
            if -1 in picked:
                x = jnp.where(_along(picked >= 0, axis, x.ndim), x, 0)
    return x


def both_picked(groups: Groups, axes: int, locations: Selected) -> jax.Array | np.ndarray:
    """Where no location of a pair is empty."""
    found = np.ones((1,) * axes, bool)
    for group in groups:
        for axis, picked, _ in _moved_axes(group, locations):
            found = found & _along(picked >= 0, axis, axes)
    return found


def _moved_axes(axes: Axes, locations: Selected) -> Iterator[tuple[int, np.ndarray, int]]:
    """The axes along which not all indices stay, what is picked there, and their sizes."""
    for axis, picked, size in zip(axes, locations.picked, locations.sizes, strict=True):
        if picked != tuple(range(size)):
            yield axis, np.array(picked), size


def _along(values: np.ndarray, axis: int, axes: int) -> np.ndarray:
    return np.expand_dims(values, [i for i in range(axes) if i != axis])


def own_diagonal(x: Number, rank: int) -> jax.Array:
    """(n, *locations) from the pairs (n, *locations, *locations) of own locations."""
    letters = "abc"[:rank]
    return jnp.einsum(f"n{letters}{letters}->n{letters}", x)


def groups_of(layout: PairLayout) -> Groups:
    """Location axes that move together in an array of pairs."""
    return (layout.left_axes,) if layout.aligned else (layout.left_axes, layout.right_axes)


def one_evaluation(like: Number, groups: Groups, same: Same) -> jax.Array:
    """Where a pair is one evaluation of one input at one location.

    Arguments:
        like: an array of pairs.
        groups: its location axes; of one group pairs are of equal locations.
        same: where inputs are one.
    """
    sizes = jnp.shape(like)
    mask = jnp.asarray(same is not None and same)
    mask = mask.reshape(*mask.shape, *(1,) * (len(sizes) - mask.ndim if mask.ndim else 0))
    for a, b in zip(*groups, strict=True) if same is not None and len(groups) == 2 else ():
        eye = jnp.eye(sizes[a], sizes[b], dtype=bool)
        shape = [1] * len(sizes)
        shape[a], shape[b] = sizes[a], sizes[b]
        mask = mask & eye.reshape(shape)
    return mask
