"""Location maps to more locations: taps of transposed convolutions, interpolation."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
from jaxtyping import Float64

from ._arranged_locations import Selected
from ._location_map import UNCHANGED, Exchangeable, LocationMap, Share, kronecker
from ._rule_arguments import PairKind
from ._window import Window
from ._window_maps import SharedTaps


_UNEVEN_TAPS = (
    "outputs of a transposed convolution see unlike numbers of locations, so q is not uniform",
    "use a window equal to the stride and no padding, or Resize and a Conv; kernelc.kernel_fn, "
    "which computes the kernel of data at each location, takes the layer as it is",
)
_UNEVEN_MEAN = (
    "interpolated locations are means with unlike weights, so q is not uniform",
    'use method="nearest"; kernelc.kernel_fn, which computes the kernel of data at each location, '
    "takes the layer as it is",
)


@dataclasses.dataclass(frozen=True)
class TransposedTaps(LocationMap):
    """Weights spread over windows on locations that stand `steps` apart, with zeros between.

    Arguments:
        sizes: of the location axes that come in.
        steps: between locations, along each axis.
        window: the windows over locations and the zeros between them.
    """

    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    window: Window

    @property
    def stretch(self) -> Selected:
        """The first half of the map: zeros between locations."""
        picked = (
            tuple(i // step if i % step == 0 else -1 for i in range((n - 1) * step + 1))
            for n, step in zip(self.sizes, self.steps, strict=True)
        )
        return Selected(self.sizes, tuple(picked))

    @property
    def shared(self) -> SharedTaps:
        """The second half: weights shared by all windows."""
        return SharedTaps(self.window)

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.window.outputs

    def seen(self, axis: int) -> np.ndarray:
        """How many taps of each window read a location, along an axis."""
        taps = self.window.taps_of(axis)
        return ((taps >= 0) & (taps % self.steps[axis] == 0)).sum(1)

    @property
    def own_share(self) -> Share | None:
        share = Fraction(1)
        for axis, size in enumerate(self.window.sizes):
            low, high = (int(n) for n in (self.seen(axis).min(), self.seen(axis).max()))
            if low != high:
                return None
            share *= Fraction(low, size)
        return share

    @property
    def uneven(self) -> tuple[str, str] | None:
        return _UNEVEN_TAPS if self.own_share is None else None

    def exchangeable(self) -> Exchangeable | None:
        return None if max(self.steps) > 1 else self.shared.exchangeable()

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return self.shared.heads() @ self.stretch.heads()[0]

    def lifted(self, axes: int) -> TransposedTaps:
        ones = (1,) * axes
        return TransposedTaps(self.sizes + ones, self.steps + ones, self.window.lifted(axes))

    def text(self) -> str:
        return "transposed weights"


@dataclasses.dataclass(frozen=True)
class Interpolated(LocationMap):
    """Linear interpolation between neighboring locations, along each axis.

    Arguments:
        sizes: of the location axes that come in.
        factors: how many locations come out for each that comes in.
        corners: whether the first and the last location stay at the ends; otherwise each stands
            in the middle of those that come out for it, and the ends are constant.
    """

    sizes: tuple[int, ...]
    factors: tuple[int, ...]
    corners: bool = False

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(n * factor for n, factor in zip(self.sizes, self.factors, strict=True))

    @property
    def identity(self) -> bool:
        return self.outputs == self.sizes

    @property
    def reads(self) -> frozenset[PairKind]:
        return frozenset(() if self._constant else {PairKind.LOCATION})

    @property
    def overlapping(self) -> bool:
        return not self.identity

    @property
    def uneven(self) -> tuple[str, str] | None:
        return None if self._constant else _UNEVEN_MEAN

    @property
    def _constant(self) -> bool:
        """Whether each axis has one location alone, or keeps those that it has."""
        return all(1 in pair for pair in zip(self.sizes, self.factors, strict=True))

    def exchangeable(self) -> Exchangeable | None:
        if math.prod(self.sizes) == 1:
            return Exchangeable(1, 0, 1, 0)  # all locations are one
        return UNCHANGED if self.identity else None

    @property
    def own_share(self) -> Share | None:
        return 1 if self._constant else None

    def along(self, axis: int) -> Float64[np.ndarray, "outputs locations"]:
        """The weights of the mean along one axis."""
        count, out = self.sizes[axis], self.outputs[axis]
        if self.corners:
            at = np.arange(out) * ((count - 1) / max(out - 1, 1))
        else:
            at = np.clip((np.arange(out) + 0.5) / self.factors[axis] - 0.5, 0, count - 1)
        return np.maximum(1 - np.abs(at[:, None] - np.arange(count)[None]), 0)

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return kronecker([self.along(i) for i in range(len(self.sizes))])[None]

    def lifted(self, axes: int) -> Interpolated:
        ones = (1,) * axes
        return Interpolated(self.sizes + ones, self.factors + ones, self.corners)

    def text(self) -> str:
        return "interpolation"
