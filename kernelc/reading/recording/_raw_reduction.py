"""What hand-written norms and softmaxes have in common: a mean over the last axis, repeated."""

from __future__ import annotations

import dataclasses

import sympy

from ..operations import Averaged, Reshaped, Summed
from ._graph import Recorder, Step, Value


def averaged_over_last(recorder: Recorder, value: Value) -> Step | None:
    """The mean over the last axis that a value repeats along this axis; None if it is none.

    A function that is applied to the value does not matter.
    """
    step = recorder.step(value.step)
    while isinstance(step.operation, Reshaped):
        if len(step.shape) and step.shape[-1] != 1:
            return None
        shape, step = step.shape, recorder.step(step.inputs[0])
        if isinstance(step.operation, Averaged) and not _keeps_rows(step, shape):
            return None
    if not isinstance(step.operation, Averaged):
        return None
    read = recorder.step(step.inputs[0])
    last = len(read.shape) - 1
    return step if step.operation.over == (last,) else None


def _keeps_rows(step: Step, shape: tuple[int, ...]) -> bool:
    """Whether a view of a mean puts back the last axis, with one entry."""
    rows = (
        step.shape[:-1]
        if isinstance(step.operation, Averaged) and step.operation.keep
        else step.shape
    )
    return shape[:-1] == rows


def difference(recorder: Recorder, index: int) -> tuple[Value, Value] | None:
    """The two values of a step that subtracts the second one from the first."""
    step = recorder.step(index)
    if not isinstance(step.operation, Summed) or len(step.inputs) != 2:
        return None
    a, b = step.operation.weights
    if b >= 0:
        return None
    one, other = recorder.inputs(step)
    return _times(a, one), _times(-b, other)


def _times(factor: float, value: Value) -> Value:
    function = value.function if factor == 1 else sympy.Float(factor) * value.function
    return dataclasses.replace(value, function=function)
