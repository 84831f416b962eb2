"""Location axes of a value: joined, split, taken and padded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ...layers import (
    Broadcast,
    FirstToken,
    GlobalMeanPool,
    LastToken,
    PadLocations,
    TakeLocations,
    ToImage,
    ToSequence,
)
from ._atoms import Atoms, Axes, Axis
from ._operation import NodeBuilder, Placed, UnknownOperation


def flat(axes: Iterable[Axis], atoms: Atoms) -> Axis:
    """The smallest factors of several axes."""
    return atoms.atoms(atom for axis in axes for atom in axis)


def in_a_row(value: Placed, builder: NodeBuilder) -> Placed:
    """The value with one axis of locations, or none where it has none."""
    row = flat(value.locations, builder.atoms)
    return with_locations(value, (row,) if value.locations else (), builder)


def with_locations(value: Placed, wanted: Axes, builder: NodeBuilder) -> Placed:
    """The value with other location axes of the same factors in the same order; axes of one entry
    among them are added.

    Raises:
        UnknownOperation: factors that are not those of the value, or in another order.
    """
    atoms = builder.atoms
    if flat(value.locations, atoms) != flat(wanted, atoms):
        raise UnknownOperation("locations in another order")
    if tuple(map(atoms.atoms, value.locations)) == tuple(map(atoms.atoms, wanted)):
        return value
    sizes = atoms.sizes(wanted)
    if not value.locations:
        layer = Broadcast(sizes)
    elif not wanted:
        layer = GlobalMeanPool()
    else:
        layer = ToSequence() if len(wanted) == 1 else ToImage(sizes)
    return builder.add(layer, [value], wanted, value.features)


def with_axis(value: Placed, axis: Axis, builder: NodeBuilder) -> tuple[Placed, int]:
    """The value with `axis` as one of its location axes, and which one it is.

    Raises:
        UnknownOperation: factors that do not follow each other among the locations.
    """
    atoms = builder.atoms
    wanted, held = atoms.atoms(axis), flat(value.locations, atoms)
    for i, own in enumerate(value.locations):
        if atoms.atoms(own) == wanted:
            return value, i
    for start in range(len(held) - len(wanted) + 1):
        stop = start + len(wanted)
        if held[start:stop] == wanted:
            parts = (held[:start], wanted, held[stop:])
            kept = tuple(part for part in parts if part)
            return with_locations(value, kept, builder), kept.index(wanted)
    raise UnknownOperation("some of the entries of locations")


def taken(value: Placed, axis: Axis, entries: range, out: Axis, builder: NodeBuilder) -> Placed:
    """The locations at some entries of an axis.

    Arguments:
        value: what they are taken of.
        axis: which of its axes; `out` takes its place.
        entries: indices along the axis.
        out: the axis that comes out.
        builder: where nodes are added.
    """
    value, place = with_axis(value, axis, builder)
    count = len(value.locations)
    last = builder.atoms.size(axis) - 1
    if count == 1 and len(entries) == 1 and entries[0] in (0, last):
        layer = FirstToken() if entries[0] == 0 else LastToken()
        return builder.add(layer, [value], (), value.features)
    start, stop, step = [0] * count, list(builder.atoms.sizes(value.locations)), [1] * count
    start[place], stop[place], step[place] = entries[0], entries[-1] + 1, entries.step
    locations = tuple(out if i == place else own for i, own in enumerate(value.locations))
    layer = TakeLocations(tuple(start), tuple(stop), tuple(step))
    found = builder.add(layer, [value], locations, value.features)
    return with_locations(found, tuple(own for own in locations if own), builder)


def padded(
    value: Placed, axis: Axis, pair: tuple[int, int], out: Axis, builder: NodeBuilder
) -> Placed:
    """Zeros in front of and behind the entries of one location axis."""
    value, place = with_axis(value, axis, builder)
    pairs = tuple(pair if i == place else (0, 0) for i in range(len(value.locations)))
    locations = tuple(out if i == place else own for i, own in enumerate(value.locations))
    return builder.add(PadLocations(pairs), [value], locations, value.features)


def alike(values: Sequence[Placed], builder: NodeBuilder) -> list[Placed]:
    """The values with the location axes of the first one that has the most."""
    most = max(values, key=lambda value: len(value.locations))
    return [with_locations(value, most.locations, builder) for value in values]


def at_entry(value: Placed, atom: int, entry: int, builder: NodeBuilder) -> Placed:
    """The locations at one entry of a factor of an axis."""
    atoms = builder.atoms
    axes = [atoms.atoms(axis) for axis in value.locations]
    place = next(i for i, axis in enumerate(axes) if atom in axis)
    before, after = axes[place][: (at := axes[place].index(atom))], axes[place][at + 1 :]
    if (before and after) or (not before and not after):
        return taken(value, (atom,), range(entry, entry + 1), (), builder)
    start, stop, step = [0] * len(axes), list(atoms.sizes(axes)), [1] * len(axes)
    width = atoms.size(after)
    if before:
        start[place], step[place] = entry, atoms.size((atom,))
    else:
        start[place], stop[place] = entry * width, (entry + 1) * width
    axes[place] = before + after
    layer = TakeLocations(tuple(start), tuple(stop), tuple(step))
    return builder.add(layer, [value], tuple(axes), value.features)


def relabeled(value: Placed, old: Axis, new: Axis, builder: NodeBuilder) -> Placed:
    """The value with other factors of one of its axes."""
    atoms = builder.atoms
    held = atoms.atoms(value.features)
    for i in range(len(held) - len(old) + 1):
        if held[i : i + len(old)] == old:
            features = held[:i] + new + held[i + len(old) :]
            return dataclasses.replace(value, features=features)
    value, place = with_axis(value, old, builder)
    locations = tuple(new if i == place else axis for i, axis in enumerate(value.locations))
    return dataclasses.replace(value, locations=locations)
