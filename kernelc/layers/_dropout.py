"""Dropout: independent masks at every evaluation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray

from .._errors import DataError, GraphError
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, ShapingRule
from ..modules import LayerModule, only
from ._fields import finite_number


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

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

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


class DropoutModule(LayerModule):
    """In training every entry is kept with probability 1 − rate and divided by it.

    Inverted dropout (Srivastava et al. 2014): the mean is that of the input, and inference is
    the identity.

    Arguments:
        rate: probability that an entry is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a key.

    Example:
        >>> DropoutModule(0.5, inference=True)((jnp.ones((1, 2)),))[0].tolist()
        [[1.0, 1.0]]
    """

    rate: float = eqx.field(static=True, converter=float)
    inference: bool = False

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only(self.kind, inputs)
        if self.inference or self.rate == 0:
            return x, state
        if key is None:
            raise DataError(
                where=self.kind,
                found="no key",
                law="dropout draws entries at random in training",
                remedy="call model(x, key=key), or use eqx.nn.inference_mode(model)",
            )
        kept = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros((), x.dtype)), state
