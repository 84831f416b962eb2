"""Tokens looked up in a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...layers import Embedding
from ._atoms import Atoms, Axes, Role
from ._initial import initial_table
from ._operation import NodeBuilder, Operation, Placed


@dataclasses.dataclass(frozen=True, eq=False)
class LookedUp(Operation):
    """The rows of a table at integers.

    Arguments:
        table: (tokens, channels).
    """

    table: np.ndarray

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        for axis in given[0]:
            atoms.tell(axis, Role.LOCATION)
        return (*given[0], atoms.axis(shape[-1], Role.FEATURE))

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        layer = Embedding(self.table.shape[1], initial_table(self.table))
        return builder.add(layer, given, given[0].locations, out[-1], {"table": self.table})
