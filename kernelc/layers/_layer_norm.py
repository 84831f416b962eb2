"""LayerNorm: unit q for every example."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from .._errors import ShapeError, shown
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ..modules import MapModule, accumulator, as_dtype, require_channels
from ._fields import boolean, finite_number


@final
@dataclasses.dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer norm: q -> 1, c unchanged for a value of zero mean; RMS norm when not centered.

    A value of channel mean m loses it first: K <- (K - m^2) / (q - m^2).

    Arguments:
        axis: -1 for channels (each location by itself), "all" for locations and channels.
        center: whether to subtract the mean; False is RMS norm.
        eps: guard against division by zero in the finite layer. `derive` leaves it out, and
            `kernel_fn` too: the kernel of a location that is zero is 0, as in the finite layer.
        affine: whether a gain and a bias are trained.

    Example:
        >>> import kernelc as kc
        >>> kc.LayerNorm(center=False).text()
        'LayerNorm(center=False)'
    """

    axis: int | str = -1
    center: bool = True
    eps: float = 1e-6
    affine: bool = True

    def __post_init__(self) -> None:
        if type(self.axis) not in (int, str) or self.axis not in (-1, "all"):
            raise ShapeError(
                where="LayerNorm",
                found=f"axis = {shown(self.axis)}",
                law="layer norm is over the channels (-1) or over all axes of an example ('all')",
                remedy="choose one of the two",
            )
        finite_number("LayerNorm", "eps", self.eps, minimum=0, symbol=False)
        for field in ("center", "affine"):
            boolean("LayerNorm", field, getattr(self, field))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.normalize(inputs[0], self.center, self.axis == "all" and len(shapes[0]) > 1)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(None)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LayerNormModule:
        axes = 1 if self.axis == -1 else len(out)
        gain = jnp.ones(out[-1], dtype) if self.affine else None
        bias = jnp.zeros(out[-1], dtype) if self.affine else None
        return LayerNormModule(gain, bias, axes, self.center, self.eps)


class LayerNormModule(MapModule):
    """gain · (x − mean)/√(var + eps) + bias over trailing axes (Ba et al. 2016).

    Without centering it is RMS norm, gain · x/√(mean x² + eps) + bias. Statistics are taken in
    float32 or better.

    Arguments:
        gain: shape (channels,), one for each channel whatever the axes; None for none.
        bias: shape (channels,); None for none.
        axes: how many trailing axes to normalize over: 1 for every location by itself, all
            but the batch for a whole example.
        center: whether to subtract the mean.
        eps: what keeps constant inputs finite.

    Raises: ShapeError when there are not as many axes, or other than len(gain) channels.

    Example:
        >>> LayerNormModule(eps=0.0)((jnp.array([[3.0, 5.0]]),))[0].tolist()
        [[-1.0, 1.0]]
    """

    gain: Float[Array, " channels"] | None = None
    bias: Float[Array, " channels"] | None = None
    axes: int = eqx.field(static=True, default=1)
    center: bool = eqx.field(static=True, default=True)
    eps: float = eqx.field(static=True, converter=float, default=1e-6)

    def apply(self, x: Array) -> Array:
        for parameter in (self.gain, self.bias):
            if parameter is not None:
                require_channels(self.kind, x, parameter.shape[0])
        if not 1 <= self.axes < x.ndim:
            raise ShapeError(
                where=self.kind,
                found=f"{self.axes} axes of an input of shape {x.shape}",
                law="normalization is over at least one axis and never over the batch",
                remedy=f"give axes from 1 to {x.ndim - 1}",
            )
        over = tuple(range(-self.axes, 0))
        wide = as_dtype(x, accumulator(x.dtype))
        if self.center:
            wide = wide - jnp.mean(wide, over, keepdims=True)
        power = jnp.mean(jnp.square(wide), over, keepdims=True)
        y = as_dtype(wide * jax.lax.rsqrt(power + self.eps), x.dtype)
        y = y if self.gain is None else y * self.gain
        return y if self.bias is None else y + self.bias
