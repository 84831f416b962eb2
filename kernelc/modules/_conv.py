"""Conv: a convolution in one to three dimensions, channels last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._errors import ShapeError
from ._dense import biases, check_bias, check_weight, in_their_place
from ._initialisers import BiasKind, Kind, initialise
from ._layer import LayerModule, only, require_channels
from ._window import Padding, check_locations, check_window, sizes, wrap


# Letters of the location axes in XLA's dimension numbers.
_LOCATIONS = {1: "H", 2: "HW", 3: "DHW"}


class Conv(LayerModule):
    """A convolution of (batch, *locations, in) with (*window, in/groups, out), plus a bias.

    The weight carries its whole scale σ_w/√fan-in. The kernel is not flipped, as is usual in
    machine learning. SAME pads with zeros and CIRCULAR with the other end of the input, both
    to ceil(n / stride) output locations.

    Arguments:
        weight: shape (*window, in/groups, out), with one to three window axes.
        bias: shape (out,), or None for no bias.
        stride: one step for each location axis.
        padding: "SAME", "VALID" or "CIRCULAR".
        groups: channels are split into this many contiguous blocks that do not mix.
        weight_std, bias_std: the σ_w and σ_b that the parameters were drawn with.
        delta: whether only the centre tap was drawn, and the others started at zero.

    Raises: ShapeError for parameters, strides or groups that do not fit together.

    Example:
        >>> layer = Conv(jax.numpy.ones((3, 1, 2)), stride=(2,))
        >>> layer((jax.numpy.ones((1, 4, 1)),))[0].shape
        (1, 2, 2)
    """

    weight: Float[Array, "*window in_per_group out"]
    bias: Float[Array, " out"] | None
    stride: tuple[int, ...] = eqx.field(static=True)
    padding: Padding = eqx.field(static=True)
    groups: int = eqx.field(static=True)
    weight_std: float = eqx.field(static=True)
    bias_std: float = eqx.field(static=True)
    delta: bool = eqx.field(static=True)

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
        delta: bool = False,
    ) -> None:
        check_weight("Conv", weight, (3, 4, 5))
        check_bias("Conv", weight, bias)
        window = weight.shape[:-2]
        self.weight, self.bias = weight, bias
        self.stride = sizes((1,) * len(window) if stride is None else stride)
        self.padding, self.groups = padding, int(groups)
        self.weight_std, self.bias_std = float(weight_std), float(bias_std)
        self.delta = bool(delta)
        check_window("Conv", window, self.stride, padding)
        if self.groups < 1 or weight.shape[-1] % self.groups:
            raise ShapeError(
                where="Conv",
                found=f"{weight.shape[-1]} output channels in {groups} groups",
                law="groups divide the channels on both sides",
                remedy="choose groups that divide both",
            )

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Conv", inputs)
        y = convolved("Conv", x, self.weight, self.stride, self.padding, self.groups)
        return (y if self.bias is None else y + self.bias), state

    def parameter_variances(self) -> PyTree:
        window, fan_in = self.weight.shape[:-2], self.weight.shape[-2]
        taps = np.full((*window, 1, 1), self.weight_std**2 / (fan_in * math.prod(window)))
        if self.delta:
            taps = np.zeros_like(taps)
            taps[tuple(size // 2 for size in window)] = self.weight_std**2 / fan_in
        return in_their_place(self, taps, self.bias_std**2)


def conv(
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
    delta: bool = True,
    init: Kind = "gaussian",
    bias: bool = True,
    bias_init: BiasKind = "gaussian",
    dtype: Any = "float32",
) -> Conv:
    """A `Conv` at initialisation: q values are multiplied by weight_std², then bias_std² added.

    Arguments:
        key: randomness.
        in_channels: input channels.
        out_channels: output channels.
        window: one size for each location axis; odd with `delta`.
        stride, padding, groups: see `Conv`.
        weight_std: σ_w.
        bias_std: σ_b; 0 starts the biases, which are trained all the same, at zero.
        delta, init: see `initialise`.
        bias: whether there are biases.
        bias_init: how biases are drawn: see `unit_draw`.
        dtype: dtype of the parameters.

    Returns: the layer.

    Raises: as `Conv` and `initialise`.

    Example:
        >>> conv(jax.random.key(0), 3, 8, window=(3, 3)).weight.shape
        (3, 3, 3, 8)
    """
    weight_key, bias_key = jax.random.split(key)
    weight = initialise(init, weight_key, window, in_channels, out_channels, groups, delta, dtype)
    drawn = biases(bias_key, out_channels, bias_std, weight.dtype, bias_init) if bias else None
    return Conv(
        weight * weight_std,
        drawn,
        stride=stride,
        padding=padding,
        groups=groups,
        weight_std=weight_std,
        bias_std=bias_std,
        delta=delta,
    )


def convolved(
    kind: str, x: Array, weight: Array, stride: tuple[int, ...], padding: Padding, groups: int
) -> Array:
    """The convolution of (batch, *locations, in) with (*window, in/groups, out).

    Raises: ShapeError for an input of another rank or number of channels.
    """
    window = weight.shape[:-2]
    check_locations(kind, x, window, padding)
    require_channels(kind, x, weight.shape[-2] * groups)
    x, padded = wrap(x, window, stride, padding)
    letters = _LOCATIONS[len(window)]
    return lax.conv_general_dilated(
        x,
        weight,
        stride,
        padded,
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=groups,
    )
