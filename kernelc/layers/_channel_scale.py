"""ChannelScale: a trained gain for each channel, and a bias."""

from __future__ import annotations

import dataclasses
from typing import final

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ..ir import Real, Shape, Shapes
from ..modules import MapModule, require_channels
from ._fields import boolean, numeric
from ._gain_layer import GainLayer


@final
@dataclasses.dataclass(frozen=True)
class ChannelScale(GainLayer):
    """Each channel times a trained gain: K <- value^2 K, Theta <- value^2 Theta.

    LayerScale (Touvron et al. 2021). As in the norms, gains and biases count among the
    parameters that the limit of infinite width holds fixed: they add nothing to the NTK.

    Arguments:
        value: what all gains start at; a number or a SymPy symbol.
        bias: whether a bias is trained for each channel, which starts at 0.

    Raises:
        GraphError: a value that is not finite.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> kc.derive(kc.Network(x, kc.chain(kc.Dense(9), kc.ChannelScale(0.5))(x))).q_map
        q/4
    """

    value: Real = 1.0
    bias: bool = False

    problem = "gains of {} change q"
    remedy = "start them at 1"

    def __post_init__(self) -> None:
        super().__post_init__()
        boolean("ChannelScale", "bias", self.bias)

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> ChannelScaleModule:
        value = numeric("ChannelScale", "value", self.value)
        bias = jnp.zeros(out[-1], dtype) if self.bias else None
        return ChannelScaleModule(jnp.full(out[-1], value, dtype), bias)


class ChannelScaleModule(MapModule):
    """gain · x + bias, channel by channel.

    Arguments:
        gain: (channels,).
        bias: (channels,); None for none.

    Raises: ShapeError for other than len(gain) channels.

    Example:
        >>> ChannelScaleModule(jnp.array([2.0, 3.0]))((jnp.ones((1, 2)),))[0].tolist()
        [[2.0, 3.0]]
    """

    gain: Float[Array, " channels"]
    bias: Float[Array, " channels"] | None = None

    def apply(self, x: Array) -> Array:
        require_channels(self.kind, x, self.gain.shape[0])
        y = x * self.gain
        return y if self.bias is None else y + self.bias
