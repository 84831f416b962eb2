"""Window: how windows lie on the location axes of a value."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction
from typing import TypeAlias

import numpy as np


Pads: TypeAlias = tuple[tuple[int, int], ...]
"""Locations added before the first and after the last one, for each location axis."""


@dataclasses.dataclass(frozen=True)
class Window:
    """Windows on location axes, one entry of each tuple for each axis.

    Arguments:
        locations: sizes of the axes.
        sizes: taps of a window.
        strides: steps between windows.
        padding: what windows see beyond the border: nothing there to see ("VALID"), zeros
            ("SAME"), the other side ("CIRCULAR"), or so many zeros before and after.
        dilation: steps between taps; 1 along each axis where there are none.

    Example:
        >>> Window((5,), (3,), (2,), "SAME").taps_of(0).tolist()
        [[-1, 0, 1], [1, 2, 3], [3, 4, -1]]
        >>> Window((5,), (2,), (2,), ((1, 1),), (3,)).taps_of(0).tolist()
        [[-1, 2], [1, 4]]
    """

    locations: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str | Pads
    dilation: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.dilation:
            object.__setattr__(self, "dilation", (1,) * len(self.locations))

    @classmethod
    def whole(cls, locations: tuple[int, ...]) -> Window:
        """One window over everything."""
        return cls(locations, locations, (1,) * len(locations), "VALID")

    def lifted(self, axes: int) -> Window:
        """The same windows with `axes` further location axes of size one."""
        ones = (1,) * axes
        padding = self.padding if isinstance(self.padding, str) else self.padding + ((0, 0),) * axes
        return Window(
            self.locations + ones,
            self.sizes + ones,
            self.strides + ones,
            padding,
            self.dilation + ones,
        )

    @property
    def taps(self) -> int:
        """Locations in a window."""
        return math.prod(self.sizes)

    @property
    def extents(self) -> tuple[int, ...]:
        """Locations from the first tap of a window to its last, along each axis."""
        return tuple((w - 1) * d + 1 for w, d in zip(self.sizes, self.dilation, strict=True))

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many windows there are along each axis; below 1 where none fits."""
        padding, places = self.padding, zip(self.locations, self.strides, strict=True)
        if padding in ("SAME", "CIRCULAR"):
            return tuple(-(-n // s) for n, s in places)
        added = (0,) * self.rank if isinstance(padding, str) else tuple(map(sum, padding))
        return tuple(
            (n + more - extent) // s + 1
            for (n, s), more, extent in zip(places, added, self.extents, strict=True)
        )

    @property
    def overlapping(self) -> bool:
        """Whether two windows read one location: wrapped around the border they may, too."""
        return any(self._shares(axis) for axis in range(self.rank))

    def _shares(self, axis: int) -> bool:
        read = [set(row[row >= 0].tolist()) for row in self.taps_of(axis)]
        return sum(map(len, read)) > len(set().union(*read))

    @property
    def same_location(self) -> Fraction:
        """The share of pairs of taps of a window that read one location.

        1 / taps, unless the window is longer than a circular axis and reads locations twice.
        """
        share = Fraction(1)
        for axis, w in enumerate(self.sizes):
            visits = w
            if self.padding == "CIRCULAR":  # all windows are alike
                counts = np.unique(self.taps_of(axis)[0], return_counts=True)[1]
                visits = int((counts**2).sum())
            share *= Fraction(visits, w * w)
        return share

    @property
    def uneven(self) -> bool:
        """Whether windows at the border see fewer locations than others."""
        zeros = self.padding not in ("VALID", "CIRCULAR")
        return zeros and any(any(self.overhang(i)) for i in range(self.rank))

    @property
    def blind(self) -> bool:
        """Whether some window sees no location at all."""
        return any(bool((self.taps_of(i) < 0).all(1).any()) for i in range(self.rank))

    @property
    def centered(self) -> bool:
        """Whether the center tap of every window is inside the border."""
        return all(bool((self.centers_of(i) >= 0).all()) for i in range(self.rank))

    @property
    def centered_and_odd(self) -> bool:
        """Whether every window has a center tap, inside the border."""
        return all(w % 2 for w in self.sizes) and self.centered

    def pads(self, axis: int) -> tuple[int, int]:
        """How many locations are added before the first one, and after the last one."""
        if not isinstance(self.padding, str):
            return self.padding[axis]
        if self.padding == "VALID":
            return 0, 0
        span = (self.outputs[axis] - 1) * self.strides[axis] + self.extents[axis]
        missing = max(span - self.locations[axis], 0)
        return missing // 2, missing - missing // 2

    def overhang(self, axis: int) -> tuple[int, int]:
        """How far the first window goes beyond the first location, and the last beyond the last."""
        before = self.pads(axis)[0]
        last = (self.outputs[axis] - 1) * self.strides[axis] + self.extents[axis] - before
        return before, max(last - self.locations[axis], 0)

    @property
    def rank(self) -> int:
        """Number of location axes."""
        return len(self.locations)

    def taps_of(self, axis: int) -> np.ndarray:
        """The location each tap of each window reads along an axis, -1 beyond the border."""
        n, w = self.locations[axis], self.sizes[axis]
        starts = self.strides[axis] * np.arange(self.outputs[axis]) - self.pads(axis)[0]
        found = starts[:, None] + self.dilation[axis] * np.arange(w)[None, :]
        if self.padding == "CIRCULAR":
            return found % n
        return np.where((found < 0) | (found >= n), -1, found)

    def centers_of(self, axis: int) -> np.ndarray:
        """The location the center tap of each window reads along an axis."""
        return self.taps_of(axis)[:, self.sizes[axis] // 2]
