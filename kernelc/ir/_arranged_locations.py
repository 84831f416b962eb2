"""Maps that arrange locations anew: along other axes, or picked one by one, with empty ones."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float64

from ._location_map import UNCHANGED, Exchangeable, LocationMap, Share, kronecker, selection


@dataclasses.dataclass(frozen=True)
class Reshaped(LocationMap):
    """The locations along other axes, in row-major order; each keeps its value.

    Arguments:
        sizes: of the location axes that come in.
        sizes_out: of those that come out, as many axes and as many locations.
    """

    sizes: tuple[int, ...]
    sizes_out: tuple[int, ...]

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.sizes_out

    @property
    def identity(self) -> bool:
        return self.sizes_out == self.sizes

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return np.eye(math.prod(self.sizes))[None]

    def lifted(self, axes: int) -> Reshaped:
        return Reshaped(self.sizes + (1,) * axes, self.sizes_out + (1,) * axes)

    def text(self) -> str:
        return "locations along other axes"


@dataclasses.dataclass(frozen=True)
class InARow(LocationMap):
    """All locations along one axis, in row-major order; each keeps its value.

    Arguments:
        sizes: of the location axes that come in.
    """

    sizes: tuple[int, ...]

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return (math.prod(self.sizes), *(1,) * (len(self.sizes) - 1))

    @property
    def identity(self) -> bool:
        return self.outputs == self.sizes

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        return np.eye(math.prod(self.sizes))[None]

    def lifted(self, axes: int) -> InARow:
        return InARow(self.sizes + (1,) * axes)

    def text(self) -> str:
        return "locations in a row"


@dataclasses.dataclass(frozen=True)
class Selected(LocationMap):
    """Each location is one of those that come in, or empty; picked along each axis by itself.

    Arguments:
        sizes: of the location axes that come in.
        picked: for each axis and each index along it that comes out, the index that it is; -1
            for zero.
    """

    sizes: tuple[int, ...]
    picked: tuple[tuple[int, ...], ...]

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return tuple(len(along) for along in self.picked)

    @property
    def identity(self) -> bool:
        return self.picked == tuple(tuple(range(size)) for size in self.sizes)

    @property
    def moves(self) -> bool:
        return True

    @property
    def empty(self) -> bool:
        """Whether some locations are zero."""
        return any(-1 in along for along in self.picked)

    def exchangeable(self) -> Exchangeable | None:
        if self.empty:
            return None
        if math.prod(self.sizes) == 1:
            return Exchangeable(1, 0, 1, 0)  # all locations are one
        repeated = any(len(set(along)) < len(along) for along in self.picked)
        return None if repeated else UNCHANGED

    @property
    def own_share(self) -> Share | None:
        return None if self.empty else 1

    @property
    def row_sum(self) -> float | None:
        return None if self.empty else 1.0

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        pairs = zip(self.picked, self.sizes, strict=True)
        return kronecker([selection(np.array(along), size) for along, size in pairs])[None]

    def lifted(self, axes: int) -> Selected:
        return Selected(self.sizes + (1,) * axes, self.picked + ((0,),) * axes)

    def text(self) -> str:
        return "an empty location" if self.empty else "locations that are picked"
