"""Dropout: independent masks at every evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, S, Shape, Shapes, ShapingRule
from ._noise_layer import NoiseLayer, NoiseModule


@final
@dataclasses.dataclass(frozen=True)
class Dropout(NoiseLayer):
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

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.dropout(inputs[0], 1 - self.rate)

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if last or self.rate == 0:
            return ShapingRule(self)
        return ShapingRule(
            None,
            problem="dropout before a nonlinearity raises q in training",
            remedy="put dropout after the last nonlinearity",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> DropoutModule:
        return DropoutModule(self.rate)


class DropoutModule(NoiseModule):
    """In training every entry is kept with probability 1 − rate and divided by it.

    Inverted dropout (Srivastava et al. 2014): the mean is that of the input, and inference is
    the identity.

    Arguments:
        rate: probability that an entry is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a key.

    Example:
        >>> import jax.numpy as jnp
        >>> DropoutModule(0.5, inference=True)((jnp.ones((1, 2)),))[0].tolist()
        [[1.0, 1.0]]
    """

    draws = "dropout draws entries"

    def parts(self, x: Array) -> tuple[int, ...]:
        return x.shape
