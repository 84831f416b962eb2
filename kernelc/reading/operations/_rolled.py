"""Shifts around the border as an operation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...layers import Roll
from ._atoms import Atoms, Axes
from ._operation import NodeBuilder, Operation, Placed
from ._places import with_axis


@dataclasses.dataclass(frozen=True)
class Rolled(Operation):
    """Entries moved along axes, those that leave at one end coming in at the other.

    Arguments:
        shifts: by how many entries, for each axis.
    """

    shifts: tuple[int, ...]

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return given[0]

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value = given[0]
        moved = [i for i, shift in enumerate(self.shifts) if shift and seen[0][i]]
        for i in moved:
            value, _ = with_axis(value, seen[0][i], builder)
        shifts = [0] * len(value.locations)
        for i in moved:
            value, place = with_axis(value, seen[0][i], builder)
            shifts[place] = self.shifts[i]
        if not any(shifts):
            return value
        return builder.add(Roll(tuple(shifts)), [value], value.locations, value.features)
