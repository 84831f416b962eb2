"""Rules of ATen operations that take means and maxima over locations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from ..operations import Averaged, Lengths, Pooled, UnknownOperation
from ..recording import Value
from ._call import Call, Rule
from ._views import inside_padding, reshaped, with_padding


Kind = Literal["mean", "max"]


def _pool(kind: Kind, count: int) -> Rule:
    """A pool over the last `count` axes."""

    def rule(call: Call) -> Value:
        value = call.value("self")
        if kind == "max" and set(call.integers("dilation")) != {1}:
            raise UnknownOperation("a dilated maximum")
        if call.arguments.get("divisor_override") is not None:
            raise UnknownOperation("sums over windows divided by a number of their own")
        window = call.integers("kernel_size", count)
        strides = call.integers("stride", count) or window
        value, around = inside_padding(call, value, _neutral(kind), count)
        own = call.integers("padding", count)
        padded = around != ((0, 0),) * count
        if padded and any(own):
            raise UnknownOperation("a pool with padding of its own over a padded value")
        padding = with_padding(tuple((n, n) for n in own), around)
        counts = kind == "mean" and (call.flag("count_include_pad") or padded)
        sizes = value.shape[-count:]
        needed = tuple(
            max(high, (n - 1) * step + width - low - size)
            for (low, high), n, step, width, size in zip(
                padding, call.shape[-count:], strides, window, sizes, strict=True
            )
        )
        if counts and needed != tuple(high for _, high in padding):
            if any(low or high for low, high in padding):
                raise UnknownOperation("means over padded windows that end behind the padding")
            counts = False
        padding = tuple((low, high) for (low, _), high in zip(padding, needed, strict=True))
        places = tuple(range(len(value.shape) - count, len(value.shape)))
        return call.record(Pooled(kind, window, strides, padding, counts, places), value)

    return rule


def _neutral(kind: Kind) -> float:
    """Padding that a pool takes for its own."""
    return 0.0 if kind == "mean" else -math.inf


def _adaptive(kind: Kind, count: int) -> Rule:
    """A pool to a number of windows on each of the last `count` axes."""

    def rule(call: Call) -> Value:
        value = call.value("self")
        sizes, targets = value.shape[-count:], call.shape[-count:]
        places = tuple(range(len(value.shape) - count, len(value.shape)))
        if sizes == targets:
            return value
        if kind == "mean" and set(targets) == {1}:
            return call.record(Averaged(places, keep=True), value)
        if any(size % n for size, n in zip(sizes, targets, strict=True)):
            raise UnknownOperation("windows of unequal sizes")
        window = tuple(size // n for size, n in zip(sizes, targets, strict=True))
        padding = ((0, 0),) * count
        return call.record(Pooled(kind, window, window, padding, False, places), value)

    return rule


def _mean(call: Call) -> Value:
    value = call.value("self")
    return call.record(Averaged(_axes(call, value), call.flag("keepdim")), value)


def _sum(call: Call) -> Value:
    value = call.value("self")
    over = _axes(call, value)
    mean = call.record(Averaged(over, call.flag("keepdim")), value)
    return call.applied(lambda x, n: x * n, mean, math.prod(value.shape[i] for i in over))


def _largest(call: Call) -> Value:
    """The largest value over the last axes, of which there are channels before."""
    value = call.value("self")
    over = _axes(call, value)
    if len(value.shape) < 3 or sorted(over) != list(range(2, len(value.shape))):
        raise UnknownOperation("a maximum over some of the axes")
    window = tuple(value.shape[i] for i in sorted(over))
    shape = (*value.shape[:2], *(1,) * len(window))
    operation = Pooled("max", window, window, ((0, 0),) * len(window), False, tuple(sorted(over)))
    return reshaped(call, call.record(operation, value, shape=shape), call.shape)


def _length(call: Call) -> Value:
    value = call.value("self")
    if call.number("ord") != 2 or _axes(call, value) != (len(value.shape) - 1,):
        raise UnknownOperation("a norm of another order, or over other axes than the last one")
    kept = (*value.shape[:-1], 1)
    return reshaped(call, call.record(Lengths(), value, shape=kept), call.shape)


def _axes(call: Call, value: Value) -> tuple[int, ...]:
    """The axes of the argument `dim`; all of them for none."""
    count = len(value.shape)
    if call.arguments.get("dim") in (None, ()):
        return tuple(range(count))
    return tuple(i % count for i in call.integers("dim"))


POOL_RULES: Mapping[str, Rule] = {
    **{f"aten.avg_pool{n}d": _pool("mean", n) for n in (1, 2, 3)},
    **{f"aten.max_pool{n}d": _pool("max", n) for n in (1, 2, 3)},
    "aten.max_pool2d_with_indices": _pool("max", 2),
    "aten.max_pool3d_with_indices": _pool("max", 3),
    **{f"aten.adaptive_avg_pool{n}d": _adaptive("mean", n) for n in (1, 2, 3)},
    **{f"aten._adaptive_avg_pool{n}d": _adaptive("mean", n) for n in (2, 3)},
    **{f"aten.adaptive_max_pool{n}d": _adaptive("max", n) for n in (1, 2, 3)},
    "aten.mean": _mean,
    "aten.sum": _sum,
    "aten.linalg_vector_norm": _length,
    "aten.amax": _largest,
}
