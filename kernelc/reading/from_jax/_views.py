"""JAX primitives that arrange axes, cut them or put them together."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import sympy

from ..operations import Joined, Reshaped, Taken, Transposed
from ..recording import Value
from ._reader import Held, Known, Parameters, Reader, Rule, Shapes


def _same(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held]:
    return [given[0]]


def _converted(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    """Another type of floating point numbers, or of integers, is no operation."""
    (x,) = given
    floating = jnp.issubdtype(parameters["new_dtype"], jnp.floating)
    if isinstance(x, Value) and not isinstance(x.function, sympy.Expr):
        return None
    return [x] if floating or reader.recorder.integers else None


def _reshape(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    return [reshaped(reader, given[0], shapes[0])]


def reshaped(reader: Reader, x: Held, shape: tuple[int, ...]) -> Held:
    """A value in another shape."""
    if isinstance(x, Known):
        return Known(x.array.reshape(shape), x.trained)
    return viewed(reader, x, shape)


def viewed(reader: Reader, x: Value, shape: tuple[int, ...]) -> Value:
    """A value of the model in another shape."""
    return x if x.shape == shape else reader.recorder.record(Reshaped(), [x], shape)


def transposed(reader: Reader, x: Value, order: Sequence[int]) -> Value:
    """A value with its axes in another order."""
    if tuple(order) == tuple(range(len(order))):
        return x
    shape = [x.shape[i] for i in order]
    return reader.recorder.record(Transposed(tuple(order)), [x], shape)


def _transpose(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    x = given[0]
    return [transposed(reader, x, parameters["permutation"])] if isinstance(x, Value) else None


def _broadcast(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    """Axes of size one where the result is wider: what reads it repeats them."""
    (x,), (shape,) = given, shapes
    ones = [1] * len(shape)
    for axis, place in enumerate(parameters["broadcast_dimensions"]):
        ones[place] = x.shape[axis]
    found = reshaped(reader, x, tuple(ones))
    return [Value(found.step, shape, found.function)] if isinstance(found, Value) else None


def _concatenate(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    values = [x for x in given if isinstance(x, Value)]
    if len(values) < len(given):
        return None
    return [reader.recorder.record(Joined(parameters["dimension"]), values, shapes[0])]


def _slice(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    (x,) = given
    if not isinstance(x, Value):
        return None
    strides = parameters["strides"] or (1,) * len(x.shape)
    limits = zip(parameters["start_indices"], parameters["limit_indices"], strides, strict=True)
    return [taken(reader, x, list(limits))]


def taken(reader: Reader, x: Value, limits: Sequence[tuple[int, int, int]]) -> Value:
    """A slice along each axis."""
    for axis, (start, stop, step) in enumerate(limits):
        size = len(range(start, stop, step))
        if size != x.shape[axis]:
            shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
            x = reader.recorder.record(Taken(axis, start, stop, step), [x], shape)
    return x


def _split(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    (x,), axis, found, start = given, parameters["axis"], [], 0
    if not isinstance(x, Value):
        return None
    for size in parameters["sizes"]:
        limits = [(0, n, 1) for n in x.shape]
        limits[axis] = (start, start + size, 1)
        found.append(taken(reader, x, limits))
        start += size
    return found


def _dynamic_slice(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    x, *others = given
    starts = [start for start in others if isinstance(start, Known)]
    if not isinstance(x, Value) or len(starts) < len(others):
        return None
    sizes = parameters["slice_sizes"]
    limits = []
    for start, size, n in zip(starts, sizes, x.shape, strict=True):
        first = min(max(int(start.array), 0), n - size)
        limits.append((first, first + size, 1))
    return [taken(reader, x, limits)]


VIEWS: dict[str, Rule] = {
    **dict.fromkeys(("copy", "copy_p", "stop_gradient", "optimization_barrier"), _same),
    "convert_element_type": _converted,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "broadcast_in_dim": _broadcast,
    "concatenate": _concatenate,
    "slice": _slice,
    "split": _split,
    "dynamic_slice": _dynamic_slice,
}
