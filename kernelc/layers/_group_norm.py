"""GroupNorm: unit q for each group of channels, over all locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ..modules import MapModule, accumulator, as_dtype, require_channels
from ._fields import boolean, finite_number, groups_that_divide, positive_integers


@final
@dataclasses.dataclass(frozen=True)
class GroupNorm(Layer):
    """Group norm: layer norm over the locations and channels of each group (Wu & He 2018).

    The kernel is that of `LayerNorm("all")`, the limit of many channels in each group: finite
    groups of n channels differ from it by terms of order 1/n. Instance norm, whose groups hold one
    channel, is a quotient of sums over locations alone. Its kernel has no closed form and is
    refused; the finite layer is exact.

    Arguments:
        groups: how many groups of consecutive channels; as many as there are channels for
            instance norm.
        eps: guard against division by zero in the finite layer, as in `LayerNorm`.
        affine: whether a gain and a bias are trained for each channel.

    Raises:
        ShapeError: groups that are no positive integer, or in a network do not divide the channels.
        GraphError: an eps that is negative or not finite.
        UnsupportedError: on deriving, one channel in each group.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((6, 6, 3))
        >>> block = kc.chain(kc.Conv(64, weight_std=3.0), kc.GroupNorm(8))
        >>> kc.derive(kc.Network(x, block(x))).q_map
        1
    """

    groups: int
    eps: float = 1e-6
    affine: bool = True

    def __post_init__(self) -> None:
        positive_integers(self, "groups")
        finite_number("GroupNorm", "eps", self.eps, minimum=0, symbol=False)
        boolean("GroupNorm", "affine", self.affine)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        groups_that_divide(self.groups, shapes[0], where)
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        if shapes[0][-1] == self.groups:
            return algebra.unsupported(
                inputs,
                "a group of one channel is normalized by sums over locations alone, a quotient "
                "without a closed kernel",
                "use groups of many channels, or LayerNorm('all')",
            )
        over_locations = len(shapes[0]) > 1
        return algebra.each_group(
            inputs[0], self.groups, lambda group: algebra.normalize(group, True, over_locations)
        )

    def kernel_key(self, shapes: Shapes) -> tuple[GroupNorm, bool]:
        return self, shapes[0][-1] == self.groups

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(None)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> GroupNormModule:
        gain = jnp.ones(out[-1], dtype) if self.affine else None
        bias = jnp.zeros(out[-1], dtype) if self.affine else None
        return GroupNormModule(self.groups, gain, bias, self.eps)


class GroupNormModule(MapModule):
    """gain · (x − mean)/√(var + eps) + bias, moments over locations and channels of a group.

    Moments are taken in float32 or better.

    Arguments:
        groups: how many groups of consecutive channels.
        gain, bias: (channels,); None for none.
        eps: what keeps constant inputs finite.

    Raises: ShapeError when the groups do not divide the channels, or for other than len(gain)
        channels.

    Example:
        >>> GroupNormModule(2, eps=0.0)((jnp.array([[3.0, 5.0, 0.0, 8.0]]),))[0].tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int = eqx.field(static=True)
    gain: Float[Array, " channels"] | None = None
    bias: Float[Array, " channels"] | None = None
    eps: float = eqx.field(static=True, converter=float, default=1e-6)

    def apply(self, x: Array) -> Array:
        for parameter in (self.gain, self.bias):
            if parameter is not None:
                require_channels(self.kind, x, parameter.shape[0])
        groups_that_divide(self.groups, x.shape, self.kind)
        wide = as_dtype(x, accumulator(x.dtype))
        wide = wide.reshape(x.shape[0], -1, self.groups, x.shape[-1] // self.groups)
        wide = wide - jnp.mean(wide, (1, 3), keepdims=True)
        power = jnp.mean(jnp.square(wide), (1, 3), keepdims=True)
        y = as_dtype((wide * jax.lax.rsqrt(power + self.eps)).reshape(x.shape), x.dtype)
        y = y if self.gain is None else y * self.gain
        return y if self.bias is None else y + self.bias
