"""PixelUnshuffle: blocks of locations become channels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from fractions import Fraction
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
class PixelUnshuffle(Layer):
    """Space to depth: K(p, p') <- mean over offsets d of K(factor p + d, factor p' + d).

    Channels of one offset stand side by side, those of the first offset first. In the order of
    `torch.nn.PixelUnshuffle` the offsets of one channel do: put `ChannelShuffle(n)` behind, with
    n = factor to the number of location axes.

    Arguments:
        factor: size of a block along each location axis.

    Raises:
        ShapeError: a factor that is no positive integer; in a network, an input without locations,
            or locations that blocks do not tile.

    Example:
        >>> import kernelc as kc
        >>> kc.PixelUnshuffle(2).out_shape([(8, 6, 3)], "patches")
        (4, 3, 12)
    """

    factor: int

    def __post_init__(self) -> None:
        positive_integers(self, "factor")

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        *sizes, channels = shapes[0]
        if not sizes or any(size % self.factor for size in sizes):
            raise _untiled(where, shapes[0], self.factor)
        return (*(n // self.factor for n in sizes), channels * self.factor ** len(sizes))

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        sizes, factor = shapes[0][:-1], self.factor
        parts = [
            algebra.mix(inputs[0], Selected(sizes, _every(offset, sizes, factor)))
            for offset in np.ndindex(*(factor,) * len(sizes))
        ]
        return algebra.concat(parts, [Fraction(1, len(parts))] * len(parts))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self.factor, len(shapes[0])

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(
        self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike
    ) -> PixelUnshuffleModule:
        return PixelUnshuffleModule(self.factor)


class PixelUnshuffleModule(MapModule):
    """(batch, *locations, channels) with blocks of locations as channels, offset by offset.

    Arguments:
        factor: size of a block along each location axis.

    Raises: ShapeError for locations that blocks do not tile.

    Example:
        >>> import jax.numpy as jnp
        >>> PixelUnshuffleModule(2)((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[[0.0, 1.0], [2.0, 3.0]]]
    """

    factor: int = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        batch, *sizes, channels = x.shape
        if not sizes or any(size % self.factor for size in sizes):
            raise _untiled(self.kind, x.shape, self.factor)
        outs, rank = [n // self.factor for n in sizes], len(sizes)
        blocks = x.reshape(batch, *(n for out in outs for n in (out, self.factor)), channels)
        order = (*range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2))
        moved = blocks.transpose(0, *order, 2 * rank + 1)
        return moved.reshape(batch, *outs, math.prod((self.factor,) * rank) * channels)


def _every(offset: tuple[int, ...], sizes: Shape, factor: int) -> tuple[tuple[int, ...], ...]:
    """The locations of one offset, along each axis."""
    return tuple(tuple(range(d, n, factor)) for d, n in zip(offset, sizes, strict=True))


def _untiled(where: str, shape: Shape, factor: int) -> ShapeError:
    return ShapeError(
        where=where,
        found=f"an input of shape {shape} in blocks of {factor}",
        law="blocks tile the locations along every axis",
        remedy="choose a factor that divides them, or use PadLocations",
    )
