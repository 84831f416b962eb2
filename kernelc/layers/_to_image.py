"""ToImage: the locations of a sequence along the axes of an image."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import ClassVar, final

import equinox as eqx
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, Reshaped, S, Shape, Shapes
from ..modules import MapModule
from ._fields import axis_sizes


@final
@dataclasses.dataclass(frozen=True)
class ToImage(Layer):
    """Locations along other axes, in row-major order: K(p, p') stays, and so does Theta.

    The inverse of `ToSequence`.

    Arguments:
        locations: sizes of the location axes that come out.

    Raises:
        ShapeError: sizes that are no positive integers; in a network, another number of locations.

    Example:
        >>> import kernelc as kc
        >>> kc.ToImage((4, 4)).out_shape([(16, 64)], "image")
        (4, 4, 64)
    """

    is_reshape: ClassVar[bool] = True
    locations: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "locations", axis_sizes("ToImage", "locations", self.locations))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        _check_count(where, shapes[0], shapes[0][:-1], self.locations)
        return (*self.locations, shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        sizes = tuple(shapes[0][:-1])
        axes = max(len(sizes), len(self.locations))
        before, after = (found + (1,) * (axes - len(found)) for found in (sizes, self.locations))
        return algebra.mix(inputs[0], Reshaped(before, after))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return None

    def location_key(self, shapes: Shapes) -> Hashable:
        return self, shapes[0][:-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ToImageModule:
        return ToImageModule(self.locations)


class ToImageModule(MapModule):
    """(batch, *locations, channels) with the locations along other axes.

    Arguments:
        locations: sizes of the location axes that come out.

    Raises: ShapeError for another number of locations.

    Example:
        >>> import jax.numpy as jnp
        >>> ToImageModule((2, 3))((jnp.zeros((2, 6, 5)),))[0].shape
        (2, 2, 3, 5)
    """

    locations: tuple[int, ...] = eqx.field(static=True)

    def apply(self, x: Array) -> Array:
        _check_count(self.kind, x.shape, x.shape[1:-1], self.locations)
        return x.reshape(x.shape[0], *self.locations, x.shape[-1])


def _check_count(where: str, shape: Shape, found: Shape, wanted: Shape) -> None:
    if math.prod(found) != math.prod(wanted):
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape} for locations {wanted}",
            law="there are as many locations before and after",
            remedy="choose sizes whose product is the number of locations",
        )
