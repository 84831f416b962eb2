"""Padding as an operation of its own, which the windows that read it take over."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ._atoms import Atoms, Axes, Role
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation
from ._places import padded


@dataclasses.dataclass(frozen=True)
class Padded(Operation):
    """Entries of one value around those of another.

    Arguments:
        padding: (low, high) for each axis.
        fill: the entries.
    """

    padding: tuple[tuple[int, int], ...]
    fill: float

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        out = list(given[0])
        for i, (low, high) in enumerate(self.padding):
            if low or high:
                known = {atoms.role(atom) for atom in atoms.atoms(out[i])} - {None}
                role: Role | None = known.pop() if len(known) == 1 else None
                out[i] = atoms.axis(shape[i], role)
        return tuple(out)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        if self.fill:
            raise UnknownOperation(f"padding with {self.fill:g}")
        value = given[0]
        for i, pair in enumerate(self.padding):
            if any(pair):
                value = padded(value, seen[0][i], pair, out[i], builder)
        return value
