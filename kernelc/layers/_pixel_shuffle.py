"""PixelShuffle: blocks of channels become locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

import equinox as eqx
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, S, Selected, Shape, Shapes
from ..modules import MapModule
from ._fields import positive_integers


@final
@dataclasses.dataclass(frozen=True)
class PixelShuffle(Layer):
    """Depth to space (Shi et al. 2016): location factor p + d has the channels of offset d at p.

    K(factor p + d, factor p' + d) <- K(p, p'), and between unlike offsets, which have channels of
    their own, the product of the means. The inverse of `PixelUnshuffle`, with channels in its
    order: put `ChannelShuffle(n)` before it for the order of `torch.nn.PixelShuffle`, with n the
    number of channels that come out. Locations are treated unlike, so that `derive` refuses it;
    `kernel_fn` follows every location.

    Arguments:
        factor: size of a block along each location axis.

    Raises:
        ShapeError: a factor that is no positive integer; in a network, an input without locations,
            or channels that do not fill blocks.
        UnsupportedError: on deriving.

    Example:
        >>> import kernelc as kc
        >>> kc.PixelShuffle(2).out_shape([(4, 3, 12)], "image")
        (8, 6, 3)
    """

    factor: int

    def __post_init__(self) -> None:
        positive_integers(self, "factor")

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        *sizes, channels = shapes[0]
        offsets = self.factor ** len(sizes)
        if not sizes or channels % offsets:
            raise _unfilled(where, shapes[0], self.factor)
        return (*(n * self.factor for n in sizes), channels // offsets)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        sizes, factor = shapes[0][:-1], self.factor
        channels = shapes[0][-1] // factor ** len(sizes)
        terms = []
        for i, offset in enumerate(np.ndindex(*(factor,) * len(sizes))):
            block = algebra.channels(inputs[0], range(i * channels, (i + 1) * channels))
            terms.append(algebra.mix(block, Selected(sizes, _placed(offset, sizes, factor))))
        return terms[0] if len(terms) == 1 else algebra.weighted_sum(terms, [1.0] * len(terms))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self.factor, shapes[0][-1], len(shapes[0])

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> PixelShuffleModule:
        return PixelShuffleModule(self.factor)


class PixelShuffleModule(MapModule):
    """(batch, *locations, channels) with blocks of channels as blocks of locations.

    Arguments:
        factor: size of a block along each location axis.

    Raises: ShapeError for channels that do not fill blocks.

    Example:
        >>> import jax.numpy as jnp
        >>> PixelShuffleModule(2)((jnp.arange(4.0).reshape(1, 2, 2),))[0].ravel().tolist()
        [0.0, 1.0, 2.0, 3.0]
    """

    factor: int = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        batch, *sizes, channels = x.shape
        rank = len(sizes)
        if not sizes or channels % self.factor**rank:
            raise _unfilled(self.kind, x.shape, self.factor)
        left = channels // self.factor**rank
        blocks = x.reshape(batch, *sizes, *(self.factor,) * rank, left)
        order = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
        moved = blocks.transpose(0, *order, 2 * rank + 1)
        return moved.reshape(batch, *(n * self.factor for n in sizes), left)


def _placed(offset: tuple[int, ...], sizes: Shape, factor: int) -> tuple[tuple[int, ...], ...]:
    """Each location at one offset of its block, along each axis; -1 at the others."""
    return tuple(
        tuple(i // factor if i % factor == d else -1 for i in range(n * factor))
        for d, n in zip(offset, sizes, strict=True)
    )


def _unfilled(where: str, shape: Shape, factor: int) -> ShapeError:
    return ShapeError(
        where=where,
        found=f"an input of shape {shape} in blocks of {factor}",
        law="channels fill the blocks of locations",
        remedy="give the layer before it factor times as many channels for each location axis",
    )
