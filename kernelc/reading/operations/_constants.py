"""Arrays added to a value or multiplied with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...layers import ChannelScale, PositionalEmbedding
from ._atoms import Atoms, Axes, Axis
from ._initial import initial_table
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


@dataclasses.dataclass(frozen=True, eq=False)
class _WithTable(Operation):
    """An array that meets a value entry by entry; its axes of size one are repeated.

    Arguments:
        table: an array with as many axes as the value.
    """

    table: np.ndarray

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return given[0]


class Shifted(_WithTable):
    """x + table."""

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value = given[0]
        table = arranged(self.table, seen[0], value, builder.atoms)
        rows = table.reshape(-1, table.shape[-1])
        if (rows == rows[0]).all():
            return builder.biased(value, rows[0])
        layer = PositionalEmbedding(initial_table(table))
        return builder.add(layer, given, value.locations, value.features, {"table": table})


class Scaled(_WithTable):
    """x * table."""

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value = given[0]
        gain = one_for_each_channel(arranged(self.table, seen[0], value, builder.atoms))
        if gain is None:
            raise UnknownOperation("an array that is multiplied with locations")
        start = float(np.sqrt(np.mean(np.square(gain, dtype=np.float64))))
        layer = ChannelScale(start)
        return builder.add(layer, given, value.locations, value.features, {"gain": gain})


def one_for_each_channel(table: np.ndarray) -> np.ndarray | None:
    """The row that an array (*locations, channels) has at all locations; None if it has several."""
    rows = table.reshape(-1, table.shape[-1])
    return rows[0] if (rows == rows[0]).all() else None


def arranged(table: np.ndarray, seen: Axes, value: Placed, atoms: Atoms) -> np.ndarray:
    """An array of a model in the order of the axes of the node, (*locations, channels)."""
    sizes = atoms.sizes(seen)
    if np.broadcast_shapes(table.shape, sizes) != sizes:
        raise UnknownOperation("a value that is repeated to the shape of an array")
    full = np.broadcast_to(table, sizes)
    read: Axis = tuple(atom for axis in seen for atom in atoms.atoms(axis))
    axes = (*value.locations, value.features)
    held = tuple(atom for axis in axes for atom in atoms.atoms(axis))
    if set(read) != set(held):
        raise UnknownOperation("an array whose axes are not those of the value")
    spread = full.reshape([atoms.size((atom,)) for atom in read])
    return spread.transpose([read.index(atom) for atom in held]).reshape(atoms.sizes(axes))
