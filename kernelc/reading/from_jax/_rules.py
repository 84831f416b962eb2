"""What each JAX primitive does, in the operations of `kernelc.reading`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ..operations import Affine, Averaged, Convolved, LookedUp, Pooled
from ..recording import Contraction, Value, contract
from ._elementwise import ELEMENTWISE
from ._reader import Held, Known, Parameters, Reader, Rule, Shapes
from ._views import VIEWS, transposed, viewed


def _dot(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    (of_left, of_right), (batch_left, batch_right) = parameters["dimension_numbers"]
    left, right = given
    if isinstance(left, Value) and isinstance(right, Value):
        axes = (tuple(map(int, each)) for each in (of_left, of_right, batch_left, batch_right))
        over = Contraction(*axes)
        return [contract(reader.recorder, left, right, over, shapes[0])]
    if batch_left:
        return None
    if isinstance(left, Value) and isinstance(right, Known):
        return [_weighted(reader, left, right, of_left, of_right, shapes[0], first=True)]
    if isinstance(left, Known) and isinstance(right, Value):
        return [_weighted(reader, right, left, of_right, of_left, shapes[0], first=False)]
    return None


def _weighted(
    reader: Reader,
    x: Value,
    weight: Known,
    of_x: Sequence[int],
    of_weight: Sequence[int],
    shape: tuple[int, ...],
    first: bool,
) -> Value:
    """A contraction of a value with weights; its own axes come `first`, or last."""
    kept = [i for i in range(len(x.shape)) if i not in of_x]
    free = [i for i in range(weight.array.ndim) if i not in of_weight]
    fan_in = math.prod(x.shape[i] for i in of_x)
    out = [weight.shape[i] for i in free]
    matrix = weight.array.transpose([*of_weight, *free]).reshape(fan_in, math.prod(out))
    own = [x.shape[i] for i in kept]
    row = viewed(reader, transposed(reader, x, [*kept, *of_x]), (*own, fan_in))
    y = reader.recorder.record(Affine(matrix), [row], (*own, matrix.shape[1]))
    y = viewed(reader, y, (*own, *out))
    if first:
        return y
    places = range(len(own) + len(out))
    return transposed(reader, y, [*places[len(own) :], *places[: len(own)]])


def _conv(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    x, weight = given
    plain = set(parameters["lhs_dilation"]) == {1} and parameters["batch_group_count"] == 1
    if not (isinstance(x, Value) and isinstance(weight, Known) and plain):
        return None
    numbers = parameters["dimension_numbers"]
    seen, kernel, out = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    if seen != out:
        return None
    operation = Convolved(
        weight.array.transpose([*kernel[2:], kernel[1], kernel[0]]),
        None,
        tuple(parameters["window_strides"]),
        tuple(tuple(pair) for pair in parameters["padding"]),
        tuple(parameters["rhs_dilation"]),
        parameters["feature_group_count"],
        seen[1],
        tuple(seen[2:]),
    )
    return [reader.recorder.record(operation, [x], shapes[0])]


def _sum(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    (x,), axes = given, tuple(parameters["axes"])
    count = math.prod(x.shape[i] for i in axes)
    if not isinstance(x, Value):
        return None
    mean = reader.recorder.record(Averaged(axes), [x], shapes[0])
    return [reader.recorder.mapped(lambda u: count * u, mean)]


def _window_sum(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    return _windows(reader, given[0], parameters, shapes[0], "mean")


def _window_max(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    return _windows(reader, given[0], parameters, shapes[0], "max")


def _windows(
    reader: Reader,
    x: Held,
    parameters: Parameters,
    shape: tuple[int, ...],
    kind: Literal["mean", "max"],
) -> Sequence[Held] | None:
    window, strides = parameters["window_dimensions"], parameters["window_strides"]
    pads = parameters["padding"]
    axes = tuple(i for i, n in enumerate(window) if n > 1 or strides[i] > 1)
    dilated = {*parameters["base_dilation"], *parameters["window_dilation"]} != {1}
    if (
        not isinstance(x, Value)
        or dilated
        or any(sum(p) for i, p in enumerate(pads) if i not in axes)
    ):
        return None
    taps = math.prod(window)
    operation = Pooled(
        kind,
        tuple(window[i] for i in axes),
        tuple(strides[i] for i in axes),
        tuple(tuple(pads[i]) for i in axes),
        True,
        axes,
    )
    found = reader.recorder.record(operation, [x], shape)
    return [reader.recorder.mapped(lambda u: taps * u, found) if kind == "mean" else found]


def _gather(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    """Rows of a table at integers that are the input."""
    table, index = given
    numbers = parameters["dimension_numbers"]
    if not isinstance(table, Known) or not isinstance(index, Value) or table.array.ndim != 2:
        return None
    rows = tuple(parameters["slice_sizes"]) == (1, table.shape[1])
    whole = rows and numbers.start_index_map == (0,) and numbers.collapsed_slice_dims == (0,)
    if (
        not whole
        or numbers.offset_dims != (len(shapes[0]) - 1,)
        or not _tokens(reader, index, table.shape[0])
    ):
        return None
    tokens = viewed(reader, Value(index.step, index.shape), shapes[0][:-1])
    return [reader.recorder.record(LookedUp(table.array), [tokens], shapes[0])]


def _tokens(reader: Reader, index: Value, count: int) -> bool:
    """Whether an index is the integers of the input, from 0 to count - 1, as they are."""
    plain = np.arange(min(count, 1000))
    return reader.recorder.at_integers(index, plain)


RULES: dict[str, Rule] = {
    **ELEMENTWISE,
    **VIEWS,
    "dot_general": _dot,
    "conv_general_dilated": _conv,
    "reduce_sum": _sum,
    "reduce_window_sum": _window_sum,
    "reduce_window_max": _window_max,
    "gather": _gather,
}
