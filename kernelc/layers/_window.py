"""The shape rule of everything that slides a window over locations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, MOST_TAPS, whole
from ..ir import Shape, Window


PADDINGS = ("SAME", "VALID", "CIRCULAR")


def per_axis(value: int | Sequence[int], axes: int, where: str, field: str) -> tuple[int, ...]:
    """One positive integer per location axis."""
    sizes: Any = value if isinstance(value, tuple) else (value,) * axes
    if len(sizes) != axes or any(type(n) is not int or not 1 <= n <= LARGEST_AXIS for n in sizes):
        raise ShapeError(
            where=where,
            found=f"{field} = {shown(value)} for {axes} location axes",
            law=f"{field} is a positive integer, or one for each location axis",
            remedy=f"give {axes} of them",
        )
    return sizes


def freeze(value: Any) -> Any:
    """Sizes as ints, lists of them as tuples, so that specs stay hashable."""
    return tuple(map(whole, value)) if isinstance(value, list | tuple) else whole(value)


def pool_sizes(
    window: int | Sequence[int], stride: int | Sequence[int] | None, axes: int, where: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Window and stride of a pool for each location axis; windows tile unless told otherwise."""
    sizes = per_axis(window, axes, where, "window")
    return sizes, sizes if stride is None else per_axis(stride, axes, where, "stride")


def window_shape(
    shape: Shape,
    window: int | Sequence[int],
    stride: int | Sequence[int],
    padding: str,
    where: str,
) -> tuple[int, ...]:
    """Locations that remain when `window` slides over `shape` with `stride`."""
    locations = shape[:-1]
    if not 1 <= len(locations) <= 3:
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape}",
            law="windows slide over one to three location axes; the last axis is channels",
            remedy="use Dense on vectors, or give the input location axes",
        )
    windows = per_axis(window, len(locations), where, "window")
    strides = per_axis(stride, len(locations), where, "stride")
    _check_taps(locations, windows, where)
    if padding != "VALID":
        return tuple(-(-n // s) for n, s in zip(locations, strides, strict=True))
    sizes = tuple((n - w) // s + 1 for n, w, s in zip(locations, windows, strides, strict=True))
    if any(size < 1 for size in sizes):
        raise ShapeError(
            where=where,
            found=f"a window of {windows} on locations {locations}",
            law="with padding VALID the window fits inside the input",
            remedy="make the window smaller, or use padding SAME",
        )
    return sizes


def _check_taps(locations: Shape, windows: tuple[int, ...], where: str) -> None:
    """Raise `ShapeError` for windows nearly all of which lies beyond the border."""
    taps, most = math.prod(windows), max(MOST_TAPS, math.prod(2 * n for n in locations))
    if taps > most:
        raise ShapeError(
            where=where,
            found=f"a window of {taps:,} taps on locations {locations}",
            law=f"here windows have at most {most:,} taps: along an axis of n locations, no "
            "more than 2n - 1 of them see any",
            remedy="make the window smaller",
        )


def window_over(
    shape: Shape,
    window: int | Sequence[int],
    stride: int | Sequence[int],
    padding: str,
    where: str,
) -> Window:
    """The windows over the locations of a value of this shape."""
    axes = len(shape) - 1
    sizes = per_axis(window, axes, where, "window")
    return Window(shape[:-1], sizes, per_axis(stride, axes, where, "stride"), padding)
