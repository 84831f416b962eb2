"""LayerNorm: normalisation of each example by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .._errors import ShapeError
from ._layer import LayerModule, only, require_channels
from ._precision import accumulator, as_dtype, floating


class LayerNorm(LayerModule):
    """gain · (x − mean)/√(var + eps) + bias over trailing axes (Ba et al. 2016).

    Without centring it is RMS norm, gain · x/√(mean x² + eps) + bias. Statistics are taken in
    float32 or better.

    Arguments:
        gain: shape (channels,), one for each channel whatever the axes; None for none.
        bias: shape (channels,); None for none.
        axes: how many trailing axes to normalise over: 1 for every location by itself, all
            but the batch for a whole example.
        center: whether to subtract the mean.
        eps: what keeps constant inputs finite.

    Raises: ShapeError when there are not as many axes, or other than len(gain) channels.

    Example:
        >>> LayerNorm(eps=0.0)((jnp.array([[3.0, 5.0]]),))[0].tolist()
        [[-1.0, 1.0]]
    """

    gain: Float[Array, " channels"] | None = None
    bias: Float[Array, " channels"] | None = None
    axes: int = eqx.field(static=True, default=1)
    center: bool = eqx.field(static=True, default=True)
    eps: float = eqx.field(static=True, converter=float, default=1e-6)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("LayerNorm", inputs)
        for parameter in (self.gain, self.bias):
            if parameter is not None:
                require_channels("LayerNorm", x, parameter.shape[0])
        if not 1 <= self.axes < x.ndim:
            raise ShapeError(
                where="LayerNorm",
                found=f"{self.axes} axes of an input of shape {x.shape}",
                law="normalisation is over at least one axis and never over the batch",
                remedy=f"give axes from 1 to {x.ndim - 1}",
            )
        over = tuple(range(-self.axes, 0))
        wide = as_dtype(x, accumulator(x.dtype))
        if self.center:
            wide = wide - jnp.mean(wide, over, keepdims=True)
        power = jnp.mean(jnp.square(wide), over, keepdims=True)
        y = as_dtype(wide * jax.lax.rsqrt(power + self.eps), x.dtype)
        y = y if self.gain is None else y * self.gain
        return (y if self.bias is None else y + self.bias), state


def layer_norm(
    shape: Sequence[int],
    *,
    axes: int = 1,
    center: bool = True,
    eps: float = 1e-6,
    affine: bool = True,
    dtype: Any = "float32",
) -> LayerNorm:
    """A `LayerNorm` with gains one and biases zero.

    Arguments:
        shape: shape of one example, (*locations, channels).
        axes, center, eps: see `LayerNorm`.
        affine: whether there are a gain and a bias to train.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises:
        ShapeError: axes that an example does not have.
        UnsupportedError: a dtype that is not floating.

    Example:
        >>> layer_norm((8, 8, 3), axes=3).gain.shape
        (3,)
    """
    if not 1 <= axes <= len(shape):
        raise ShapeError(
            where="LayerNorm",
            found=f"{axes} axes of an example of shape {tuple(shape)}",
            law="normalisation is over at least one axis and never over the batch",
            remedy=f"give axes from 1 to {len(shape)}",
        )
    dtype = floating("LayerNorm: dtype", dtype)
    gain = jnp.ones(shape[-1], dtype) if affine else None
    bias = jnp.zeros(shape[-1], dtype) if affine else None
    return LayerNorm(gain, bias, axes, center, eps)
