"""A softmax that a model, or a library, writes out: exponentials over their sum."""

from __future__ import annotations

import sympy

from ..operations import ARGUMENT, Applied
from ._graph import Recorder, Value
from ._raw_attention import Softmaxed
from ._raw_reduction import averaged_over_last, difference


def softmax(recorder: Recorder, one: Value, other: Value, shape: tuple[int, ...]) -> Value | None:
    """one / other, where it is the softmax over the last axis.

    What exponents have less of, the same along this axis, makes no difference.
    """
    mean = averaged_over_last(recorder, other)
    exponent = one.function.args[0] if isinstance(one.function, sympy.exp) else sympy.Integer(0)
    factor, argument = exponent.as_coeff_Mul()
    if mean is None or argument != ARGUMENT:
        return None
    exponential = recorder.step(mean.inputs[0])
    count, rest = other.function.as_coeff_Mul()
    summed = rest == ARGUMENT and float(count) == shape[-1]
    same = exponential.operation == Applied(one.function) and exponential.inputs == (one.step,)
    if not summed or not same:
        return None
    logits = Value(one.step, shape)
    taken = difference(recorder, one.step)
    if taken is not None and shape[-1] > 1 and _is_constant(recorder, taken[1]):
        logits = taken[0]
    scaled = recorder.mapped(lambda u: factor * u, logits)
    return recorder.record(Softmaxed(), [scaled], shape)


def _is_constant(recorder: Recorder, value: Value) -> bool:
    """Whether a value that is repeated along the last axis has one entry there."""
    return recorder.step(value.step).shape[-1:] == (1,)
