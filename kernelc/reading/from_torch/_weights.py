"""Rules of ATen operations with weights: linear maps, convolutions, norms and embeddings."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..operations import (
    Affine,
    BatchNormalized,
    Convolved,
    GroupNormalized,
    LookedUp,
    Normalized,
    Transposed,
    UnknownOperation,
)
from ..recording import Value
from ._call import Call, Rule
from ._joins import matrix_product
from ._views import inside_padding, with_padding


def _linear(call: Call) -> Value:
    weight, bias = call.array("weight"), call.optional_array("bias")
    return call.record(Affine(weight.T, bias), call.value("input"))


def _addmm(call: Call) -> Value:
    """beta bias + alpha x @ weight."""
    weight = call.array("mat2") * np.float32(call.number("alpha"))
    bias = call.array("self") * np.float32(call.number("beta"))
    return call.record(Affine(weight, np.broadcast_to(bias, weight.shape[1:])), call.value("mat1"))


def _matmul(left: str, right: str) -> Rule:
    """A product of matrices, one of them known."""

    def rule(call: Call) -> Value:
        one, other = call.arguments[left], call.arguments[right]
        if isinstance(one, Value) and isinstance(other, Value):
            return matrix_product(call, one, other)
        if isinstance(one, Value):
            return call.record(Affine(_one_matrix(other)), one)
        return _mixed_rows(call, _one_matrix(one), call.value(right))

    return rule


def _mixed_rows(call: Call, weight: np.ndarray, value: Value) -> Value:
    """weight @ value: the axis before the last one is mixed."""
    order = (*range(len(value.shape) - 2), len(value.shape) - 1, len(value.shape) - 2)
    turned = call.record(Transposed(order), value, shape=[value.shape[i] for i in order])
    shape = (*turned.shape[:-1], weight.shape[0])
    mixed = call.record(Affine(weight.T), turned, shape=shape)
    return call.record(Transposed(order), mixed, shape=[shape[i] for i in order])


def _one_matrix(weight: object) -> np.ndarray:
    array = np.asarray(weight)
    if math.prod(array.shape[:-2]) != 1 or array.ndim < 2:
        raise UnknownOperation(f"a product with an array of shape {array.shape}")
    return array.reshape(array.shape[-2:])


def _convolution(call: Call) -> Value:
    value, weight = call.value("input"), call.array("weight")
    if call.arguments.get("transposed"):
        raise UnknownOperation("a transposed convolution")
    count = weight.ndim - 2
    value, around = inside_padding(call, value, 0.0, count)
    dilation, strides = call.integers("dilation", count), call.integers("stride", count)
    operation = Convolved(
        weight=np.moveaxis(weight, (0, 1), (-1, -2)),
        bias=call.optional_array("bias"),
        strides=strides,
        padding=with_padding(_padding(call, weight.shape[2:], dilation), around),
        dilation=dilation,
        groups=call.integer("groups"),
        channel_axis=len(value.shape) - count - 1,
        location_axes=tuple(range(len(value.shape) - count, len(value.shape))),
    )
    return call.record(operation, value)


def _padding(
    call: Call, window: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    named = call.arguments["padding"]
    if named == "same":
        totals = [d * (n - 1) for d, n in zip(dilation, window, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if named == "valid":
        return ((0, 0),) * len(window)
    return tuple((n, n) for n in call.integers("padding", len(window)))


def _batch_norm(call: Call) -> Value:
    """Also of the operations that return the mean and the deviation of the batch beside it."""
    if call.arguments.get("training"):
        raise UnknownOperation("a batch norm that takes its statistics from the batch")
    operation = BatchNormalized(
        channel_axis=1,
        mean=call.array("running_mean"),
        variance=call.array("running_var"),
        eps=call.number("eps"),
        momentum=1 - call.number("momentum"),
        gain=call.optional_array("weight"),
        bias=call.optional_array("bias"),
    )
    return call.record(operation, call.value("input"))


def _instance_norm(call: Call) -> Value:
    """Without running statistics each channel is a group of its own."""
    if not call.flag("use_input_stats"):
        return _batch_norm(call)
    value = call.value("input")
    gain, bias = call.optional_array("weight"), call.optional_array("bias")
    return call.record(GroupNormalized(value.shape[1], call.number("eps"), gain, bias), value)


def _layer_norm(call: Call) -> Value:
    operation = Normalized(
        count=len(call.integers("normalized_shape")),
        center=True,
        eps=call.number("eps"),
        gain=call.optional_array("weight"),
        bias=call.optional_array("bias"),
    )
    return call.record(operation, call.value("input"))


def _rms_norm(call: Call) -> Value:
    eps = call.arguments["eps"]
    operation = Normalized(
        count=len(call.integers("normalized_shape")),
        center=False,
        eps=float(np.finfo(np.float32).eps) if eps is None else call.number("eps"),
        gain=call.optional_array("weight"),
    )
    return call.record(operation, call.value("input"))


def _group_norm(call: Call) -> Value:
    operation = GroupNormalized(
        groups=call.integer("num_groups"),
        eps=call.number("eps"),
        gain=call.optional_array("weight"),
        bias=call.optional_array("bias"),
    )
    return call.record(operation, call.value("input"))


def _embedding(call: Call) -> Value:
    indices = call.value("indices")
    if indices.step != 0:
        raise UnknownOperation("indices that are computed from the input")
    return call.record(LookedUp(call.array("weight")), indices)


WEIGHT_RULES: Mapping[str, Rule] = {
    "aten.linear": _linear,
    "aten.addmm": _addmm,
    "aten.matmul": _matmul("self", "other"),
    "aten.mm": _matmul("self", "mat2"),
    "aten.bmm": _matmul("self", "mat2"),
    "aten.conv1d": _convolution,
    "aten.conv2d": _convolution,
    "aten.conv3d": _convolution,
    "aten.convolution": _convolution,
    "aten.batch_norm": _batch_norm,
    "aten._native_batch_norm_legit_no_training": _batch_norm,
    "aten.instance_norm": _instance_norm,
    "aten.layer_norm": _layer_norm,
    "aten.rms_norm": _rms_norm,
    "aten.group_norm": _group_norm,
    "aten.embedding": _embedding,
}
