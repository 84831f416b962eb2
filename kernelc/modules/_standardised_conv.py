"""StandardisedConv: filters with mean 0 and a fixed variance over window and channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._conv import convolved
from ._dense import biases, check_bias, check_weight, in_their_place
from ._initialisers import initialise
from ._layer import LayerModule, only
from ._precision import floating
from ._standardised_dense import standardised
from ._window import Padding, check_window, sizes


class StandardisedConv(LayerModule):
    """A convolution with Ŵ = σ_w/√fan-in · (V − mean V)/√(var V), filter by filter.

    (Qiao et al. 2019, eq. 5; the scale 1/√fan-in is that of Brock et al. 2021.) V is what is
    trained. Statistics are taken over window and input channels, in float32 or better.

    Arguments:
        weight: V, of shape (*window, in/groups, out), with one to three window axes.
        bias: shape (out,), or None for no bias.
        stride: one step for each location axis.
        padding: "SAME", "VALID" or "CIRCULAR".
        groups: channels are split into this many contiguous blocks that do not mix.
        weight_std: σ_w.
        bias_std: the σ_b that the biases were drawn with.

    Raises: ShapeError for parameters or strides that do not fit together, or a fan-in of 1.

    Example:
        >>> weight = jax.random.normal(jax.random.key(0), (3, 2, 5))
        >>> layer = StandardisedConv(weight, stride=(2,))
        >>> layer((jax.numpy.ones((1, 4, 2)),))[0].shape
        (1, 2, 5)
    """

    weight: Float[Array, "*window in_per_group out"]
    bias: Float[Array, " out"] | None
    stride: tuple[int, ...] = eqx.field(static=True)
    padding: Padding = eqx.field(static=True)
    groups: int = eqx.field(static=True)
    weight_std: float = eqx.field(static=True)
    bias_std: float = eqx.field(static=True)

    def __init__(
        self,
        weight: Float[Array, "*window in_per_group out"],
        bias: Float[Array, " out"] | None = None,
        *,
        stride: Sequence[int] | None = None,
        padding: Padding = "SAME",
        groups: int = 1,
        weight_std: float = 1.0,
        bias_std: float = 0.0,
    ) -> None:
        check_weight("StandardisedConv", weight, (3, 4, 5))
        check_bias("StandardisedConv", weight, bias)
        window = weight.shape[:-2]
        self.weight, self.bias = weight, bias
        self.stride = sizes((1,) * len(window) if stride is None else stride)
        self.padding, self.groups = padding, int(groups)
        self.weight_std, self.bias_std = float(weight_std), float(bias_std)
        check_window("StandardisedConv", window, self.stride, padding)
        if math.prod(weight.shape[:-1]) < 2:
            raise ShapeError(
                where="StandardisedConv",
                found=f"weights of shape {weight.shape}",
                law="one number has no variance, so a fan-in of 1 cannot be standardised",
                remedy="use a Conv layer here, a wider window, or more input channels",
            )

    @property
    def standardised(self) -> Float[Array, "*window in_per_group out"]:
        """Ŵ, the weights as they are applied."""
        return standardised(self.weight, self.weight_std)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x, weight = only("StandardisedConv", inputs), self.standardised
        y = convolved("StandardisedConv", x, weight, self.stride, self.padding, self.groups)
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        fan_in = math.prod(self.weight.shape[:-1])
        return in_their_place(self, self.weight_std**2 / fan_in, self.bias_std**2)


def standardised_conv(
    key: PRNGKeyArray,
    in_channels: int,
    out_channels: int,
    *,
    window: Sequence[int],
    stride: Sequence[int] | None = None,
    padding: Padding = "SAME",
    groups: int = 1,
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    bias: bool = True,
    dtype: Any = "float32",
) -> StandardisedConv:
    """A `StandardisedConv` at initialization: V Gaussian of variance weight_std²/fan-in.

    Arguments:
        key: randomness.
        in_channels, out_channels: entries on the last axis of input and output.
        window: one size for each location axis.
        stride, padding, groups: see `StandardisedConv`.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases at zero.
        bias: whether there are any.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises:
        ShapeError: a fan-in of 1, sizes that do not fit.
        UnsupportedError: a dtype that is not floating.

    Example:
        >>> layer = standardised_conv(jax.random.key(0), 4, 8, window=(3, 3))
        >>> bool(abs(layer.standardised.mean((0, 1, 2))).max() < 1e-6)
        True
    """
    dtype = floating("StandardisedConv: dtype", dtype)
    weight_key, bias_key = jax.random.split(key)
    weight = initialise(
        "gaussian", weight_key, window, in_channels, out_channels, groups, False, dtype
    )
    drawn = biases(bias_key, out_channels, bias_std, dtype) if bias else None
    return StandardisedConv(
        weight * weight_std,
        drawn,
        stride=stride,
        padding=padding,
        groups=groups,
        weight_std=weight_std,
        bias_std=bias_std,
    )
