"""Means and maxima over locations as operations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from ...layers import GlobalMeanPool, MaxPool, MeanPool, WeightedSum
from ._atoms import Atoms, Axes, Axis, Role
from ._features import MOST_RANGES, taken_channels
from ._linear import named_padding
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation
from ._places import with_locations


@dataclasses.dataclass(frozen=True)
class Averaged(Operation):
    """The mean over whole axes.

    Arguments:
        over: indices of the axes.
        keep: whether they stay, with one entry.
    """

    over: tuple[int, ...]
    keep: bool = False

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        if len(self.over) > 1:
            for i in self.over:
                atoms.tell(x[i], Role.LOCATION)
        if self.keep:
            return tuple(() if i in self.over else axis for i, axis in enumerate(x))
        return tuple(axis for i, axis in enumerate(x) if i not in self.over)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        atoms, value = builder.atoms, given[0]
        over = {atom for i in self.over for atom in atoms.atoms(seen[0][i])}
        locations = {atom for axis in value.locations for atom in atoms.atoms(axis)}
        if not over:
            return value
        if over != locations and len(self.over) == 1 and over <= set(atoms.atoms(value.features)):
            return _of_channels(value, seen[0][self.over[0]], builder)
        if over != locations:
            raise UnknownOperation("a mean over some of the axes of an example")
        return builder.add(GlobalMeanPool(), given, (), value.features)


def _of_channels(value: Placed, axis: Axis, builder: NodeBuilder) -> Placed:
    """The mean of several ranges of channels."""
    count = builder.atoms.size(axis)
    if count > MOST_RANGES or builder.atoms.atoms(axis) == builder.atoms.atoms(value.features):
        raise UnknownOperation("a mean over channels")
    parts = [taken_channels(value, axis, range(i, i + 1), (), builder) for i in range(count)]
    weights = (1 / count,) * count
    return builder.add(WeightedSum(weights), parts, value.locations, parts[0].features)


@dataclasses.dataclass(frozen=True)
class Pooled(Operation):
    """The mean or the largest value of each window.

    Arguments:
        kind: "mean" or "max".
        window, strides, padding: one entry for each location axis; padding as (low, high).
        counts_padding: whether means count the padding.
        location_axes: indices of the location axes, in the order of the window.
    """

    kind: Literal["mean", "max"]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    counts_padding: bool
    location_axes: tuple[int, ...]

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        out = list(given[0])
        for i in self.location_axes:
            atoms.tell(out[i], Role.LOCATION)
            out[i] = atoms.axis(shape[i], Role.LOCATION)
        return tuple(out)

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        value = given[0]
        value = with_locations(value, tuple(seen[0][i] for i in self.location_axes), builder)
        apart = (1,) * len(self.window)
        padding = named_padding(self.padding, self.window, self.strides, apart)
        locations = tuple(out[i] for i in self.location_axes)
        if self.kind == "max":
            layer = MaxPool(self.window, self.strides, padding)
        else:
            counts = self.counts_padding and padding != "VALID"
            layer = MeanPool(self.window, self.strides, padding, count_padding=counts)
        return builder.add(layer, [value], locations, value.features)
