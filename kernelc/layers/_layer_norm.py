"""LayerNorm: unit q for every example."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import ShapeError, shown
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule
from ._fields import boolean, finite_number


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer norm: q -> 1, c unchanged for a value of zero mean; RMS norm when not centred.

    A value of channel mean m loses it first: K <- (K - m^2) / (q - m^2).

    Arguments:
        axis: -1 for channels (each location by itself), "all" for locations and channels.
        center: whether to subtract the mean; False is RMS norm.
        eps: guard against division by zero in the finite layer. `derive` leaves it out, and
            `kernel_fn` too: the kernel of a location that is zero is 0, as in the finite layer.
        affine: whether a gain and a bias are trained.

    Example:
        >>> import kernelc as kc
        >>> kc.LayerNorm(center=False).text()
        'LayerNorm(center=False)'
    """

    axis: int | str = -1
    center: bool = True
    eps: float = 1e-6
    affine: bool = True

    def __post_init__(self) -> None:
        if type(self.axis) not in (int, str) or self.axis not in (-1, "all"):
            raise ShapeError(
                where="LayerNorm",
                found=f"axis = {shown(self.axis)}",
                law="layer norm is over the channels (-1) or over all axes of an example ('all')",
                remedy="choose one of the two",
            )
        finite_number("LayerNorm", "eps", self.eps, minimum=0, symbol=False)
        for field in ("center", "affine"):
            boolean("LayerNorm", field, getattr(self, field))

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.normalise(inputs[0], self.center, self.axis == "all" and len(shapes[0]) > 1)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        return ShapingRule(None)

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        axes = 1 if self.axis == -1 else len(out)
        return modules.layer_norm(
            out, axes=axes, center=self.center, eps=self.eps, affine=self.affine, dtype=dtype
        )
