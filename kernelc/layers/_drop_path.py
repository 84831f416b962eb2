"""DropPath: whole branches dropped at random in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
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
class DropPath(Layer):
    """Stochastic depth (Huang et al. 2016): K and Theta as they are, those of inference.

    In training the value of an example is zero with probability `rate` and divided by 1 - rate
    otherwise. One number then scales all channels, so that K of an example stays random however
    wide the network is: `Dropout`, whose masks average out over channels, has a rule for training.

    Arguments:
        rate: probability of dropping the value of an example.

    Raises:
        GraphError: a rate outside [0, 1).

    Example:
        >>> import kernelc as kc
        >>> kc.residual(kc.chain(kc.Dense(8), kc.DropPath(0.1)))(kc.Input((8,)))
        <node WeightedSum((1, 1))>
    """

    rate: float

    def __post_init__(self) -> None:
        rate = finite_number("DropPath", "rate", self.rate, minimum=0, symbol=False)
        object.__setattr__(self, "rate", rate)
        if rate >= 1:
            raise GraphError(
                where="DropPath",
                found=f"rate = {rate:g}",
                law="the rate is the probability of dropping, below 1",
                remedy="choose a rate in [0, 1)",
            )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return inputs[0]

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return None

    def shaping(self, shapes: Shapes, out: Shape, last: bool) -> ShapingRule:
        if last or self.rate == 0:
            return ShapingRule(self)
        return ShapingRule(
            None,
            problem="a branch that is dropped at random changes q in training",
            remedy="remove it",
        )

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> DropPathModule:
        return DropPathModule(self.rate)


class DropPathModule(LayerModule):
    """In training an example is kept whole with probability 1 − rate and divided by it.

    The mean is that of the input, and inference is the identity.

    Arguments:
        rate: probability that an example is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a key.

    Example:
        >>> DropPathModule(0.5, inference=True)((jnp.ones((1, 2)),))[0].tolist()
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
                law="stochastic depth draws examples at random in training",
                remedy="call model(x, key=key), or use eqx.nn.inference_mode(model)",
            )
        kept = jax.random.bernoulli(key, 1 - self.rate, (x.shape[0], *(1,) * (x.ndim - 1)))
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros((), x.dtype)), state
