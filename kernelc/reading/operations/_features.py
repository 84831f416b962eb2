"""Some of the channels of a value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...layers import Concat
from ._atoms import Axis
from ._operation import NodeBuilder, Placed, UnknownOperation
from ._places import at_entry, flat


MOST_RANGES = 64
"""Ranges of channels that are put side by side."""


def taken_channels(
    value: Placed, axis: Axis, entries: range, out: Axis, builder: NodeBuilder
) -> Placed:
    """The channels at some entries of one of the factors of channels.

    Arguments:
        value: what they are taken of.
        axis: the factor; `out` takes its place.
        entries: indices along the factor.
        out: the factor that comes out.
        builder: where nodes are added.

    Raises:
        UnknownOperation: a factor whose parts are apart, or too many ranges of channels.
    """
    atoms = builder.atoms
    read, held = atoms.atoms(axis), atoms.atoms(value.features)
    first = held.index(read[0]) if read[0] in held else len(held)
    before, rest = held[:first], held[first + len(read) :]
    if before + read + rest != held:
        raise UnknownOperation("some entries of factors of channels that are apart")
    places = np.arange(atoms.size(held))
    spread = places.reshape(atoms.size(before), atoms.size(read), atoms.size(rest))
    index = spread[:, entries.start : entries.stop : entries.step].ravel()
    features = before + atoms.atoms(out) + rest
    ends = np.flatnonzero(np.diff(index) != 1) + 1
    ranges = [(int(run[0]), int(run[-1]) + 1) for run in np.split(index, ends)]
    return _side_by_side(value, ranges, features, builder)


def _side_by_side(
    value: Placed, ranges: Sequence[tuple[int, int]], features: Axis, builder: NodeBuilder
) -> Placed:
    if len(ranges) > MOST_RANGES:
        raise UnknownOperation(f"{len(ranges)} ranges of channels")
    if len(ranges) == 1:
        return builder.part(value, *ranges[0], features)
    parts = [builder.part(value, start, stop, ()) for start, stop in ranges]
    return builder.add(Concat(), parts, value.locations, features)


def with_features(value: Placed, read: Axis, builder: NodeBuilder) -> Placed:
    """The value with locations among its channels: those of a block of locations side by side.

    Arguments:
        value: it has `read` among its locations and channels.
        read: factors that must be channels.
        builder: where nodes are added.

    Raises:
        UnknownOperation: more locations in a block than are put side by side.
    """
    atoms = builder.atoms
    held = flat(value.locations, atoms)
    moved = tuple(atom for atom in atoms.atoms(read) if atom in held)
    if not moved:
        return value
    if atoms.size(moved) > MOST_RANGES:
        raise UnknownOperation(f"blocks of {atoms.size(moved)} locations side by side")
    parts = [value]
    for atom in moved:
        entries = range(atoms.size((atom,)))
        parts = [at_entry(part, atom, i, builder) for part in parts for i in entries]
    features = moved + atoms.atoms(value.features)
    return builder.add(Concat(), parts, parts[0].locations, features)
