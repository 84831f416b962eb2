"""Divisions by the length of a vector, as one norm."""

from __future__ import annotations

import math

import sympy

from ..operations import ARGUMENT, Applied, Lengths, Normalized, Repeated
from ._graph import Recorder, Value


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
