"""Base of the norms over channels, or over all axes of an example."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ShapeError, shown
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ._fields import boolean, finite_number


class NormLayer(Layer, shared=True):
    """Unit q for every example; a kind says whether the mean is subtracted first."""

    axis: int | str
    eps: float
    affine: bool

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if type(self.axis) not in (int, str) or self.axis not in (-1, "all"):
            raise ShapeError(
                where=kind,
                found=f"axis = {shown(self.axis)}",
                law="a norm is over the channels (-1) or over all axes of an example ('all')",
                remedy="choose one of the two",
            )
        finite_number(kind, "eps", self.eps, minimum=0, symbol=False)
        boolean(kind, "affine", self.affine)

    @property
    def subtracts_mean(self) -> bool:
        """Whether each location loses its mean over channels."""
        return False

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        over_locations = self.axis == "all" and len(shapes[0]) > 1
        return algebra.normalize(inputs[0], self.subtracts_mean, over_locations)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(None)

    def trained_gain(self, out: Shape, dtype: DTypeLike) -> Array | None:
        """A gain of 1 for each channel; None where none is trained."""
        return jnp.ones(out[-1], dtype) if self.affine else None

    def axes(self, out: Shape) -> int:
        """How many trailing axes the norm is over."""
        return 1 if self.axis == -1 else len(out)
