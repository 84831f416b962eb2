"""How windows slide over locations: padding, wrap-around, and sums over windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from .._errors import ShapeError


Padding = Literal["SAME", "VALID", "CIRCULAR"]
PADDINGS = ("SAME", "VALID", "CIRCULAR")


def sizes(value: Sequence[int]) -> tuple[int, ...]:
    """Sizes as a hashable tuple of plain integers."""
    return tuple(int(n) for n in value)


def check_window(
    where: str, window: tuple[int, ...], stride: tuple[int, ...], padding: str
) -> None:
    """Require one to three positive window sizes, as many strides, and a known padding."""
    if not 1 <= len(window) <= 3 or len(stride) != len(window) or min(*window, *stride) < 1:
        raise ShapeError(
            where=where,
            found=f"window {window} with stride {stride}",
            law="windows have one to three axes, one positive stride for each",
            remedy="give window and stride one positive integer for each location axis",
        )
    if padding not in PADDINGS:
        raise ShapeError(
            where=where,
            found=f"padding {padding!r}",
            law="padding says what windows see beyond the border",
            remedy=f"choose one of {', '.join(PADDINGS)}",
        )


def check_locations(where: str, x: Array, window: tuple[int, ...], padding: str) -> None:
    """Require (batch, *locations, channels) with locations that the window can slide over."""
    locations = x.shape[1:-1]
    fits = padding != "VALID" or all(n >= w for n, w in zip(locations, window, strict=False))
    if len(locations) != len(window) or not fits:
        raise ShapeError(
            where=where,
            found=f"an input of shape {x.shape} under a window of {window}",
            law="inputs are (batch, *locations, channels), with one window size for each "
            "location axis and, with padding VALID, room for one window",
            remedy="match the window to the locations, or use padding SAME",
        )


def same_pads(
    locations: Sequence[int], window: Sequence[int], stride: Sequence[int]
) -> list[tuple[int, int]]:
    """Zeros before and after each location axis that leave ceil(n / stride) windows."""
    pads = []
    for n, w, s in zip(locations, window, stride, strict=True):
        total = max((-(-n // s) - 1) * s + w - n, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def wrap(
    x: Array, window: tuple[int, ...], stride: tuple[int, ...], padding: str
) -> tuple[Array, str]:
    """Turn CIRCULAR padding into a periodic extension of `x` and padding VALID."""
    if padding != "CIRCULAR":
        return x, padding
    for axis, (n, (low, high)) in enumerate(
        zip(x.shape[1:-1], same_pads(x.shape[1:-1], window, stride), strict=True), start=1
    ):
        if low or high:
            x = jnp.take(x, np.arange(-low, n + high) % n, axis=axis)
    return x, "VALID"


def over_windows(
    x: Array,
    start: float,
    combine: Any,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: str,
) -> Array:
    """Combine the values in every window, channel by channel."""
    x, padding = wrap(x, window, stride, padding)
    initial = np.asarray(start, x.dtype)
    return lax.reduce_window(x, initial, combine, (1, *window, 1), (1, *stride, 1), padding)
