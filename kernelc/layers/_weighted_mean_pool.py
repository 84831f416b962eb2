"""WeightedMeanPool: the pool that keeps q uniform."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule
from ._fields import one_of
from ._window import PADDINGS, freeze, per_axis, window_over, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class WeightedMeanPool(Layer):
    """A trainable depthwise convolution that starts as its centre tap: K is unchanged.

    The mean over a window of correlated locations has no uniform q. A depthwise convolution
    with normalised weights (sum of squares 1) can represent that mean and, at Delta
    initialisation, keeps q and c values as they are (Martens et al. 2021, weighted mean
    pooling; the Delta start is ours).

    Arguments:
        window: its size (odd), one integer or one for each location axis.
        stride: step between windows; 1 when None.
        padding: "SAME", "VALID" or "CIRCULAR".

    Example:
        >>> import kernelc as kc
        >>> kc.WeightedMeanPool(3, stride=2).out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    window: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] | None = None
    padding: modules.Padding = "SAME"

    def __post_init__(self) -> None:
        one_of("WeightedMeanPool", "padding", self.padding, PADDINGS)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        windows = per_axis(self.window, len(shapes[0]) - 1, where, "window")
        if any(n % 2 == 0 for n in windows):
            raise ShapeError(
                where=where,
                found=f"an even window {windows}",
                law="the pool starts as its centre tap, so windows are odd",
                remedy="use the next odd window",
            )
        locations = window_shape(
            shapes[0], self.window, 1 if self.stride is None else self.stride, self.padding, where
        )
        return (*locations, shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        stride = 1 if self.stride is None else self.stride
        over = window_over(shapes[0], self.window, stride, self.padding, algebra.where)
        return algebra.pick(inputs[0], over)

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        axes = len(out) - 1
        return modules.weighted_mean_pool(
            out[-1],
            window=per_axis(self.window, axes, "WeightedMeanPool", "window"),
            stride=per_axis(
                1 if self.stride is None else self.stride, axes, "WeightedMeanPool", "stride"
            ),
            padding=self.padding,
            dtype=dtype,
        )


def pool_rule(
    layer: Layer, shape: Shape, out: Shape, window: tuple[int, ...], stride: tuple[int, ...]
) -> ShapingRule:
    """The weighted mean pool that takes the place of another pool: same shapes, odd window."""
    problem = "pooled locations are correlated, so q is not uniform"
    up = tuple(n | 1 for n in window)
    down = tuple(n if n % 2 else n - 1 for n in window)
    candidates: list[tuple[tuple[int, ...], modules.Padding]] = [
        (up, "SAME"),
        (up, "VALID"),
        (down, "VALID"),
        (down, "SAME"),
    ]
    for size, padding in candidates:
        pool = WeightedMeanPool(size, stride, padding)
        try:
            fits = pool.out_shape([shape], "pool") == out
        except ShapeError:
            fits = False
        if fits:
            return ShapingRule(
                pool,
                problem=problem,
                remedy="use WeightedMeanPool, or pool after the last activation",
            )
    return ShapingRule(
        layer,
        problem=problem,
        remedy="use a WeightedMeanPool, or a window and stride that divide the locations",
        possible=False,
    )
