"""Rules of ATen operations on several values: arithmetic, concatenation and attention."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..operations import (
    Attended,
    Joined,
    Transposed,
    UnknownOperation,
    WithToken,
)
from ..recording import (
    Contraction,
    Softmaxed,
    Value,
    contract,
    divided_by_length,
    product,
    scaled,
    shifted,
    softmax,
)
from ._call import Call, Rule, number_of
from ._views import reshaped


def _added(sign: int) -> Rule:
    """self + sign alpha other."""

    def rule(call: Call) -> Value:
        alpha = call.arguments.get("alpha", 1)
        return _sum(call, call.arguments["self"], call.arguments["other"], sign * _factor(alpha))

    return rule


def _reversed_difference(call: Call) -> Value:
    alpha = _factor(call.arguments["alpha"])
    value = _product(call, call.value("self"), -alpha)
    return _sum(call, value, call.arguments["other"], 1.0)


def _factor(alpha: object) -> float:
    found = number_of(alpha)
    assert found is not None  # the schema says a number
    return found


def _sum(call: Call, one: object, other: object, factor: float) -> Value:
    if isinstance(one, Value) and isinstance(other, Value):
        scaled = other if abs(factor) == 1 else _product(call, other, abs(factor))
        return call.recorder.add(one, scaled, call.shape, int(math.copysign(1, factor)))
    if isinstance(one, Value):
        return _plus_array(call, one, factor * np.asarray(other))
    if not isinstance(other, Value):
        raise UnknownOperation("a sum without a value that depends on the input")
    return _plus_array(call, _product(call, other, factor), np.asarray(one))


def _plus_array(call: Call, value: Value, array: np.ndarray) -> Value:
    number = _same_everywhere(array, value, call.shape)
    if number is not None:
        return call.applied(lambda x, n: x + n, value, number)
    return shifted(call.recorder, value, _as_table(call, value, array))


def _multiplied(call: Call) -> Value:
    one, other = call.arguments["self"], call.arguments["other"]
    if isinstance(one, Value):
        return _product(call, one, other)
    return _product(call, call.value("other"), one)


def _product(call: Call, value: Value, other: object) -> Value:
    if isinstance(other, Value):
        return product(call.recorder, value, other, call.shape)
    array = np.asarray(other)
    number = _same_everywhere(array, value, call.shape)
    if number == 1:
        return value
    if number is not None:
        return call.applied(lambda x, n: x * n, value, number)
    return scaled(call.recorder, value, _as_table(call, value, array))


def _divided(call: Call) -> Value:
    if call.arguments.get("rounding_mode") is not None:
        raise UnknownOperation("a division that rounds")
    one, other = call.arguments["self"], call.arguments["other"]
    if not isinstance(other, Value):
        return _product(call, call.value("self"), 1 / np.asarray(other, np.float64))
    dividend = one if isinstance(one, Value) else number_of(one)
    found = None
    if dividend is not None:
        found = call.recorder.apply(lambda x, y: x / y, [dividend, other])
    if found is None and isinstance(one, Value):
        found = _quotient(call, one, other)
    if found is None:
        raise UnknownOperation("a number over a value of another function")
    return found


def _quotient(call: Call, one: Value, other: Value) -> Value:
    """A division by a length, a softmax, a norm, or a product with the inverse."""
    found = divided_by_length(call.recorder, one, other)
    found = found or softmax(call.recorder, one, other, call.shape)
    if found is not None:
        return found
    inverse = call.recorder.mapped(lambda u: 1 / u, other)
    return product(call.recorder, one, inverse, call.shape)


def _same_everywhere(array: np.ndarray, value: Value, shape: Sequence[int]) -> float | None:
    """The number that an array is, where it repeats nothing of the value."""
    if array.size == 1 and value.shape == tuple(shape):
        return float(array.reshape(()))
    return None


def _as_table(call: Call, value: Value, array: np.ndarray) -> np.ndarray:
    """An array with as many axes as the value."""
    if value.shape != call.shape:
        raise UnknownOperation("a value that is repeated to the shape of an array")
    return array.reshape((1,) * (len(value.shape) - array.ndim) + array.shape)


def _cat(call: Call) -> Value:
    parts = _parts(call)
    axis = call.axis("dim", len(call.shape))
    values = [part for part in parts if isinstance(part, Value)]
    if len(values) == len(parts):
        return call.record(Joined(axis), *values) if len(parts) > 1 else values[0]
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if len(values) == 1:
        front = arrays[: next(i for i, part in enumerate(parts) if isinstance(part, Value))]
        return call.record(
            WithToken(axis, _joined(front, axis), _joined(arrays[len(front) :], axis)), values[0]
        )
    raise UnknownOperation("a concatenation of several values and an array")


def _joined(arrays: Sequence[np.ndarray], axis: int) -> np.ndarray | None:
    return np.concatenate(arrays, axis) if arrays else None


def _stack(call: Call) -> Value:
    axis = call.axis("dim", len(call.shape))
    shape = [1 if i == axis else n for i, n in enumerate(call.shape)]
    parts = [part for part in _parts(call) if isinstance(part, Value)]
    if len(parts) != call.shape[axis]:
        raise UnknownOperation("a stack of values and an array")
    return call.record(Joined(axis), *(reshaped(call, part, shape) for part in parts))


def _parts(call: Call) -> Sequence[object]:
    parts = call.arguments["tensors"]
    assert isinstance(parts, Sequence)  # the schema says a list
    return [part for part in parts if not isinstance(part, np.ndarray) or part.size]


def _attention(call: Call) -> Value:
    query, key, value = (call.value(name) for name in ("query", "key", "value"))
    if call.flag("enable_gqa") and key.shape[-3] != query.shape[-3]:
        raise UnknownOperation("queries of several heads that share keys")
    scale = call.arguments["scale"]
    operation = Attended(
        scale=1 / math.sqrt(query.shape[-1]) if scale is None else call.number("scale"),
        bias=_logits(call.optional_array("attn_mask")),
        causal=call.flag("is_causal"),
    )
    return call.record(operation, query, key, value)


def _logits(mask: np.ndarray | None) -> np.ndarray | None:
    """What a mask adds to logits: of truth values, which locations are read."""
    if mask is None or mask.dtype != np.bool_:
        return mask
    return np.where(mask, 0.0, -np.inf)


def matrix_product(call: Call, left: Value, right: Value) -> Value:
    """The products of matrices that are both computed from the input."""
    if left.shape[:-2] != right.shape[:-2]:
        raise UnknownOperation("products of matrices of which some are repeated")
    (left, one), (right, other) = (_before_transposition(call, x) for x in (left, right))
    over = Contraction(one[-1:], other[-2:-1], one[:-2], other[:-2])
    return contract(call.recorder, left, right, over, call.shape)


def _before_transposition(call: Call, value: Value) -> tuple[Value, tuple[int, ...]]:
    """A value that is a transposition as that of which it is, and which of its axes are which."""
    step, order = call.recorder.producer(value), tuple(range(len(value.shape)))
    if step is None or not isinstance(step.operation, Transposed):
        return value, order
    return call.recorder.inputs(step)[0], step.operation.order


def _softmax(call: Call) -> Value:
    value = call.value("self")
    if call.axis("dim", len(value.shape)) != len(value.shape) - 1:
        raise UnknownOperation("a softmax over another axis than the last one")
    return call.record(Softmaxed(), value)


JOIN_RULES: Mapping[str, Rule] = {
    "aten.add": _added(1),
    "aten.sub": _added(-1),
    "aten.rsub": _reversed_difference,
    "aten.mul": _multiplied,
    "aten.div": _divided,
    "aten.cat": _cat,
    "aten.concat": _cat,
    "aten.stack": _stack,
    "aten.softmax": _softmax,
    "aten._softmax": _softmax,
    "aten.scaled_dot_product_attention": _attention,
}
