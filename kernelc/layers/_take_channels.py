"""TakeChannels: some of the channels, as a split or chunk takes them."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import MapModule
from ._fields import positive_integers
from ._selection_layer import whole_numbers


@final
@dataclasses.dataclass(frozen=True)
class TakeChannels(Layer):
    """The channels start to stop - 1: K and Theta of alike channels stay as they are.

    Channels of one layer of weights have weights of their own, so that two slices without a common
    channel are independent: a value and a gate may come out of one `Dense` layer. Slices of a
    concatenation are those of its parts.

    Arguments:
        start: the first channel.
        stop: the channel behind the last one.

    Raises:
        ShapeError: numbers that are no such integers; in a network, channels that are not there.
        UnsupportedError: on deriving, some channels of an input, of a flattened value or of a
            table of positions, which differ one by one.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> h = kc.Dense(64)(x)
        >>> gate = kc.chain(kc.TakeChannels(32, 64), kc.Activation("relu"))(h)
        >>> net = kc.Network(x, kc.Product()(kc.TakeChannels(0, 32)(h), gate))
        >>> kc.derive(net).q_map
        q**2/2
    """

    start: int
    stop: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", whole_numbers("TakeChannels", "start", self.start, 0))
        positive_integers(self, "stop")
        if not isinstance(self.start, int) or self.start >= self.stop:
            raise ShapeError(
                where="TakeChannels",
                found=f"channels {self.start} to {self.stop}",
                law="a slice has 0 <= start < stop",
                remedy="choose a slice with channels in it",
            )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if shapes[0][-1] < self.stop:
            raise _too_few(where, shapes[0], self.stop)
        return (*shapes[0][:-1], self.stop - self.start)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.channels(inputs[0], range(self.start, self.stop))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self, shapes[0][-1]

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> TakeChannelsModule:
        return TakeChannelsModule(self.start, self.stop)


class TakeChannelsModule(MapModule):
    """A slice of the channels of (batch, *locations, channels).

    Arguments:
        start, stop: the first channel, and the one behind the last.

    Raises: ShapeError for fewer than `stop` channels.

    Example:
        >>> import jax.numpy as jnp
        >>> TakeChannelsModule(1, 3)((jnp.arange(4.0)[None],))[0].tolist()
        [[1.0, 2.0]]
    """

    start: int = eqx.field(static=True)
    stop: int = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        if x.shape[-1] < self.stop:
            raise _too_few(self.kind, x.shape, self.stop)
        return x[..., self.start : self.stop]


def _too_few(where: str, shape: Shape, stop: int) -> ShapeError:
    return ShapeError(
        where=where,
        found=f"channels up to {stop} of an input of shape {shape}",
        law="a slice has no more channels than there are",
        remedy="choose a slice inside",
    )
