"""MeanPool: the mean over a window of locations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, S, Shape, Shapes, ShapingRule, WindowMean
from ..modules import accumulator, as_dtype
from ._fields import boolean
from ._weighted_mean_pool import PoolLayer
from ._window import PoolModule


@final
@dataclasses.dataclass(frozen=True)
class MeanPool(PoolLayer):
    """Mean over windows: q and K become means over pairs of locations of a window.

    The derived kernel models any two locations of one input as having cosine similarity s
    (`kernel.s`) and pairs across inputs as separable, s c. `shape` replaces it by
    `WeightedMeanPool`, which keeps q uniform.

    Arguments:
        window: its size, one integer or one for each location axis.
        stride: step between windows; the window itself when None.
        padding: "VALID", "SAME" or "CIRCULAR", or as many locations as a pair (low, high) says
            for each location axis.
        count_padding: whether locations beyond the border count, as zeros; otherwise the mean is
            over real locations alone.

    Example:
        >>> import kernelc as kc
        >>> kc.MeanPool(2).out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    count_padding: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        boolean(type(self).__name__, "count_padding", self.count_padding)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        over = self.over(shapes[0], algebra.site.name)
        return algebra.mix(inputs[0], WindowMean(over, self.count_padding))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(self) if last else super().shaping(shapes, out, last)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> MeanPoolModule:
        axes = len(out) - 1
        return MeanPoolModule(
            self.windows(axes), self.steps(axes), self.padding, self.count_padding
        )


class MeanPoolModule(PoolModule):
    """The mean over each window.

    Arguments:
        count_padding: whether locations beyond the border count, as zeros.

    Raises: ShapeError for inputs that the windows do not fit.

    Example:
        >>> MeanPoolModule((2,), (2,))((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [0.5, 2.5]
    """

    count_padding: bool = eqx.field(static=True, default=False)

    def apply(self, x: Array) -> Array:
        wide = as_dtype(x, accumulator(x.dtype))
        total = self.over_windows(wide, 0.0, lax.add)
        if self.count_padding:
            return as_dtype(total / math.prod(self.window), x.dtype)
        counted = self.over_windows(jnp.ones((1, *x.shape[1:-1], 1), wide.dtype), 0.0, lax.add)
        return as_dtype(total / counted, x.dtype)
