"""Operations that join values: sums, products and concatenations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ...layers import Concat, Product, Scale, WeightedSum
from ._align import aligned, broadcast_axes, with_axes_of
from ._atoms import Atoms, Axes, Axis, Role, UnknownAxes
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation
from ._places import alike, flat, padded, with_locations


@dataclasses.dataclass(frozen=True)
class Summed(Operation):
    """A sum of values, each with a weight; axes of size one are repeated.

    Arguments:
        weights: one for each value.
    """

    weights: tuple[float, ...]

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return broadcast_axes(given, shape, atoms)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        values = aligned(with_axes_of(given, seen, out, builder), out, builder)
        first = values[0]
        return builder.add(WeightedSum(self.weights), values, first.locations, first.features)


@dataclasses.dataclass(frozen=True)
class Multiplied(Operation):
    """A product of values, entry by entry, times a number; axes of size one are repeated.

    Arguments:
        factor: the number.
    """

    factor: float = 1.0

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return broadcast_axes(given, shape, atoms)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        values = aligned(with_axes_of(given, seen, out, builder), out, builder)
        first = values[0]
        found = builder.add(Product(), values, first.locations, first.features)
        if self.factor == 1:
            return found
        return builder.add(Scale(self.factor), [found], first.locations, first.features)


@dataclasses.dataclass(frozen=True)
class Joined(Operation):
    """Values one after the other along an axis.

    Arguments:
        axis: index of the axis.
    """

    axis: int

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        parts = [axes[self.axis] for axes in given]
        known = {atoms.role(atom) for axis in parts for atom in atoms.atoms(axis)} - {None}
        if len(known) > 1:
            raise UnknownAxes("a concatenation of axes of unlike roles")
        role = next(iter(known), None)
        for axis in parts:
            if role is not None:
                atoms.tell(axis, role)
        out = list(given[0])
        for axes in given[1:]:
            for i, axis in enumerate(axes):
                if i != self.axis:
                    atoms.unify(out[i], axis)
        out[self.axis] = atoms.axis(shape[self.axis], role)
        return tuple(out)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms = builder.atoms
        if not atoms.has_role(out[self.axis], Role.FEATURE):
            return self._of_locations(given, seen, out, builder)
        inner = {self._inner(value, axes, atoms) for value, axes in zip(given, seen, strict=True)}
        if len(inner) > 1:
            raise UnknownOperation("a concatenation of channels of unlike factors")
        rest = tuple(axis for i, axis in enumerate(out) if i != self.axis)
        placed = aligned(given, rest, builder, features=False)
        features = atoms.atoms(out[self.axis]) + inner.pop()
        return builder.add(Concat(), placed, placed[0].locations, features)

    def _inner(self, value: Placed, axes: Axes, atoms: Atoms) -> Axis:
        """The factors of channels behind those that are joined."""
        held, own = atoms.atoms(value.features), atoms.atoms(axes[self.axis])
        if held[: len(own)] != own:
            raise UnknownOperation("a concatenation of parts of channels")
        return held[len(own) :]

    def _of_locations(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        """The sum of the values, each with zeros where the others stand."""
        atoms, found, before = builder.atoms, [], 0
        total = atoms.size(out[self.axis])
        features = {atoms.atoms(value.features) for value in given}
        if len(features) > 1:
            raise UnknownOperation("values whose channels differ in number or order are joined")
        for value, axes in zip(given, seen, strict=True):
            size = atoms.size(axes[self.axis])
            if not axes[self.axis]:
                value = self._with_place(value, axes, builder)
            pair = (before, total - before - size)
            found.append(padded(value, axes[self.axis], pair, out[self.axis], builder))
            before += size
        values = alike(found, builder)
        weights = (1.0,) * len(values)
        return builder.add(WeightedSum(weights), values, values[0].locations, values[0].features)

    def _with_place(self, value: Placed, axes: Axes, builder: NodeBuilder) -> Placed:
        """The value with a location axis of one entry, where the model has it."""
        atoms = builder.atoms
        held = flat(value.locations, atoms)
        before = [a for a in flat(axes[: self.axis], atoms) if a in held]
        wanted = (tuple(before), (), held[len(before) :])
        return with_locations(value, tuple(a for i, a in enumerate(wanted) if a or i == 1), builder)
