"""Base of the layers that drop parts of a value at random in training."""

from __future__ import annotations

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from .._errors import DataError, GraphError
from ..ir import Layer, Shape, Shapes
from ..modules import LayerModule, only
from ._fields import finite_number


class NoiseLayer(Layer, shared=True):
    """Parts of a value are dropped with a probability, the `rate`."""

    rate: float

    def __post_init__(self) -> None:
        kind = type(self).__name__
        rate = finite_number(kind, "rate", self.rate, minimum=0, symbol=False)
        object.__setattr__(self, "rate", rate)
        if rate >= 1:
            raise GraphError(
                where=kind,
                found=f"rate = {rate:g}",
                law="the rate is the probability of dropping, below 1",
                remedy="choose a rate in [0, 1)",
            )

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]


class NoiseModule(LayerModule):
    """In training, parts are kept with probability 1 − rate and divided by it.

    The mean is that of the input, and inference is the identity.

    Arguments:
        rate: probability that a part is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError when called in training without a key.
    """

    rate: float = eqx.field(static=True, converter=float)
    inference: bool = False
    draws: ClassVar[str]
    """What is drawn at random, for messages."""

    @abc.abstractmethod
    def parts(self, x: Array) -> tuple[int, ...]:
        """The shape of what is dropped or kept as one, which broadcasts against the input."""

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
                law=f"{self.draws} at random in training",
                remedy="call model(x, key=key), or use eqx.nn.inference_mode(model)",
            )
        kept = jax.random.bernoulli(key, 1 - self.rate, self.parts(x))
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros((), x.dtype)), state
