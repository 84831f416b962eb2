"""Flatten: locations become channels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import ClassVar, final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import Flattened, KernelAlgebra, Layer, S, Shape, Shapes
from ..modules import MapModule


@final
@dataclasses.dataclass(frozen=True)
class Flatten(Layer):
    """All locations and channels in one vector: q and K are means over equal locations.

    Example:
        >>> import kernelc as kc
        >>> kc.Flatten().out_shape([(8, 8, 3)], "flatten")
        (192,)
    """

    is_reshape: ClassVar[bool] = True

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return (math.prod(shapes[0]),)

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.mix(inputs[0], Flattened(shapes[0][:-1]))

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> FlattenModule:
        return FlattenModule()


class FlattenModule(MapModule):
    """(batch, *locations, channels) to (batch, locations · channels), the last axis fastest.

    Example:
        >>> import jax.numpy as jnp
        >>> FlattenModule()((jnp.zeros((2, 3, 4)),))[0].shape
        (2, 12)
    """

    def apply(self, x: Array) -> Array:
        return x.reshape(x.shape[0], -1)
