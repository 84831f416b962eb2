"""Bases of layers that read one token of a sequence."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from typing import ClassVar

from jaxtyping import Array

from .._errors import ShapeError
from ..ir import KernelAlgebra, Layer, OneLocation, S, Shape, Shapes
from ..modules import MapModule


class TokenLayer(Layer, shared=True):
    """The value at one location of a sequence."""

    @abstractmethod
    def index(self, length: int) -> int:
        """Which location, from 0 to length - 1."""

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        require_sequence(type(self).__name__, shapes[0], where)
        return shapes[0][-1:]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        length = shapes[0][0]
        return algebra.mix(inputs[0], OneLocation((length,), (self.index(length),)))

    def location_key(self, shapes: Shapes) -> Hashable:
        return shapes[0][:-1]


class TokenModule(MapModule):
    """One location: (batch, length, channels) to (batch, channels).

    Raises: ShapeError for an input with other axes.
    """

    at: ClassVar[int]
    """The index of the location; -1 for the last."""

    def apply(self, x: Array) -> Array:
        if x.ndim != 3:
            raise ShapeError(
                where=self.kind,
                found=f"an input of shape {x.shape}",
                law="a token is that of a sequence: (batch, length, channels)",
                remedy="give it batches of sequences",
            )
        return x[:, self.at]


def require_sequence(kind: str, shape: Shape, where: str) -> None:
    """Raise `ShapeError` for a shape that is not (length, channels)."""
    if len(shape) != 2:
        flat = len(shape) < 2
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape}",
            law=f"{kind} reads a sequence, of shape (length, channels)",
            remedy="leave it out for vectors"
            if flat
            else "put ToSequence() before it, or use GlobalMeanPool() or Flatten()",
        )
