"""Rules of ATen operations that arrange entries: reshapes, transpositions, parts, padding."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ..operations import Padded, Repeated, Reshaped, Rolled, Taken, Transposed, UnknownOperation
from ..recording import Value
from ._call import Call, Rule


def _same(call: Call) -> Value:
    return call.value("self")


def _kept(call: Call) -> Value:
    """Dropout in evaluation mode."""
    if call.flag("train"):
        raise UnknownOperation("dropout in training mode")
    return call.value("input")


def reshaped(call: Call, value: Value, shape: Sequence[int]) -> Value:
    """A value in another shape; the value itself where that is its own."""
    if value.shape == tuple(shape):
        return value
    return call.record(Reshaped(), value, shape=shape)


def _reshape(call: Call) -> Value:
    return reshaped(call, call.value("self"), call.shape)


def _expand(call: Call) -> Value:
    value = call.value("self")
    if np.prod(value.shape) != np.prod(call.shape):
        return call.record(Repeated(), value)
    return reshaped(call, value, call.shape)


def _permuted(call: Call, order: Sequence[int]) -> Value:
    if list(order) == sorted(order):
        return call.value("self")
    return call.record(Transposed(tuple(order)), call.value("self"))


def _permute(call: Call) -> Value:
    count = len(call.shape)
    return _permuted(call, [i % count for i in call.integers("dims")])


def _transpose(call: Call) -> Value:
    order = list(range(len(call.shape)))
    one, other = (call.axis(name, len(order)) for name in ("dim0", "dim1"))
    order[one], order[other] = order[other], order[one]
    return _permuted(call, order)


def _turned(call: Call) -> Value:
    """x.T: all axes in the opposite order."""
    return _permuted(call, list(reversed(range(len(call.shape)))))


def _movedim(call: Call) -> Value:
    count = len(call.shape)
    source = [i % count for i in call.integers("source")]
    target = [i % count for i in call.integers("destination")]
    order = [i for i in range(count) if i not in source]
    for place, axis in sorted(zip(target, source, strict=True)):
        order.insert(place, axis)
    return _permuted(call, order)


def taken(call: Call, value: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    """Entries of one axis; the value itself where these are all."""
    count = len(range(start, stop, step))
    shape = [count if i == axis else n for i, n in enumerate(value.shape)]
    if tuple(shape) == value.shape:
        return value
    return call.record(Taken(axis, start, stop, step), value, shape=shape)


def _slice(call: Call) -> Value:
    value = call.value("self")
    axis = call.axis("dim", len(value.shape))
    bounds = (call.arguments[name] for name in ("start", "end", "step"))
    start, stop, step = slice(*bounds).indices(value.shape[axis])
    return taken(call, value, axis, start, stop, step)


def _select(call: Call) -> Value:
    value = call.value("self")
    axis = call.axis("dim", len(value.shape))
    index = call.integer("index") % value.shape[axis]
    return reshaped(call, taken(call, value, axis, index, index + 1), call.shape)


def _unbind(call: Call) -> tuple[Value, ...]:
    value = call.value("self")
    axis = call.axis("dim", len(value.shape))
    parts = (taken(call, value, axis, i, i + 1) for i in range(value.shape[axis]))
    return tuple(reshaped(call, part, call.shape) for part in parts)


def _split(call: Call) -> tuple[Value, ...]:
    """Parts one after the other, of the sizes that the results have."""
    value = call.value("self")
    axis = call.axis("dim", len(value.shape))
    ends = itertools.accumulate((shape[axis] for shape in call.shapes), initial=0)
    return tuple(taken(call, value, axis, start, stop) for start, stop in itertools.pairwise(ends))


def _pad(call: Call) -> Value:
    """Entries in front of and behind those of the last axes, the last axis first."""
    value, mode = call.value("self"), call.arguments.get("mode", "constant")
    if mode != "constant":
        raise UnknownOperation(f"padding of mode {mode}")
    fill = call.arguments["value"]
    pads = _pairs(call.integers("pad"))
    padding = ((0, 0),) * (len(value.shape) - len(pads)) + tuple(reversed(pads))
    if any(low < 0 or high < 0 for low, high in padding):
        return _cropped(call, value, padding)
    if all(low == high == 0 for low, high in padding):
        return value
    return call.record(Padded(padding, 0.0 if fill is None else call.number("value")), value)


Padding: TypeAlias = "tuple[tuple[int, int], ...]"


def inside_padding(call: Call, value: Value, fill: float, axes: int) -> tuple[Value, Padding]:
    """A value without the padding of its last axes by one number, and that padding."""
    step = call.recorder.producer(value)
    none = ((0, 0),) * axes
    if step is None or not isinstance(step.operation, Padded) or step.operation.fill != fill:
        return value, none
    before, last = step.operation.padding[:-axes], step.operation.padding[-axes:]
    if any(low or high for low, high in before):
        return value, none
    return call.recorder.inputs(step)[0], last


def with_padding(one: Padding, other: Padding) -> Padding:
    """The padding of a value that is padded twice."""
    pairs = zip(one, other, strict=True)
    return tuple((a + c, b + d) for (a, b), (c, d) in pairs)


def _cropped(call: Call, value: Value, padding: Iterable[tuple[int, int]]) -> Value:
    for axis, (low, high) in enumerate(padding):
        if low > 0 or high > 0:
            raise UnknownOperation("padding on one side and cropping on another")
        value = taken(call, value, axis, -low, value.shape[axis] + high)
    return value


def _pairs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _roll(call: Call) -> Value:
    value = call.value("self")
    axes = [i % len(value.shape) for i in call.integers("dims")]
    shifts = [0] * len(value.shape)
    for axis, shift in zip(axes, call.integers("shifts", len(axes)), strict=True):
        shifts[axis] += shift
    return call.record(Rolled(tuple(shifts)), value)


VIEW_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("aten.clone", "aten.contiguous", "aten.detach", "aten.alias", "aten.to"), _same
    ),
    **dict.fromkeys(("aten._to_copy", "aten.type_as", "aten.lift_fresh_copy"), _same),
    **dict.fromkeys(("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout"), _kept),
    **dict.fromkeys(("aten.view", "aten.reshape", "aten._unsafe_view"), _reshape),
    **dict.fromkeys(("aten.flatten", "aten.unflatten"), _reshape),
    **dict.fromkeys(("aten.squeeze", "aten.unsqueeze", "aten.squeeze_"), _reshape),
    **dict.fromkeys(("aten.expand", "aten.expand_as"), _expand),
    "aten.permute": _permute,
    "aten.transpose": _transpose,
    "aten.swapaxes": _transpose,
    "aten.t": _turned,
    "aten.numpy_T": _turned,
    "aten.movedim": _movedim,
    "aten.slice": _slice,
    "aten.select": _select,
    "aten.unbind": _unbind,
    **dict.fromkeys(("aten.split", "aten.split_with_sizes", "aten.chunk"), _split),
    "aten.tensor_split": _split,
    "aten.roll": _roll,
    "aten.pad": _pad,
    "aten.constant_pad_nd": _pad,
}
