"""ToSequence: the locations of an image in a row."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import ClassVar, final

from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import InARow, KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import MapModule


@final
@dataclasses.dataclass(frozen=True)
class ToSequence(Layer):
    """Locations in a row, in row-major order: K(p, p') stays, and so does Theta.

    Behind a convolution whose windows tile the image, the sequence is that of its patches.

    Raises:
        ShapeError: in a network, for an input without locations.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((32, 32, 3))
        >>> patches = kc.Conv(64, 8, stride=8, padding="VALID", delta=False)
        >>> kc.Network(x, kc.chain(patches, kc.ToSequence())(x)).output_shape
        (16, 64)
    """

    is_reshape: ClassVar[bool] = True

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if len(shapes[0]) < 2:
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]}",
                law="a sequence is made of locations: shape (*locations, channels)",
                remedy="put it before locations are flattened or pooled",
            )
        return (math.prod(shapes[0][:-1]), shapes[0][-1])

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.mix(inputs[0], InARow(tuple(shapes[0][:-1])))

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ToSequenceModule:
        return ToSequenceModule()


class ToSequenceModule(MapModule):
    """(batch, *locations, channels) to (batch, length, channels).

    Example:
        >>> import jax.numpy as jnp
        >>> ToSequenceModule()((jnp.zeros((2, 3, 4, 5)),))[0].shape
        (2, 12, 5)
    """

    def apply(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1, x.shape[-1])
