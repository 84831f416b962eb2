"""Norms that a model writes out: a value, with its mean taken away or not, over its own size.

(x - mean) / sqrt(variance + eps) is a product of two values. Where the second one is
1 / sqrt(c m + eps) for the mean m of the squares of the first one over the last axis, it is one
norm.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import sympy

from ..operations import ARGUMENT, Applied, Normalized, Scaled, Shifted
from ._graph import Recorder, Step, Value, without_factor
from ._raw_reduction import averaged_over_last, difference


def product(recorder: Recorder, one: Value, other: Value, shape: tuple[int, ...]) -> Value:
    """The product of two values, as one norm where it is the last step of one."""
    for value, size in ((one, other), (other, one)):
        found = _norm(recorder, value, size, shape)
        if found is not None:
            return found
    return recorder.multiply(one, other, shape)


def scaled(recorder: Recorder, value: Value, table: np.ndarray) -> Value:
    """A value times an array, which is the gain of a norm that has none."""
    step = recorder.producer(value)
    row = _row(table, value)
    if step is not None and row is not None and isinstance(step.operation, Normalized):
        norm = step.operation
        if norm.gain is None and norm.bias is None:
            return _again(recorder, step, dataclasses.replace(norm, gain=row))
    return recorder.record(Scaled(table), [value], value.shape)


def shifted(recorder: Recorder, value: Value, table: np.ndarray) -> Value:
    """A value plus an array, which is the bias of a norm that has none."""
    step = recorder.producer(value)
    row = _row(table, value)
    if step is not None and row is not None and isinstance(step.operation, Normalized):
        norm = step.operation
        if norm.bias is None:
            return _again(recorder, step, dataclasses.replace(norm, bias=row))
    return recorder.record(Shifted(table), [value], value.shape)


def _row(table: np.ndarray, value: Value) -> np.ndarray | None:
    """The entries of an array that has only the last axis of a value."""
    last = value.shape[-1:]
    return table.reshape(last) if table.shape[-1:] == last and table.size == last[0] else None


def _again(recorder: Recorder, step: Step, norm: Normalized) -> Value:
    return recorder.record(norm, recorder.inputs(step), step.shape)


def _norm(recorder: Recorder, value: Value, size: Value, shape: tuple[int, ...]) -> Value | None:
    inverse = _inverse_root(size.function)
    mean = averaged_over_last(recorder, size)
    if inverse is None or mean is None:
        return None
    squared = recorder.step(mean.inputs[0])
    factor = _of_square(squared)
    times, table, index = _moved(recorder, value)
    if factor is None or recorder.step(index).shape != shape:
        return None
    source, center = _centered(recorder, index)
    if _centered(recorder, squared.inputs[0]) != (source, center):
        return None
    # 1 / sqrt(slope (factor m) + eps), with m the mean of the squares.
    slope, eps = inverse[0] * factor, inverse[1]
    norm = Normalized(1, center, eps / slope)
    found = recorder.record(norm, [Value(source, shape)], shape)
    gain = times / math.sqrt(slope)
    if not math.isclose(gain, 1, rel_tol=1e-6):
        table = gain * (np.ones(shape[-1:], np.float32) if table is None else table)
    return found if table is None else scaled(recorder, found, np.asarray(table, np.float32))


def _moved(recorder: Recorder, value: Value) -> tuple[float, np.ndarray | None, int]:
    """A value as a number times an array times the result of a step."""
    factor, value = without_factor(value)
    step = recorder.producer(value)
    if step is not None and isinstance(step.operation, Scaled):
        inner = step.inputs[0]
        if recorder.step(inner).shape == step.shape:
            return factor, step.operation.table, inner
    if step is None:
        return factor, None, recorder.settled(value)
    return factor, None, value.step


def _centered(recorder: Recorder, index: int) -> tuple[int, bool]:
    """The step whose mean a step takes away, and true; otherwise the step itself, and false."""
    taken = difference(recorder, index)
    if taken is None:
        return index, False
    value, mean = taken
    average = averaged_over_last(recorder, mean)
    source = recorder.settled(value)
    center = average is not None and average.inputs == (source,) and mean.function == ARGUMENT
    return (source, True) if center else (index, False)


def _of_square(step: Step) -> float | None:
    """The number that multiplies the square of the input of a step."""
    if not isinstance(step.operation, Applied):
        return None
    factor, rest = step.operation.function.as_coeff_Mul()
    return float(factor) if rest == ARGUMENT**2 else None


def _inverse_root(function: sympy.Expr) -> tuple[float, float] | None:
    """The slope and the constant of what a function is one over the root of."""
    if not isinstance(function, sympy.Expr):
        return None
    inner = sympy.expand(1 / function**2)
    if not inner.is_polynomial(ARGUMENT) or sympy.degree(inner, ARGUMENT) != 1:
        return None
    slope, eps = float(inner.coeff(ARGUMENT, 1)), float(inner.coeff(ARGUMENT, 0))
    at_one = float(function.subs(ARGUMENT, 1.0))
    return (slope, eps) if slope > 0 and eps >= 0 and at_one > 0 else None
