"""Windows that slide over locations: of specs, and on the locations of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, TypeAlias, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, MOST_TAPS, whole
from ..ir import Layer, Shape, Window
from ..modules import MapModule
from ._fields import one_of


Padding = Literal["SAME", "VALID", "CIRCULAR"]
Sizes: TypeAlias = int | tuple[int, ...]
# Letters of the location axes in XLA's dimension numbers.
LETTERS = {1: "H", 2: "HW", 3: "DHW"}


class WindowLayer(Layer, shared=True):
    """Windows of one size for all location axes or one for each, and the steps between them.

    Each kind has these fields among its own.
    """

    window: Sizes
    stride: Sizes | None
    padding: Padding
    tiles: ClassVar[bool] = False
    """Whether windows tile when there is no stride; otherwise the step is 1."""

    def check_windows(self) -> None:
        """Make sizes ints, and lists of them tuples, so that specs stay hashable; refuse unknown
        paddings."""
        one_of(type(self).__name__, "padding", self.padding, get_args(Padding))
        for field in ("window", "stride"):
            value = getattr(self, field)
            sizes = tuple(map(whole, value)) if isinstance(value, list | tuple) else whole(value)
            object.__setattr__(self, field, sizes)

    def windows(self, axes: int, where: str | None = None) -> tuple[int, ...]:
        """The size of a window along each location axis."""
        return _per_axis(self.window, axes, where or type(self).__name__, "window")

    def steps(self, axes: int, where: str | None = None) -> tuple[int, ...]:
        """The step between windows along each location axis."""
        stride = self.stride
        # Only where None is the default: a convolution is told its steps.
        if stride is None and type(self).stride is None:
            stride = self.window if self.tiles else 1
        return _per_axis(stride, axes, where or type(self).__name__, "stride")

    def over(self, shape: Shape, where: str) -> Window:
        """The windows over the locations of a value of this shape."""
        axes = len(shape) - 1
        return Window(shape[:-1], self.windows(axes, where), self.steps(axes, where), self.padding)

    def locations(self, shape: Shape, where: str) -> tuple[int, ...]:
        """Locations that remain when the window slides over `shape`."""
        locations = shape[:-1]
        if not 1 <= len(locations) <= 3:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shape}",
                law="windows slide over one to three location axes; the last axis is channels",
                remedy="use Dense on vectors, or give the input location axes",
            )
        windows, steps = self.windows(len(locations), where), self.steps(len(locations), where)
        _check_taps(locations, windows, where)
        sizes = Window(locations, windows, steps, self.padding).outputs
        if any(size < 1 for size in sizes):
            raise ShapeError(
                where=where,
                found=f"a window of {windows} on locations {locations}",
                law="with padding VALID the window fits inside the input",
                remedy="make the window smaller, or use padding SAME",
            )
        return sizes


def _per_axis(value: Sizes | None, axes: int, where: str, field: str) -> tuple[int, ...]:
    """One positive integer per location axis."""
    sizes = value if isinstance(value, tuple) else () if value is None else (value,) * axes
    if len(sizes) != axes or any(type(n) is not int or not 1 <= n <= LARGEST_AXIS for n in sizes):
        raise ShapeError(
            where=where,
            found=f"{field} = {shown(value)} for {axes} location axes",
            law=f"{field} is a positive integer, or one for each location axis",
            remedy=f"give {axes} of them",
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

    def over_windows(self, x: Array, start: float, combine: Callable[..., Array]) -> Array:
        """The values in every window combined.

        Raises: ShapeError for inputs that the windows do not fit.
        """
        check_locations(self.kind, x, self.window, self.padding)
        x, padding = wrap(x, self.window, self.stride, self.padding)
        initial = np.asarray(start, x.dtype)
        window, stride = (1, *self.window, 1), (1, *self.stride, 1)
        return lax.reduce_window(x, initial, combine, window, stride, padding)
