"""ChannelScale: a trained gain for each channel, and a bias."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ..ir import KernelAlgebra, Layer, Real, S, Shape, Shapes, ShapingRule
from ..modules import MapModule, require_channels
from ._fields import boolean, finite_number, numeric


@final
@dataclasses.dataclass(frozen=True)
class ChannelScale(Layer):
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", finite_number("ChannelScale", "value", self.value))
        boolean("ChannelScale", "bias", self.bias)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.weighted_sum(inputs, (self.value,))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.value in (1, -1):
            return ShapingRule(self)
        return ShapingRule(
            dataclasses.replace(self, value=1.0),
            problem=f"gains of {self.value} change q",
            remedy="start them at 1",
        )

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
