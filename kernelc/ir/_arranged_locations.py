"""Maps that arrange locations anew: all in a row, or picked one by one, with empty ones between."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float64

from ._location_map import UNCHANGED, Exchangeable, LocationMap, kronecker, selection


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
    """Each location along the first axis is one of those that come in, or empty.

    Arguments:
        sizes: of the location axes that come in.
        picked: for each location that comes out, the index of the one that it is; -1 for zero.
    """

    sizes: tuple[int, ...]
    picked: tuple[int, ...]

    @property
    def locations(self) -> tuple[int, ...]:
        return self.sizes

    @property
    def outputs(self) -> tuple[int, ...]:
        return (len(self.picked), *self.sizes[1:])

    @property
    def identity(self) -> bool:
        return self.picked == tuple(range(self.sizes[0]))

    @property
    def empty(self) -> bool:
        """Whether some locations are zero."""
        return -1 in self.picked

    def exchangeable(self) -> Exchangeable | None:
        repeated = len(set(self.picked)) < len(self.picked)
        return None if self.empty or repeated else UNCHANGED

    @property
    def row_sum(self) -> float | None:
        return None if self.empty else 1.0

    def heads(self) -> Float64[np.ndarray, "heads outputs locations"]:
        along = selection(np.array(self.picked), self.sizes[0])
        return kronecker([along, np.eye(math.prod(self.sizes[1:]))])[None]

    def lifted(self, axes: int) -> Selected:
        return Selected(self.sizes + (1,) * axes, self.picked)

    def text(self) -> str:
        return "an empty location" if self.empty else "locations that are picked"
