"""Window: how windows lie on the location axes of a value."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np


@dataclasses.dataclass(frozen=True)
class Window:
    """Windows on location axes, one entry of each tuple for each axis.

    Arguments:
        locations: sizes of the axes.
        sizes: sizes of a window.
        strides: steps between windows.
        padding: what windows see beyond the border: nothing there to see ("VALID"), zeros
            ("SAME"), the other side ("CIRCULAR").

    Example:
        >>> Window((5,), (3,), (2,), "SAME").taps_of(0).tolist()
        [[-1, 0, 1], [1, 2, 3], [3, 4, -1]]
    """

    locations: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    padding: str

    @classmethod
    def whole(cls, locations: tuple[int, ...]) -> Window:
        """One window over everything."""
        return cls(locations, locations, (1,) * len(locations), "VALID")

    def lifted(self, axes: int) -> Window:
        """The same windows with `axes` further location axes of size one."""
        ones = (1,) * axes
        sizes = self.locations + ones, self.sizes + ones, self.strides + ones
        return Window(*sizes, self.padding)

    @property
    def taps(self) -> int:
        """Locations in a window."""
        return math.prod(self.sizes)

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        if self.padding != "VALID":
            return tuple(-(-n // s) for n, s in zip(self.locations, self.strides, strict=True))
        return tuple(
            (n - w) // s + 1
            for n, w, s in zip(self.locations, self.sizes, self.strides, strict=True)
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
        for n, w in zip(self.locations, self.sizes, strict=True):
            rounds, rest = divmod(w, n) if self.padding == "CIRCULAR" else (0, w)
            visits = rest * (rounds + 1) ** 2 + (n - rest) * rounds**2
            share *= Fraction(visits, w * w)
        return share

    @property
    def uneven(self) -> bool:
        """Whether windows at the border see fewer locations than others."""
        return self.padding == "SAME" and any(any(self.pads(i)) for i in range(self.rank))

    def pads(self, axis: int) -> tuple[int, int]:
        """How far the first window goes beyond the first location, and the last beyond the last."""
        n, w, s = self.locations[axis], self.sizes[axis], self.strides[axis]
        overhang = max((self.outputs[axis] - 1) * s + w - n, 0)
        before = 0 if self.padding == "VALID" else overhang // 2
        return before, overhang - before

    @property
    def rank(self) -> int:
        """Number of location axes."""
        return len(self.locations)

    def taps_of(self, axis: int) -> np.ndarray:
        """The location each tap of each window reads along an axis, -1 beyond the border."""
        n, w, s = self.locations[axis], self.sizes[axis], self.strides[axis]
        starts = s * np.arange(self.outputs[axis]) - self.pads(axis)[0]
        found = starts[:, None] + np.arange(w)[None, :]
        if self.padding == "CIRCULAR":
            return found % n
        return np.where((found < 0) | (found >= n), -1, found)

    def centers_of(self, axis: int) -> np.ndarray:
        """The location the center tap of each window reads along an axis."""
        return self.taps_of(axis)[:, self.sizes[axis] // 2]
