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
from ..ir import Layer, Pads, Shape, Window
from ..modules import MapModule
from ._fields import one_of


Named = Literal["SAME", "VALID", "CIRCULAR"]
Padding: TypeAlias = Named | Pads
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
    dilation: Sizes = 1
    tiles: ClassVar[bool] = False
    """Whether windows tile when there is no stride; otherwise the step is 1."""

    def check_windows(self) -> None:
        """Make sizes ints, and lists of them tuples, so that specs stay hashable; refuse unknown
        paddings."""
        kind = type(self).__name__
        if isinstance(self.padding, list | tuple):
            object.__setattr__(self, "padding", _zeros_around(kind, self.padding))
        else:
            one_of(kind, "padding", self.padding, get_args(Named))
        for field in ("window", "stride", "dilation"):
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
        sizes = self.windows(axes, where), self.steps(axes, where)
        return Window(shape[:-1], *sizes, self.padding, self.apart(axes, where))

    def apart(self, axes: int, where: str | None = None) -> tuple[int, ...]:
        """The step between the taps of a window along each location axis."""
        return _per_axis(self.dilation, axes, where or type(self).__name__, "dilation")

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
        if not isinstance(self.padding, str) and len(self.padding) != len(locations):
            raise ShapeError(
                where=where,
                found=f"padding = {self.padding} for {len(locations)} location axes",
                law="zeros are added (low, high), one pair for each location axis",
                remedy=f"give {len(locations)} pairs",
            )
        _check_taps(locations, self.windows(len(locations), where), where)
        over = self.over(shape, where)
        if any(size < 1 for size in over.outputs):
            raise ShapeError(
                where=where,
                found=f"a window of {over.extents} on locations {locations}",
                law="with padding VALID the window fits inside the input"
                if self.padding == "VALID"
                else "the window fits inside the input and its padding",
                remedy="make the window smaller, or use padding SAME",
            )
        _check_sight(over, where)
        return over.outputs


def _zeros_around(kind: str, value: Sequence[object]) -> Pads:
    """Pairs of integers from 0 on, as tuples; raises `ShapeError` for all else."""
    pads: list[tuple[int, int]] = []
    for pair in value or (None,):
        ends = tuple(map(whole, pair)) if isinstance(pair, list | tuple) else ()
        if len(ends) != 2 or any(type(n) is not int or not 0 <= n <= LARGEST_AXIS for n in ends):
            raise ShapeError(
                where=kind,
                found=f"padding = {shown(value)}",
                law="padding is a name, or a pair (low, high) of integers of at least 0 for each "
                "location axis",
                remedy='give pairs such as ((1, 1), (1, 1)), or "SAME", "VALID" or "CIRCULAR"',
            )
        pads.append(ends)
    return tuple(pads)


def _check_sight(over: Window, where: str) -> None:
    """Raise `ShapeError` where a window reads nothing but zeros."""
    unusual = not isinstance(over.padding, str) or set(over.dilation) != {1}
    if unusual and (any(n > LARGEST_AXIS for n in over.outputs) or over.blind):
        raise ShapeError(
            where=where,
            found=f"windows of {over.sizes} with dilation {over.dilation} and padding "
            f"{over.padding} on locations {over.locations}",
            law="every window has a tap inside the border",
            remedy="use less padding or dilation, or a larger window",
        )


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


def require_centers(over: Window, where: str, kind: str) -> None:
    """Raise `ShapeError` unless every window has a center tap, inside the border."""
    if any(n % 2 == 0 for n in over.sizes):
        raise ShapeError(
            where=where,
            found=f"an even window {over.sizes}",
            law=f"{kind} needs a center tap, so odd windows",
            remedy="use an odd window, or Conv with delta=False",
        )
    if not over.centered:
        raise ShapeError(
            where=where,
            found=f"padding {over.padding} for windows of {over.extents}",
            law=f"{kind} reads the center tap of every window, which is inside the border",
            remedy="pad by at most half a window, or use Conv with delta=False",
        )


def extended(
    kind: str,
    x: Array,
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...] = (),
) -> tuple[Array, str | Pads]:
    """(batch, *locations, channels) under windows, and the padding that XLA adds.

    CIRCULAR padding becomes a periodic extension and padding VALID.

    Raises: ShapeError for locations that the window cannot slide over.
    """
    locations = x.shape[1:-1]
    pairs = len(window) if isinstance(padding, str) else len(padding)
    over = Window(locations, window, stride, padding, dilation)
    if {len(locations), pairs} != {len(window)} or any(n < 1 for n in over.outputs):
        raise ShapeError(
            where=kind,
            found=f"an input of shape {x.shape} under a window of {window}",
            law="inputs are (batch, *locations, channels), with one window size for each "
            "location axis and, with padding VALID, room for one window",
            remedy="match the window to the locations, or use padding SAME",
        )
    if padding != "CIRCULAR":
        return x, padding
    for i, n in enumerate(locations):
        low, high = over.pads(i)
        if low or high:
            x = jnp.take(x, np.arange(-low, n + high) % n, axis=i + 1)
    return x, "VALID"


class PoolModule(MapModule):
    """A layer without weights that combines the values in every window, channel by channel.

    Arguments:
        window: one size for each location axis.
        stride: one step for each location axis.
        padding: "SAME", "VALID" or "CIRCULAR", or a pair (low, high) for each location axis.
    """

    window: tuple[int, ...] = eqx.field(static=True, converter=sizes)
    stride: tuple[int, ...] = eqx.field(static=True, converter=sizes)
    padding: Padding = eqx.field(static=True, default="VALID")

    def over_windows(self, x: Array, start: float, combine: Callable[..., Array]) -> Array:
        """The values in every window combined.

        Raises: ShapeError for inputs that the windows do not fit.
        """
        x, padding = extended(self.kind, x, self.window, self.stride, self.padding)
        initial = np.asarray(start, x.dtype)
        window, stride = (1, *self.window, 1), (1, *self.stride, 1)
        if not isinstance(padding, str):
            padding = ((0, 0), *padding, (0, 0))
        return lax.reduce_window(x, initial, combine, window, stride, padding)
