"""WeightedMeanPool: the pool that keeps q uniform."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, final

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import CenterTaps, KernelAlgebra, S, Shape, Shapes, ShapingRule
from ..modules import MapModule
from ._conv import ConvModule
from ._window import Padding, WindowLayer, require_centers


@dataclasses.dataclass(frozen=True)
class PoolLayer(WindowLayer, shared=True):
    """Pools: each channel keeps to itself, and windows tile unless there is a stride."""

    tiles: ClassVar[bool] = True
    window: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] | None = None
    padding: Padding = "VALID"

    def __post_init__(self) -> None:
        self.check_windows()

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return (*self.locations(shapes[0], where), shapes[0][-1])

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return pool_rule(self, shapes[0], out)


@final
@dataclasses.dataclass(frozen=True)
class WeightedMeanPool(PoolLayer):
    """A trainable depthwise convolution that starts as its center tap: K is unchanged.

    The mean over a window of correlated locations has no uniform q. A depthwise convolution
    with normalized weights (sum of squares 1) can represent that mean and, at Delta
    initialization, keeps q and c values as they are (Martens et al. 2021, weighted mean
    pooling; the Delta start is ours).

    Arguments:
        window: its size (odd), one integer or one for each location axis.
        stride: step between windows; 1 when None.
        padding: "SAME" (zeros), "VALID" or "CIRCULAR", or as many zeros as a pair (low, high)
            says for each location axis.

    Example:
        >>> import kernelc as kc
        >>> kc.WeightedMeanPool(3, stride=2).out_shape([(8, 8, 3)], "pool")
        (4, 4, 3)
    """

    tiles: ClassVar[bool] = False
    window: int | tuple[int, ...] = 3
    padding: Padding = "SAME"

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        out = super().out_shape(shapes, where)
        require_centers(self.over(shapes[0], where), where, "WeightedMeanPool")
        return out

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.mix(inputs[0], CenterTaps(self.over(shapes[0], algebra.site.name)))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(self)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> WeightedMeanPoolModule:
        axes = len(out) - 1
        window = self.windows(axes)
        center = tuple(size // 2 for size in window)
        taps = jnp.zeros((*window, 1, out[-1]), dtype).at[center].set(1)
        return WeightedMeanPoolModule(
            ConvModule(taps, stride=self.steps(axes), padding=self.padding, groups=out[-1])
        )


def pool_rule(layer: WindowLayer, shape: Shape, out: Shape) -> ShapingRule:
    """The weighted mean pool that takes the place of another pool: same shapes, odd window."""
    window, stride = layer.windows(len(out) - 1), layer.steps(len(out) - 1)
    problem = "pooled locations are correlated, so q is not uniform"
    up = tuple(n | 1 for n in window)
    down = tuple(n if n % 2 else n - 1 for n in window)
    candidates: list[tuple[tuple[int, ...], Padding]] = [
        (up, "SAME"),
        (up, "VALID"),
        (down, "VALID"),
        (down, "SAME"),
    ]
    if not isinstance(layer.padding, str):
        wider = zip(layer.padding, window, strict=True)
        candidates.insert(0, (up, tuple((low, high + 1 - n % 2) for (low, high), n in wider)))
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


class WeightedMeanPoolModule(MapModule):
    """A depthwise convolution without bias: every channel has taps of its own, all trained.

    Arguments:
        depthwise: taps of shape (*window, 1, channels), in as many groups as channels.

    Example:
        >>> taps = jnp.full((2, 1, 1), 0.5)
        >>> pool = WeightedMeanPoolModule(ConvModule(taps, stride=(2,), groups=1))
        >>> pool((jnp.arange(4.0).reshape(1, 4, 1),))[0].ravel().tolist()
        [0.5, 2.5]
    """

    depthwise: ConvModule

    def apply(self, x: Array) -> Array:
        return self.depthwise.apply(x)
