"""Dropout: independent masks at every evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, final

import equinox as eqx
import jax

from .. import modules
from .._errors import GraphError
from ..ir import KernelAlgebra, Layer, Shape, ShapingRule
from ._fields import finite_number


S = TypeVar("S")


@final
@dataclasses.dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout in training mode: q <- q / keep, K between two evaluations unchanged.

    Arguments:
        rate: probability of dropping a channel; keep = 1 - rate.

    Raises:
        GraphError: a rate outside [0, 1).

    Example:
        >>> import kernelc as kc
        >>> kc.Dropout(0.1).text()
        'Dropout(0.1)'
    """

    rate: float

    def __post_init__(self) -> None:
        rate = finite_number("Dropout", "rate", self.rate, minimum=0, symbol=False)
        object.__setattr__(self, "rate", rate)
        if rate >= 1:
            raise GraphError(
                where="Dropout",
                found=f"rate = {rate:g}",
                law="the rate is the probability of dropping, below 1",
                remedy="choose a rate in [0, 1)",
            )

    def out_shape(self, shapes: Sequence[Shape], where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Sequence[Shape]) -> S:
        return algebra.dropout(inputs[0], 1 - self.rate)

    def shaping(self, shapes: Sequence[Shape], out: Shape, last: bool) -> ShapingRule:
        if last or self.rate == 0:
            return ShapingRule(self)
        return ShapingRule(
            None,
            problem="dropout before a nonlinearity raises q in training",
            remedy="put dropout after the last nonlinearity",
        )

    def module(self, shapes: Sequence[Shape], out: Shape, key: jax.Array, dtype: Any) -> eqx.Module:
        return modules.Dropout(self.rate)
