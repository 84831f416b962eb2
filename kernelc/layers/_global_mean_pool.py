"""GlobalMeanPool: the mean over all locations."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule, Window
from ._shapes import with_locations


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class GlobalMeanPool(Layer):
    """Mean over all locations: q and K become means over all pairs of locations.

    The derived kernel carries the cosine similarity s (`kernel.s`) of two locations of one
    input, as `MeanPool` does.

    Example:
        >>> import kernelc as kc
        >>> kc.GlobalMeanPool().out_shape([(8, 8, 3)], "pool")
        (3,)
    """

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        with_locations(shapes[0], where, "GlobalMeanPool")
        return shapes[0][-1:]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        with_locations(shapes[0], algebra.where, "GlobalMeanPool")
        return algebra.location_mean(inputs[0], Window.whole(shapes[0][:-1]))

    def kernel_key(self, shapes: Sequence[Shape]) -> Hashable:
        return shapes[0][:-1]

    def reads(self) -> tuple[str, ...]:
        return ("location",)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        if last:
            return ShapingRule(self)
        return ShapingRule(
            self,
            problem="a mean over all locations comes before a nonlinearity, so q is not uniform",
            remedy="pool after the last nonlinearity",
            possible=False,
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.GlobalMeanPool()
