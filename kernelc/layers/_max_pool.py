"""MaxPool: the largest value of a window, without a known kernel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule
from ._fields import one_of
from ._weighted_mean_pool import pool_rule
from ._window import PADDINGS, freeze, pool_sizes, window_shape


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class MaxPool(Layer):
    """Maximum over windows. Its kernel has no closed form: `derive` refuses it.

    Arguments:
        window: its size, one integer or one for each location axis.
        stride: step between windows; the window itself when None.
        padding: "VALID", "SAME" or "CIRCULAR".

    Example:
        >>> import kernelc as kc
        >>> kc.MaxPool(3, stride=2, padding="SAME").out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    window: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: modules.Padding = "VALID"

    def __post_init__(self) -> None:
        one_of("MaxPool", "padding", self.padding, PADDINGS)
        for field in ("window", "stride"):
            object.__setattr__(self, field, freeze(getattr(self, field)))

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        stride = self.window if self.stride is None else self.stride
        return (
            *window_shape(shapes[0], self.window, stride, self.padding, where),
            shapes[0][-1],
        )

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.unsupported(
            inputs,
            "the maximum of several correlated values has no closed form, and its output is "
            "neither centred nor Gaussian",
            "use WeightedMeanPool (kernelc.shape(..., rewrite=True) does), or a strided Conv",
        )

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return pool_rule(
            self, shapes[0], out, *pool_sizes(self.window, self.stride, len(out) - 1, "MaxPool")
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        window, stride = pool_sizes(self.window, self.stride, len(out) - 1, "MaxPool")
        return modules.MaxPool(window, stride, self.padding)
