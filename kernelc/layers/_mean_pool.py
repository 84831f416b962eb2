"""MeanPool: the mean over a window of locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Window
from ._fields import one_of
from ._weighted_mean_pool import pool_rule
from ._window import PADDINGS, freeze, pool_sizes, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class MeanPool(Layer):
    """Mean over windows: q and K become means over pairs of locations of a window.

    The derived kernel models any two locations of one input as having cosine similarity s
    (`kernel.s`) and pairs across inputs as separable, s c. `shape` replaces it by
    `WeightedMeanPool`, which keeps q uniform.

    Arguments:
        window: its size, one integer or one for each location axis.
        stride: step between windows; the window itself when None.
        padding: "VALID", "SAME" (the mean is over real locations only) or "CIRCULAR".

    Example:
        >>> import kernelc as kc
        >>> kc.MeanPool(2).out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    window: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: modules.Padding = "VALID"

    def __post_init__(self) -> None:
        one_of("MeanPool", "padding", self.padding, PADDINGS)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        stride = self.window if self.stride is None else self.stride
        return (
            *window_shape(shapes[0], self.window, stride, self.padding, where),
            shapes[0][-1],
        )

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        window, stride = self._sizes(shapes[0], algebra.where)
        over = Window(shapes[0][:-1], window, stride, self.padding)
        return algebra.location_mean(inputs[0], over)

    def reads(self) -> tuple[str, ...]:
        return ("location",)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        if last:
            return ShapingRule(self)
        return pool_rule(self, shapes[0], out, *self._sizes(shapes[0], "MeanPool"))

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        window, stride = self._sizes(shapes[0], "MeanPool")
        return modules.MeanPool(window, stride, self.padding)

    def _sizes(self, shape: Shape, where: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return pool_sizes(self.window, self.stride, len(shape) - 1, where)
