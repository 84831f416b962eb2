"""StandardisedDense: a matrix whose columns have mean 0 and a fixed variance, also in training."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._dense import biases, check_bias, check_weight, in_their_place
from ._initialisers import gaussian_fan_in
from ._layer import LayerModule, only, require_channels
from ._precision import accumulator, as_dtype, floating


# A sum of some hundred numbers is off by this many units in the last place at most.
_ROUNDING = 64


class StandardisedDense(LayerModule):
    """x @ Ŵ + bias with Ŵ = σ_w/√fan-in · (V − mean V)/√(var V), column by column.

    (Qiao et al. 2019, eq. 5; the scale 1/√fan-in is that of Brock et al. 2021.) V is what is
    trained. Statistics are taken in float32 or better.

    Arguments:
        weight: V, of shape (in, out).
        bias: shape (out,), or None for no bias.
        weight_std: σ_w.
        bias_std: the σ_b that the biases were drawn with.

    Raises: ShapeError for weights of another rank, a fan-in of 1, or a bias of another length.

    Example:
        >>> layer = StandardisedDense(jnp.array([[1.0], [1.0], [3.0], [3.0]]))
        >>> layer((jnp.array([[0.0, 0.0, 1.0, 1.0]]),))[0].round(3).tolist()
        [[1.0]]
    """

    weight: Float[Array, "in out"]
    bias: Float[Array, " out"] | None = None
    weight_std: float = eqx.field(static=True, converter=float, default=1.0)
    bias_std: float = eqx.field(static=True, converter=float, default=0.0)

    def __check_init__(self) -> None:
        check_weight("StandardisedDense", self.weight, (2,))
        check_bias("StandardisedDense", self.weight, self.bias)
        if self.weight.shape[0] < 2:
            raise ShapeError(
                where="StandardisedDense",
                found=f"weights of shape {self.weight.shape}",
                law="one number has no variance, so a fan-in of 1 cannot be standardised",
                remedy="use a Dense layer here, or more input channels",
            )

    @property
    def standardised(self) -> Float[Array, "in out"]:
        """Ŵ, the weights as they are applied."""
        return standardised(self.weight, self.weight_std)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("StandardisedDense", inputs)
        require_channels("StandardisedDense", x, self.weight.shape[0])
        y = x @ self.standardised
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        return in_their_place(self, self.weight_std**2 / self.weight.shape[0], self.bias_std**2)


def standardised_dense(
    key: PRNGKeyArray,
    in_channels: int,
    out_channels: int,
    *,
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    bias: bool = True,
    dtype: Any = "float32",
) -> StandardisedDense:
    """A `StandardisedDense` at initialisation: V Gaussian of variance weight_std²/in.

    Arguments:
        key: randomness.
        in_channels: entries on the last axis of the input.
        out_channels: entries on the last axis of the output.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases at zero.
        bias: whether there are any.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises:
        ShapeError: one input channel.
        UnsupportedError: a dtype that is not floating.

    Example:
        >>> layer = standardised_dense(jax.random.key(0), 4, 8)
        >>> bool(abs(layer.standardised.mean(0)).max() < 1e-6)
        True
    """
    dtype = floating("StandardisedDense: dtype", dtype)
    weight_key, bias_key = jax.random.split(key)
    # The scale of V is lost in Ŵ; it sets how far a step of the optimiser turns V, and is that
    # of Dense so that gradients along V/√(variance of V) are those of the NTK parametrisation.
    weight = gaussian_fan_in(weight_key, in_channels, out_channels, dtype) * weight_std
    drawn = biases(bias_key, out_channels, bias_std, dtype) if bias else None
    return StandardisedDense(weight, drawn, weight_std, bias_std)


def standardised(weight: Array, weight_std: float) -> Array:
    """Ŵ = σ_w/√N · (V − mean V)/√(var V) of each output, over all N numbers it reads.

    Arguments:
        weight: V, outputs on the last axis.
        weight_std: σ_w.
    """
    axes = tuple(range(weight.ndim - 1))
    drawn = as_dtype(weight, accumulator(weight.dtype))
    wide = drawn - jnp.mean(drawn, axes, keepdims=True)
    power = jnp.sum(jnp.square(wide), axes, keepdims=True)
    # What is left of a constant column is rounding, which is not to be blown up.
    limits = jnp.finfo(wide.dtype)
    noise = (_ROUNDING * limits.eps) ** 2 * jnp.sum(jnp.square(drawn), axes, keepdims=True)
    scale = weight_std * jax.lax.rsqrt(jnp.maximum(power, noise + limits.tiny))
    return as_dtype(wide * scale, weight.dtype)
