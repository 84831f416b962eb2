"""Location maps of windows: the center tap, weights spread over the window, the mean."""

from __future__ import annotations

import dataclasses
import math
from typing import Self

import numpy as np
from jaxtyping import Float64

from ._location_map import Exchangeable, LocationMap, kronecker, selection
from ._rule_arguments import PairKind
from ._window import Window


_UNEVEN_TAPS = (
    "spread weights with zero padding lower q at the border, so q is not uniform",
    "use padding CIRCULAR or VALID, or a Conv with delta=True; kernelc.kernel_fn, which computes "
    "the kernel of data at each location, takes the layer as it is",
)
_UNEVEN_MEAN = (
    "windows that are cut off at the border average fewer locations there, so q is not uniform",
    "use padding VALID or CIRCULAR, or WeightedMeanPool; kernelc.kernel_fn, which computes the "
    "kernel of data at each location, takes the layer as it is",
)


@dataclasses.dataclass(frozen=True)
class _WindowMap(LocationMap):
    """A map of windows; one tap that does not move is the identity."""

    window: Window

    @property
    def locations(self) -> tuple[int, ...]:
        return self.window.locations

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.window.outputs

    @property
    def still(self) -> bool:
        """Whether there is a window around each location, in its place."""
        window = self.window
        near = [(extent - 1) // 2 for extent in window.extents]
        placed = [window.pads(i)[0] for i in range(window.rank)] == near
        return placed and window.strides == (1,) * window.rank and self.outputs == self.locations

    @property
    def identity(self) -> bool:
        return self.window.taps == 1 and self.still

    def lifted(self, axes: int) -> Self:
        return dataclasses.replace(self, window=self.window.lifted(axes))


@dataclasses.dataclass(frozen=True)
class CenterTaps(_WindowMap):
    """The center tap of each window, of odd sizes: what Delta weights read."""

    @property
    def identity(self) -> bool:
        return self.still

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        window = self.window
        per_axis = [selection(window.centers_of(i), n) for i, n in enumerate(window.locations)]
        return kronecker(per_axis)[None]

    def text(self) -> str:
        return "a stride"


@dataclasses.dataclass(frozen=True)
class SharedTaps(_WindowMap):
    """Weights spread over windows: K(p, p') <- mean over taps t of K(p + t, p' + t)."""

    @property
    def uneven(self) -> tuple[str, str] | None:
        return _UNEVEN_TAPS if self.window.uneven else None

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        window = self.window
        taps = [window.taps_of(i) for i in range(window.rank)]
        shifts = [
            kronecker(
                [selection(t[:, i], n) for t, i, n in zip(taps, tap, window.locations, strict=True)]
            )
            for tap in np.ndindex(*window.sizes)
        ]
        return np.stack(shifts) / math.sqrt(window.taps)

    def text(self) -> str:
        return "spread weights" if self.window.taps > 1 else "a stride"


@dataclasses.dataclass(frozen=True)
class WindowMean(_WindowMap):
    """The mean over the locations of each window.

    Arguments:
        counted: whether taps beyond the border count, as zeros; otherwise they are left out.
    """

    counted: bool = False

    @property
    def reads(self) -> frozenset[PairKind]:
        return frozenset({PairKind.LOCATION} if self.window.taps > 1 else ())

    @property
    def uneven(self) -> tuple[str, str] | None:
        return _UNEVEN_MEAN if self.window.uneven else None

    @property
    def row_sum(self) -> float | None:
        return None if self.counted and self.window.uneven else 1.0

    @property
    def overlapping(self) -> bool:
        return self.window.taps > 1 and self.window.overlapping

    def exchangeable(self) -> Exchangeable | None:
        # Windows that tile share no location, so a pair of them is a pair of unlike locations.
        share = self.window.same_location
        return Exchangeable(share, 1 - share, 0, 1)

    def along(self, axis: int) -> Float64[np.ndarray, "windows locations"]:
        """The means along one axis."""
        taps = self.window.taps_of(axis)
        matrix = np.zeros((taps.shape[0], self.window.locations[axis]))
        for row, locations in enumerate(taps):
            np.add.at(matrix[row], locations[locations >= 0], 1)
        return matrix / (taps.shape[1] if self.counted else matrix.sum(1, keepdims=True))

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return kronecker([self.along(i) for i in range(self.window.rank)])[None]

    def text(self) -> str:
        return "a mean over locations" if self.window.taps > 1 else "a stride"
