"""Resize: more locations, by repetition or linear interpolation."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Literal, final, get_args

import equinox as eqx
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError, shown
from .._limits import LARGEST_AXIS, whole
from ..ir import Interpolated, KernelAlgebra, Layer, S, Selected, Shape, Shapes, ShapingRule
from ..modules import MapModule, accumulator, as_dtype
from ._fields import one_of
from ._window import Sizes


Method = Literal["nearest", "linear", "linear_corners"]


@final
@dataclasses.dataclass(frozen=True)
class Resize(Layer):
    """`factor` locations for each that comes in: K <- R K R^T with the matrix R of the method.

    Arguments:
        factor: one integer, or one for each location axis.
        method: "nearest" repeats each location (`torch.nn.Upsample`, `jax.image.resize`); "linear"
            interpolates along each axis, with each location in the middle of those that come out
            for it (bilinear, align_corners=False); "linear_corners" with the first and last
            locations at the ends (align_corners=True).

    Raises:
        ShapeError: a factor that is no positive integer; in a network, an input without locations,
            or one factor too many or too few.
        GraphError: an unknown method.

    Example:
        >>> import kernelc as kc
        >>> kc.Resize(2).out_shape([(4, 4, 3)], "up")
        (8, 8, 3)
    """

    factor: int | tuple[int, ...]
    method: Method = "nearest"

    def __post_init__(self) -> None:
        one_of("Resize", "method", self.method, get_args(Method))
        value = self.factor
        given = isinstance(value, list | tuple)
        factor = tuple(map(whole, value)) if given else whole(value)
        sizes = factor if isinstance(factor, tuple) else (factor,)
        if not sizes or any(type(n) is not int or not 1 <= n <= LARGEST_AXIS for n in sizes):
            raise ShapeError(
                where="Resize",
                found=f"factor = {shown(value)}",
                law="factor is a positive integer, or one for each location axis",
                remedy="give a factor such as 2",
            )
        object.__setattr__(self, "factor", factor)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        *sizes, channels = shapes[0]
        factors = _each(self.factor, len(sizes))
        if not sizes or len(factors) != len(sizes):
            raise ShapeError(
                where=where,
                found=f"factor = {self.factor} on an input of shape {shapes[0]}",
                law="an input has location axes, and factor is one integer or one for each",
                remedy="give the input locations, and one factor for each axis",
            )
        return (*(n * factor for n, factor in zip(sizes, factors, strict=True)), channels)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        sizes = shapes[0][:-1]
        factors = _each(self.factor, len(sizes))
        if self.method == "nearest":
            places = zip(sizes, factors, strict=True)
            picked = tuple(tuple(i // f for i in range(n * f)) for n, f in places)
            return algebra.mix(inputs[0], Selected(sizes, picked))
        return algebra.mix(inputs[0], Interpolated(sizes, factors, self.method == "linear_corners"))

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.method == "nearest" or last:
            return ShapingRule(self)
        return ShapingRule(
            dataclasses.replace(self, method="nearest"),
            problem="interpolated locations are correlated, so q is not uniform",
            remedy='use method="nearest"',
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ResizeModule:
        return ResizeModule(_each(self.factor, len(out) - 1), self.method)


def _each(factor: Sizes, axes: int) -> tuple[int, ...]:
    return factor if isinstance(factor, tuple) else (factor,) * axes


class ResizeModule(MapModule):
    """(batch, *locations, channels) with factors[i] times the locations along axis i.

    Arguments:
        factors: one for each location axis.
        method: "nearest", "linear" or "linear_corners".

    Raises: ShapeError for an input with another number of location axes.

    Example:
        >>> ResizeModule((2,), "linear")((jnp.array([[[0.0], [4.0]]]),))[0].ravel().tolist()
        [0.0, 1.0, 3.0, 4.0]
    """

    factors: tuple[int, ...] = eqx.field(static=True)
    method: Method = eqx.field(static=True, default="nearest")

    def apply(self, x: Array) -> Array:
        if x.ndim != len(self.factors) + 2:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape} for {len(self.factors)} factors",
                law="inputs are (batch, *locations, channels), with one factor for each location "
                "axis",
                remedy="give one factor for each location axis",
            )
        if self.method == "nearest":
            for axis, factor in enumerate(self.factors, 1):
                x = jnp.repeat(x, factor, axis)
            return x
        means = Interpolated(x.shape[1:-1], self.factors, self.method == "linear_corners")
        wide = as_dtype(x, accumulator(x.dtype))
        for i in range(len(self.factors)):
            weights = jnp.asarray(means.along(i), wide.dtype)
            moved = jnp.tensordot(wide, weights, (i + 1, 1), precision="highest")
            wide = jnp.moveaxis(moved, -1, i + 1)
        return as_dtype(wide, x.dtype)
