"""Attention that a model writes out: products of queries and keys, a softmax, and values.

A product of two values is no layer of a network by itself. Where the steps of a model go from such
a product over a softmax to a second product, they are one attention.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..operations import (
    ARGUMENT,
    Applied,
    Atoms,
    Attended,
    Axes,
    NodeBuilder,
    Operation,
    Placed,
    Reshaped,
    Scaled,
    Shifted,
    Transposed,
    UnknownOperation,
)
from ._graph import Recorder, Value, without_factor


@dataclasses.dataclass(frozen=True)
class Contraction:
    """Axes that are summed over, and those that both values share.

    Arguments:
        of_left, of_right: axes that are summed over.
        batch_left, batch_right: axes that both have. The result has these first, then the others
            of the left one, then those of the right one.
    """

    of_left: tuple[int, ...]
    of_right: tuple[int, ...]
    batch_left: tuple[int, ...]
    batch_right: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Contracted(Operation):
    """The sum of products of two values over some of their axes.

    Arguments:
        over: the axes.
        factor: a number that the products are multiplied with.
    """

    over: Contraction
    factor: float = 1.0

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        left, right = given
        shared = [left[i] for i in self.over.batch_left]
        own = [left[i] for i in _rest(left, self.over.of_left, self.over.batch_left)]
        # Queries and keys may stand at the same locations, which are two axes here.
        others = _rest(right, self.over.of_right, self.over.batch_right)
        return (*shared, *own, *(atoms.copy(right[i]) for i in others))

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        raise UnknownOperation("a sum over products of two values that is no attention")


@dataclasses.dataclass(frozen=True)
class Softmaxed(Operation):
    """The softmax over the last axis."""

    def axes(self, given: Sequence[Axes], shape: tuple[int, ...], atoms: Atoms) -> Axes:
        return given[0]

    def build(
        self, given: Sequence[Placed], seen: Sequence[Axes], out: Axes, builder: NodeBuilder
    ) -> Placed:
        raise UnknownOperation("a softmax that is no attention")


def contract(
    recorder: Recorder, left: Value, right: Value, over: Contraction, shape: tuple[int, ...]
) -> Value:
    """The sum of products of two values, as one attention where it is the last step of one."""
    found = _attention(recorder, left, right, over)
    if found is None:
        turned = Contraction(over.of_right, over.of_left, over.batch_right, over.batch_left)
        found = _attention(recorder, right, left, turned)
        if found is not None:
            shared, place = len(over.batch_left), len(shape)
            order = [*range(shared), *range(shared + 1, place), shared]
            found = recorder.record(Transposed(tuple(order)), [found], shape)
    if found is not None:
        return found
    (a, left), (b, right) = without_factor(left), without_factor(right)
    return recorder.record(Contracted(over, a * b), [left, right], shape)


@dataclasses.dataclass(frozen=True)
class _Logits:
    """What a softmax reads: a product of queries and keys times a number, plus an array."""

    query: Value
    key: Value
    over: Contraction
    factor: float
    bias: np.ndarray | None


def _attention(
    recorder: Recorder, weights: Value, values: Value, over: Contraction
) -> Value | None:
    """softmax(...) times values; None where `weights` is no softmax of products."""
    step = recorder.producer(weights)
    if step is None or not isinstance(step.operation, Softmaxed):
        return None
    logits = _logits(recorder, step.inputs[0])
    last = len(weights.shape) - 1
    if logits is None or over.of_left != (last,) or len(over.of_right) != 1:
        return None
    shared = len(logits.over.batch_left)
    if over.batch_left != tuple(range(shared)) or last != shared + 1:
        return None
    query = _arranged(recorder, logits.query, logits.over.batch_left, logits.over.of_left)
    key = _arranged(recorder, logits.key, logits.over.batch_right, logits.over.of_right)
    rest = _rest(values.shape, over.of_right, over.batch_right)
    if query is None or key is None or len(rest) != 1:
        return None
    value = _ordered(recorder, values, [*over.batch_right, *over.of_right, *rest])
    shape = (*query.shape[:-1], value.shape[-1])
    attended = Attended(logits.factor, logits.bias)
    return recorder.record(attended, [query, key, value], shape)


def _logits(recorder: Recorder, index: int) -> _Logits | None:
    """The product that a step goes back to, over numbers and arrays that are added."""
    factor, bias, gain = 1.0, None, None
    while True:
        step = recorder.step(index)
        operation = step.operation
        if isinstance(operation, Applied):
            number, rest = operation.function.as_coeff_Mul()
            if rest != ARGUMENT:
                return None
            factor *= float(number)
        elif isinstance(operation, Shifted):
            table = factor * operation.table * (1 if gain is None else gain)
            bias = table if bias is None else bias + table
        elif isinstance(operation, Scaled) and _alike_in_rows(operation.table):
            gain = operation.table if gain is None else gain * operation.table
        elif isinstance(operation, Reshaped) and gain is None:
            if bias is not None:
                bias = np.broadcast_to(bias, step.shape)
                bias = bias.reshape(recorder.step(step.inputs[0]).shape)
        elif isinstance(operation, Contracted):
            left, right = (Value(i, recorder.step(i).shape) for i in step.inputs)
            if gain is not None:
                left = _gained(recorder, left, gain, operation.over.batch_left)
            return _Logits(left, right, operation.over, factor * operation.factor, bias)
        else:
            return None
        index = step.inputs[0]


def _alike_in_rows(table: np.ndarray) -> bool:
    """Whether an array is one number for each product of matrices."""
    return table.shape[-2:] == (1, 1)


def _gained(recorder: Recorder, value: Value, gain: np.ndarray, shared: Sequence[int]) -> Value:
    """Queries times one number for each product with keys."""
    count = len(shared)
    spread = gain.reshape(gain.shape[:count] + (1,) * (len(value.shape) - count))
    table = np.moveaxis(spread, range(count), shared)
    return recorder.record(Scaled(table), [value], value.shape)


def _arranged(
    recorder: Recorder, value: Value, shared: Sequence[int], summed: Sequence[int]
) -> Value | None:
    """Queries or keys as (..., locations, channels); None where they have other axes."""
    rest = _rest(value.shape, summed, shared)
    if len(rest) != 1 or len(summed) != 1:
        return None
    return _ordered(recorder, value, [*shared, *rest, *summed])


def _ordered(recorder: Recorder, value: Value, order: Sequence[int]) -> Value:
    if list(order) == list(range(len(order))):
        return value
    shape = tuple(value.shape[i] for i in order)
    return recorder.record(Transposed(tuple(order)), [value], shape)


def _rest(axes: Sequence[object], *taken: Sequence[int]) -> list[int]:
    """Indices of the other axes."""
    known = {i for indices in taken for i in indices}
    return [i for i in range(len(axes)) if i not in known]
