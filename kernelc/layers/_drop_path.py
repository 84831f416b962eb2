"""DropPath: whole branches dropped at random in training."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence
from typing import final

from jax.typing import DTypeLike
from jaxtyping import Array

from ..ir import KernelAlgebra, S, Shape, Shapes, ShapingRule
from ._noise_layer import NoiseLayer, NoiseModule


@final
@dataclasses.dataclass(frozen=True)
class DropPath(NoiseLayer):
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


class DropPathModule(NoiseModule):
    """In training an example is kept whole with probability 1 − rate and divided by it.

    The mean is that of the input, and inference is the identity.

    Arguments:
        rate: probability that an example is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a key.

    Example:
        >>> import jax.numpy as jnp
        >>> DropPathModule(0.5, inference=True)((jnp.ones((1, 2)),))[0].tolist()
        [[1.0, 1.0]]
    """

    draws = "stochastic depth draws examples"

    def parts(self, x: Array) -> tuple[int, ...]:
        return (x.shape[0], *(1,) * (x.ndim - 1))
