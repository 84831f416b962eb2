"""Operations that only arrange axes: they are no nodes of a network."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from ._atoms import Atoms, Axes, Axis, Role, UnknownAxes
from ._features import taken_channels
from ._operation import NodeBuilder, Operation, Placed
from ._places import flat, relabeled, taken


class View(Operation):
    """The value of its input with other axes."""

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        return given[0]


@dataclasses.dataclass(frozen=True)
class Reshaped(View):
    """The entries in another shape, the last axis fastest.

    An axis of factors 8 and 7 has no factors 28 and 2. Where a shape asks for such a split, the
    axis starts anew, as one without known factors.
    """

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        for axes in (x, tuple(_anew(axis, atoms) for axis in x), _joined(x, atoms)):
            try:
                return atoms.reshaped(axes, shape)
            except UnknownAxes:
                continue
        raise UnknownAxes(f"a reshape of {atoms.sizes(x)} to {tuple(shape)}")

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        old, new = list(flat(seen[0], atoms)), list(flat(out, atoms))
        while old:
            before, after = [old.pop(0)], [new.pop(0)]
            while atoms.size(before) != atoms.size(after):
                if atoms.size(before) < atoms.size(after):
                    before.append(old.pop(0))
                else:
                    after.append(new.pop(0))
            if before != after:
                value = relabeled(value, tuple(before), tuple(after), builder)
        return value


def _anew(axis: Axis, atoms: Atoms) -> Axis:
    """An axis without known factors, in the place of one with several of one role."""
    held = atoms.atoms(axis)
    roles = {atoms.role(atom) for atom in held}
    return atoms.axis(atoms.size(held), roles.pop()) if len(held) > 1 and len(roles) == 1 else axis


def _joined(axes: Axes, atoms: Atoms) -> Axes:
    """Axes without known factors, each in the place of all neighbors of one role."""
    runs = itertools.groupby(flat(axes, atoms), atoms.role)
    return tuple(_anew(tuple(run), atoms) for _, run in runs)


@dataclasses.dataclass(frozen=True)
class Transposed(View):
    """The axes in another order.

    Arguments:
        order: which axis of the input each axis is.
    """

    order: tuple[int, ...]

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return tuple(given[0][i] for i in self.order)


@dataclasses.dataclass(frozen=True)
class Taken(Operation):
    """Entries start, start + step, ... before stop of one axis.

    Arguments:
        axis: index of the axis.
        start, stop, step: as a slice has them.
    """

    axis: int
    start: int
    stop: int
    step: int = 1

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        if shape[self.axis] == atoms.size(x[self.axis]):
            return x
        known = {atoms.role(atom) for atom in atoms.atoms(x[self.axis])}
        role: Role | None = known.pop() if len(known) == 1 else None
        out = list(x)
        out[self.axis] = atoms.axis(shape[self.axis], role)
        return tuple(out)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        read = atoms.atoms(seen[0][self.axis])
        if read == atoms.atoms(out[self.axis]):
            return value
        entries = range(self.start, self.stop, self.step)
        if set(read) <= set(atoms.atoms(value.features)):
            return taken_channels(value, read, entries, out[self.axis], builder)
        return taken(value, read, entries, out[self.axis], builder)
