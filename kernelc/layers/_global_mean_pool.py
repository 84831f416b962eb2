"""GlobalMeanPool: the mean over all locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule, Window, WindowMean
from ..modules import MapModule, accumulator, as_dtype


@final
@dataclasses.dataclass(frozen=True)
class GlobalMeanPool(Layer):
    """Mean over all locations: q and K become means over all pairs of locations.

    The derived kernel carries the cosine similarity s (`kernel.s`) of two locations of one
    input, as `MeanPool` does.

    Example:
        >>> import kernelc as kc
        >>> kc.GlobalMeanPool().out_shape([(8, 8, 3)], "pool")
        (3,)
    """

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        _check_locations(shapes[0], where)
        return shapes[0][-1:]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        _check_locations(shapes[0], algebra.site.name)
        return algebra.mix(inputs[0], WindowMean(Window.whole(shapes[0][:-1])))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if last:
            return ShapingRule(self)
        return ShapingRule(
            self,
            problem="a mean over all locations comes before a nonlinearity, so q is not uniform",
            remedy="pool after the last nonlinearity",
            possible=False,
        )

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> GlobalMeanPoolModule:
        return GlobalMeanPoolModule()


def _check_locations(shape: Shape, where: str) -> None:
    if len(shape) < 2:
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape}",
            law="GlobalMeanPool needs location axes before the channels",
            remedy="leave it out for vectors",
        )


class GlobalMeanPoolModule(MapModule):
    """The mean over all locations: (batch, *locations, channels) to (batch, channels).

    Raises: ShapeError when the input has no location axis.

    Example:
        >>> GlobalMeanPoolModule()((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[1.5]]
    """

    def apply(self, x: Array) -> Array:
        if x.ndim < 3:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law="a global pool is over at least one location axis",
                remedy="leave the pool out",
            )
        locations = tuple(range(1, x.ndim - 1))
        return as_dtype(jnp.mean(as_dtype(x, accumulator(x.dtype)), locations), x.dtype)
