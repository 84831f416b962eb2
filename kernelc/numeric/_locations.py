"""What windows do to the location axes of arrays."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..ir import Window, WindowMean
from ._pair_layout import PairLayout


Groups = tuple[tuple[int, ...], ...]


def centers(x: Any, groups: Groups, window: Window) -> Any:
    """The center tap of every window, on each group of location axes."""
    if jnp.ndim(x) == 0:
        return x
    for axes in groups:
        for i, axis in enumerate(axes):
            x = jnp.take(x, window.centers_of(i), axis=axis)
    return x


def shifted(x: Any, groups: Groups, window: Window) -> Any:
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
    for i in range(window.rank):
        x = _shifted_along(x, [axes[i] for axes in groups], window, i)
    return x / window.taps


def alike(frame: PairLayout, window: Window) -> Any:
    """Where the windows of both locations of a pair see the same taps inside the border."""
    found: Any = True
    for i, (left, right) in enumerate(zip(frame.left_axes, frame.right_axes, strict=True)):
        if left != right:
            inside = window.taps_of(i) >= 0
            same = (inside[:, None] == inside[None]).all(-1)
            axes = [a for a in range(frame.batch + 2 * frame.rank) if a not in (left, right)]
            found = found & np.expand_dims(same, axes)
    return found


def _shifted_along(x: Any, axes: list[int], window: Window, i: int) -> Any:
    count, size, stride = window.outputs[i], window.sizes[i], window.strides[i]
    before, after = window.pads(i)
    if before or after:
        widths = [(before, after) if axis in axes else (0, 0) for axis in range(x.ndim)]
        x = jnp.pad(x, widths, mode="wrap" if window.padding == "CIRCULAR" else "constant")
    total: Any = None
    for t in range(size):
        index = [slice(None)] * x.ndim
        for axis in axes:
            index[axis] = slice(t, t + (count - 1) * stride + 1, stride)
        part = x[tuple(index)]
        total = part if total is None else total + part
    return total


def average(x: Any, axes: tuple[int, ...], window: Window) -> Any:
    """Mean over the real locations of every window."""
    if jnp.ndim(x) == 0:
        return x
    if window == Window.whole(window.locations):
        return jnp.mean(x, axes, keepdims=True)
    for i, axis in enumerate(axes):
        matrix = jnp.asarray(WindowMean(window).along(i), x.dtype)
        x = jnp.moveaxis(jnp.tensordot(x, matrix, (axis, 1), precision="highest"), -1, axis)
    return x


def diagonal_mean(x: Any, groups: Groups) -> Any:
    """Mean over equal locations, the axes kept with size one."""
    if jnp.ndim(x) == 0:
        return x
    if len(groups) == 1:
        return jnp.mean(x, groups[0], keepdims=True)
    for left, right in zip(*groups, strict=True):
        if x.shape[left] == x.shape[right]:
            picked = jnp.diagonal(x, axis1=left, axis2=right).mean(-1)
        else:  # one side has already been reduced to a single location
            picked = jnp.squeeze(jnp.mean(x, (left, right), keepdims=True), (left, right))
        x = jnp.expand_dims(picked, (left, right))
    return x


def own_diagonal(x: Any, rank: int) -> Any:
    """(n, *locations) from the pairs (n, *locations, *locations) of own locations."""
    letters = "abc"[:rank]
    return jnp.einsum(f"n{letters}{letters}->n{letters}", x)


def groups_of(layout: PairLayout) -> Groups:
    """Location axes that move together in an array of pairs."""
    return (layout.left_axes,) if layout.aligned else (layout.left_axes, layout.right_axes)


def one_evaluation(like: Any, groups: Groups, same: Any) -> Any:
    """Where a pair is one evaluation of one input at one location.

    Arguments:
        like: an array of pairs.
        groups: its location axes; of one group pairs are of equal locations.
        same: where the two inputs of a pair are one evaluation; True everywhere, None nowhere.
    """
    if same is None:
        return jnp.zeros((), bool)
    mask = jnp.ones((), bool)
    if same is not True:
        mask = same.reshape(*same.shape, *(1,) * (like.ndim - same.ndim))
    for a, b in zip(*groups, strict=True) if len(groups) == 2 else ():
        eye = jnp.eye(like.shape[a], like.shape[b], dtype=bool)
        shape = [1] * like.ndim
        shape[a], shape[b] = like.shape[a], like.shape[b]
        mask = mask & eye.reshape(shape)
    return mask
