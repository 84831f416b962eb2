"""Lengths of vectors, and values that are repeated: what a division by lengths is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ._atoms import Atoms, Axes
from ._operation import NodeBuilder, Operation, Placed, UnknownOperation


@dataclasses.dataclass(frozen=True)
class Lengths(Operation):
    """The root of the sum of squares over the last axis, which stays with one entry."""

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return (*given[0][:-1], ())

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        raise UnknownOperation("lengths of vectors that divide nothing")


@dataclasses.dataclass(frozen=True)
class Repeated(Operation):
    """Axes of one entry repeated."""

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        (x,) = given
        new = shape[: len(shape) - len(x)]
        kept = zip(x, shape[len(new) :], strict=True)
        return (
            *(atoms.axis(size) for size in new),
            *(axis if atoms.size(axis) == size else atoms.axis(size) for axis, size in kept),
        )

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        raise UnknownOperation("a value that is repeated")
