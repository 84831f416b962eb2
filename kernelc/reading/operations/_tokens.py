"""Vectors of the model in front of or behind the locations of a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...layers import ClassToken
from ._atoms import Atoms, Axes, Role
from ._initial import initial_table
from ._linear import permutation
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation
from ._places import in_a_row


@dataclasses.dataclass(frozen=True, eq=False)
class WithToken(Operation):
    """A value between two arrays, one after the other along an axis.

    Arguments:
        axis: index of the axis.
        front, back: arrays with the axes of the value; None for none.
    """

    axis: int
    front: np.ndarray | None
    back: np.ndarray | None

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        out = list(given[0])
        atoms.tell(out[self.axis], Role.LOCATION)
        out[self.axis] = atoms.axis(shape[self.axis], Role.LOCATION)
        return tuple(out)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        count = 0 if self.front is None else self.front.shape[self.axis]
        if self.back is not None or self.front is None:
            raise UnknownOperation("vectors behind those of the locations")
        if atoms.atoms(seen[0][self.axis]) != atoms.atoms(
            atom for axis in value.locations for atom in axis
        ):
            raise UnknownOperation("vectors in front of some of the axes of locations")
        read = tuple(a for i, axis in enumerate(seen[0]) if i != self.axis for a in axis)
        order = permutation(read, value.features, atoms)
        tokens = np.moveaxis(self.front, self.axis, 0).reshape(count, -1)[:, order]
        value = in_a_row(value, builder)
        for i, token in enumerate(reversed(tokens)):
            size = atoms.size(value.locations[0]) + 1
            last = i == count - 1
            locations = (out[self.axis] if last else atoms.axis(size, Role.LOCATION),)
            layer = ClassToken(initial_table(token))
            value = builder.add(layer, [value], locations, value.features, {"token": token})
        return value
