"""LastToken: the value at the last location of a sequence."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, OneLocation, S, Shape, Shapes
from ..modules import MapModule


@final
@dataclasses.dataclass(frozen=True)
class LastToken(Layer):
    """The value at the last location of a sequence: K(x, x') -> K(x_T, x'_T), Theta likewise.

    In a causal network this location has read all others. The output has shape (channels,).

    Raises:
        ShapeError: in a network, for an input that is not of shape (length, channels).

    Example:
        >>> import kernelc as kc
        >>> kc.LastToken().out_shape([(16, 64)], "last")
        (64,)
    """

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        if len(shapes[0]) != 2:
            flat = len(shapes[0]) < 2
            raise ShapeError(
                where=where,
                found=f"an input of shape {shapes[0]}",
                law="LastToken reads a sequence, of shape (length, channels)",
                remedy="leave it out for vectors"
                if flat
                else "images have no last location: use GlobalMeanPool() or Flatten()",
            )
        return shapes[0][-1:]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        length = shapes[0][0]
        return algebra.mix(inputs[0], OneLocation((length,), (length - 1,)))

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> LastTokenModule:
        return LastTokenModule()


class LastTokenModule(MapModule):
    """The last location: (batch, length, channels) to (batch, channels).

    Raises: ShapeError for an input with other axes.

    Example:
        >>> import jax.numpy as jnp
        >>> LastTokenModule()((jnp.arange(4.0).reshape(1, 4, 1),))[0].tolist()
        [[3.0]]
    """

    def apply(self, x: Array) -> Array:
        if x.ndim != 3:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law="the last token is that of a sequence: (batch, length, channels)",
                remedy="give it batches of sequences",
            )
        return x[:, -1]
