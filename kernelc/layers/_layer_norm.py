"""LayerNorm: unit q for every example."""

from __future__ import annotations

import dataclasses
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from .._errors import ShapeError
from ..ir import Shape, Shapes
from ..modules import MapModule, accumulator, as_dtype, require_channels
from ._fields import boolean
from ._norm_layer import NormLayer


@final
@dataclasses.dataclass(frozen=True)
class LayerNorm(NormLayer):
    """Layer norm: q -> 1, c unchanged for a value of zero mean; RMS norm when not centered.

    A value of channel mean m loses it first: K <- (K - m^2) / (q - m^2).

    Arguments:
        axis: -1 for channels (each location by itself), "all" for locations and channels.
        center: whether to subtract the mean; False is RMS norm (`RMSNorm` has no bias).
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
        super().__post_init__()
        boolean("LayerNorm", "center", self.center)

    @property
    def subtracts_mean(self) -> bool:
        return self.center

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LayerNormModule:
        bias = jnp.zeros(out[-1], dtype) if self.affine else None
        gain = self.trained_gain(out, dtype)
        return LayerNormModule(gain, bias, self.axes(out), self.center, self.eps)


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
