"""Lengths of vectors, and values that are repeated: what a division by lengths is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import sympy

from ._atoms import Atoms, Axes
from ._elementwise import ARGUMENT, Applied
from ._graph import Recorder, Value
from ._norms import Normalized
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


def divided_by_length(recorder: Recorder, value: Value, divisor: Value) -> Value | None:
    """x / max(|x|, eps) over the last axis; None for another division."""
    step, least = recorder.step(divisor.step), divisor.function
    if isinstance(step.operation, Repeated):
        step = recorder.step(step.inputs[0])
    if isinstance(step.operation, Applied):
        least = least.subs(ARGUMENT, step.operation.function)
        step = recorder.step(step.inputs[0])
    if not isinstance(step.operation, Lengths) or value.function != ARGUMENT:
        return None
    # Lengths are far above the least one, which only keeps zero from dividing.
    if step.inputs != (value.step,) or least.subs(ARGUMENT, sympy.Integer(1)) != 1:
        return None
    operation = Normalized(count=1, center=False, eps=1e-24)
    found = recorder.record(operation, [value], value.shape)
    return recorder.apply(lambda x, n: x * n, [found, 1 / math.sqrt(value.shape[-1])])
