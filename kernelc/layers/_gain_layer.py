"""Base of the layers that multiply by numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from ..ir import KernelAlgebra, Layer, Real, S, Shape, Shapes, ShapingRule
from ._fields import finite_number


class GainLayer(Layer, shared=True):
    """A value times gains that start at one number: K <- value^2 K."""

    value: Real
    problem: ClassVar[str]
    """What shaping says of a number other than one, with a place for the number."""
    remedy: ClassVar[str]

    def __post_init__(self) -> None:
        kind = type(self).__name__
        object.__setattr__(self, "value", finite_number(kind, "value", self.value))

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.weighted_sum(inputs, (self.value,))

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if self.value in (1, -1):
            return ShapingRule(self)
        return ShapingRule(
            dataclasses.replace(self, value=1.0),
            problem=self.problem.format(self.value),
            remedy=self.remedy,
        )
