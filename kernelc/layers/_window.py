"""What the specs of all that slides a window over locations share."""

from __future__ import annotations

import math
from typing import Any, ClassVar, get_args

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, MOST_TAPS, whole
from ..ir import Layer, Shape, Window
from ._fields import one_of
from ._sliding import Padding


class WindowLayer(Layer, shared=True):
    """Windows of one size for all location axes or one for each, and the steps between them.

    Each kind has these fields among its own.
    """

    window: int | tuple[int, ...]
    stride: Any
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
        stride: Any = self.stride
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


def _per_axis(value: object, axes: int, where: str, field: str) -> tuple[int, ...]:
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
