"""ChannelShuffle: channels of all groups take turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import MapModule
from ._fields import groups_that_divide, positive_integers


@final
@dataclasses.dataclass(frozen=True)
class ChannelShuffle(Layer):
    """The first channel of each group, then the second, ... (Zhang et al. 2018): K <- K.

    A value and itself shuffled have other weights at one channel, so that they are independent.
    Channels that differ, as those of a concatenation, are not followed one by one: behind the
    shuffle a layer of weights is exact, and an activation or a slice is refused.

    Arguments:
        groups: how many groups of consecutive channels.

    Raises:
        ShapeError: groups that are no positive integer, or in a network do not divide the channels.

    Example:
        >>> import jax, jax.numpy as jnp, kernelc as kc
        >>> layer = kc.ChannelShuffle(2)
        >>> module = layer.module([(6,)], (6,), jax.random.key(0), "float32")
        >>> module((jnp.arange(6.0)[None],))[0].tolist()
        [[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]]
    """

    groups: int

    def __post_init__(self) -> None:
        positive_integers(self, "groups")

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        groups_that_divide(self.groups, shapes[0], where)
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        order = np.arange(shapes[0][-1]).reshape(self.groups, -1).T
        return algebra.channels(inputs[0], order.ravel().tolist())

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self, shapes[0][-1]

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> ChannelShuffleModule:
        return ChannelShuffleModule(self.groups)


class ChannelShuffleModule(MapModule):
    """Channels (groups, n) of (batch, *locations, groups · n), transposed.

    Arguments:
        groups: how many groups of consecutive channels.

    Raises: ShapeError when the groups do not divide the channels.

    Example:
        >>> import jax.numpy as jnp
        >>> ChannelShuffleModule(2)((jnp.arange(4.0)[None],))[0].tolist()
        [[0.0, 2.0, 1.0, 3.0]]
    """

    groups: int = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        groups_that_divide(self.groups, x.shape, self.kind)
        apart = x.reshape(*x.shape[:-1], self.groups, x.shape[-1] // self.groups)
        return apart.swapaxes(-1, -2).reshape(x.shape)
