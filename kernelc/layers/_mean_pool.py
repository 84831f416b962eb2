"""MeanPool: the mean over a window of locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, TypeVar, final

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, Shape, ShapingRule, WindowMean
from ..modules import accumulator, as_dtype
from ._sliding import Padding, PoolModule
from ._weighted_mean_pool import pool_rule
from ._window import WindowLayer


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class MeanPool(WindowLayer):
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

    tiles: ClassVar[bool] = True
    window: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "VALID"

    def __post_init__(self) -> None:
        self.check_windows()

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return (*self.locations(shapes[0], where), shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.mix(inputs[0], WindowMean(self.over(shapes[0], algebra.site.name)))

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        if last:
            return ShapingRule(self)
        return pool_rule(self, shapes[0], out)

    def module(
        self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: DTypeLike
    ) -> MeanPoolModule:
        axes = len(out) - 1
        return MeanPoolModule(self.windows(axes), self.steps(axes), self.padding)


class MeanPoolModule(PoolModule):
    """The mean over each window, over real locations only: padding is not counted.

    Raises: ShapeError for inputs that the windows do not fit.

    Example:
        >>> MeanPoolModule((2,), (2,))((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [0.5, 2.5]
    """

    def apply(self, x: Array) -> Array:
        wide = as_dtype(x, accumulator(x.dtype))
        total = self.over_windows(wide, 0.0, lax.add)
        counted = self.over_windows(jnp.ones((1, *x.shape[1:-1], 1), wide.dtype), 0.0, lax.add)
        return as_dtype(total / counted, x.dtype)
