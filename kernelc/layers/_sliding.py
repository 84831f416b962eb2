"""How windows slide over the locations of arrays: padding, wrap-around, sums over windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import Window
from ..modules import MapModule


Padding = Literal["SAME", "VALID", "CIRCULAR"]
# Letters of the location axes in XLA's dimension numbers.
LETTERS = {1: "H", 2: "HW", 3: "DHW"}


def sizes(value: Sequence[int]) -> tuple[int, ...]:
    """Sizes as a hashable tuple of plain integers."""
    return tuple(int(n) for n in value)


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


def wrap(
    x: Array, window: tuple[int, ...], stride: tuple[int, ...], padding: str
) -> tuple[Array, str]:
    """Turn CIRCULAR padding into a periodic extension of `x` and padding VALID."""
    if padding != "CIRCULAR":
        return x, padding
    over = Window(x.shape[1:-1], window, stride, padding)
    for i, n in enumerate(over.locations):
        low, high = over.pads(i)
        if low or high:
            x = jnp.take(x, np.arange(-low, n + high) % n, axis=i + 1)
    return x, "VALID"


class PoolModule(MapModule):
    """A layer without weights that combines the values in every window, channel by channel.

    Arguments:
        window: one size for each location axis.
        stride: one step for each location axis.
        padding: "SAME", "VALID" or "CIRCULAR".
    """

    window: tuple[int, ...] = eqx.field(static=True, converter=sizes)
    stride: tuple[int, ...] = eqx.field(static=True, converter=sizes)
    padding: Padding = eqx.field(static=True, default="VALID")

    def over_windows(self, x: Array, start: float, combine: Any) -> Array:
        """The values in every window combined.

        Raises: ShapeError for inputs that the windows do not fit.
        """
        check_locations(self.kind, x, self.window, self.padding)
        x, padding = wrap(x, self.window, self.stride, self.padding)
        initial = np.asarray(start, x.dtype)
        window, stride = (1, *self.window, 1), (1, *self.stride, 1)
        return lax.reduce_window(x, initial, combine, window, stride, padding)
