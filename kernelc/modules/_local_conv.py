"""LocalConv: a convolution whose weights differ between locations, channels last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._dense import biases, in_their_place
from ._initialisers import BiasKind, Kind, initialise
from ._layer import LayerModule, only, require_channels
from ._window import Padding, check_locations, check_window, sizes, wrap


# Letters of the location axes in XLA's dimension numbers.
_LOCATIONS = {1: "H", 2: "HW", 3: "DHW"}


class LocalConv(LayerModule):
    """Every output location has a matrix and a bias of its own for the window it reads.

    The weight carries its whole scale σ_w/√fan-in. SAME pads with zeros and CIRCULAR with the
    other end of the input, both to ceil(n / stride) output locations.

    Arguments:
        weight: shape (*outputs, *window, in, out), as many output locations as window axes.
        bias: shape (*outputs, out), or None for no bias.
        stride: one step for each location axis.
        padding: "SAME", "VALID" or "CIRCULAR".
        weight_std, bias_std: the σ_w and σ_b that the parameters were drawn with.

    Raises: ShapeError for parameters or strides that do not fit together.

    Example:
        >>> layer = LocalConv(jnp.arange(4.0).reshape(4, 1, 1, 1))
        >>> layer((jnp.ones((1, 4, 1)),))[0].ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """

    weight: Float[Array, "*outputs_window in out"]
    bias: Float[Array, "*outputs out"] | None
    stride: tuple[int, ...] = eqx.field(static=True)
    padding: Padding = eqx.field(static=True)
    weight_std: float = eqx.field(static=True)
    bias_std: float = eqx.field(static=True)

    def __init__(
        self,
        weight: Float[Array, "*outputs_window in out"],
        bias: Float[Array, "*outputs out"] | None = None,
        *,
        stride: Sequence[int] | None = None,
        padding: Padding = "SAME",
        weight_std: float = 1.0,
        bias_std: float = 0.0,
    ) -> None:
        _check(weight, bias)
        rank = (weight.ndim - 2) // 2
        self.weight, self.bias = weight, bias
        self.stride = sizes((1,) * rank if stride is None else stride)
        self.padding = padding
        self.weight_std, self.bias_std = float(weight_std), float(bias_std)
        check_window("LocalConv", self.window, self.stride, padding)

    @property
    def outputs(self) -> tuple[int, ...]:
        """Sizes of the output's location axes."""
        return self.weight.shape[: (self.weight.ndim - 2) // 2]

    @property
    def window(self) -> tuple[int, ...]:
        """Sizes of a window."""
        return self.weight.shape[(self.weight.ndim - 2) // 2 : -2]

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("LocalConv", inputs)
        window, channels, out = self.window, *self.weight.shape[-2:]
        check_locations("LocalConv", x, window, self.padding)
        require_channels("LocalConv", x, channels)
        self._check_outputs(x)
        x, padding = wrap(x, window, self.stride, self.padding)
        rank = len(window)
        # XLA lists what an output reads channel by channel, each with all its taps.
        weight = jnp.moveaxis(self.weight, -2, rank)
        letters = _LOCATIONS[rank]
        y = lax.conv_general_dilated_local(
            x,
            weight.reshape(*self.outputs, channels * math.prod(window), out),
            self.stride,
            padding,
            window,
            dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        )
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        fan_in = math.prod(self.window) * self.weight.shape[-2]
        return in_their_place(self, self.weight_std**2 / fan_in, self.bias_std**2)

    def _check_outputs(self, x: Array) -> None:
        places = zip(x.shape[1:-1], self.window, self.stride, strict=True)
        valid = self.padding == "VALID"
        found = tuple((n - w) // s + 1 if valid else -(-n // s) for n, w, s in places)
        if found != self.outputs:
            raise ShapeError(
                where="LocalConv",
                found=f"an input of shape {x.shape}, which has {found} windows",
                law=f"this layer has weights for {self.outputs} windows",
                remedy="build the layer for the locations it will see",
            )


def local_conv(
    key: PRNGKeyArray,
    in_channels: int,
    out_channels: int,
    *,
    outputs: Sequence[int],
    window: Sequence[int],
    stride: Sequence[int] | None = None,
    padding: Padding = "SAME",
    weight_std: float = 1.0,
    bias_std: float = 0.0,
    init: Kind = "gaussian",
    bias: bool = True,
    bias_init: BiasKind = "gaussian",
    dtype: Any = "float32",
) -> LocalConv:
    """A `LocalConv` at initialisation: the mean of q over a window times weight_std², + bias_std².

    Arguments:
        key: randomness.
        in_channels: input channels.
        out_channels: output channels.
        outputs: sizes of the output's location axes.
        window: one size for each location axis.
        stride, padding: see `LocalConv`.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases, which are trained all the same, at zero.
        init: see `initialise`; locations are drawn independently.
        bias: whether there are biases.
        bias_init: how biases are drawn: see `unit_draw`.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises: as `LocalConv` and `initialise`.

    Example:
        >>> local_conv(jax.random.key(0), 3, 8, outputs=(4, 4), window=(2, 2)).weight.shape
        (4, 4, 2, 2, 3, 8)
    """
    outputs, window = sizes(outputs), sizes(window)
    weight_key, bias_key = jax.random.split(key)
    keys = jax.random.split(weight_key, math.prod(outputs))
    weight = jax.vmap(
        lambda each: initialise(init, each, window, in_channels, out_channels, dtype=dtype)
    )(keys)
    weight = weight.reshape(*outputs, *weight.shape[1:])
    drawn = None
    if bias:
        count = math.prod(outputs) * out_channels
        drawn = biases(bias_key, count, bias_std, weight.dtype, bias_init).reshape(
            *outputs, out_channels
        )
    return LocalConv(
        weight * weight_std,
        drawn,
        stride=stride,
        padding=padding,
        weight_std=weight_std,
        bias_std=bias_std,
    )


def _check(weight: Array, bias: Array | None) -> None:
    if weight.ndim not in (4, 6, 8):
        raise ShapeError(
            where="LocalConv",
            found=f"weights of shape {weight.shape}",
            law="weights are (*outputs, *window, in, out), one to three axes of each",
            remedy="reshape the weights, or use another layer",
        )
    wanted = (*weight.shape[: (weight.ndim - 2) // 2], weight.shape[-1])
    if bias is not None and bias.shape != wanted:
        raise ShapeError(
            where="LocalConv",
            found=f"a bias of shape {bias.shape} for weights of shape {weight.shape}",
            law="there is one bias for each output channel of each location",
            remedy=f"give the bias the shape {wanted}",
        )
