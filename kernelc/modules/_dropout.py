"""Dropout: entries set to zero at random in training."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from .._errors import DataError
from ._layer import LayerModule, only


class Dropout(LayerModule):
    """In training every entry is kept with probability 1 − rate and divided by it.

    Inverted dropout (Srivastava et al. 2014): the mean is that of the input, and inference is
    the identity.

    Arguments:
        rate: probability that an entry is dropped, in [0, 1).
        inference: toggled by `eqx.nn.inference_mode`.

    Raises: DataError for a rate outside [0, 1), or when called in training without a key.

    Example:
        >>> Dropout(0.5, inference=True)((jnp.ones((1, 2)),))[0].tolist()
        [[1.0, 1.0]]
    """

    rate: float = eqx.field(static=True, converter=float)
    inference: bool = False

    def __check_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise DataError(
                where="Dropout",
                found=f"rate {self.rate}",
                law="the rate is a probability below one",
                remedy="give a rate in [0, 1)",
            )

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Dropout", inputs)
        if self.inference or self.rate == 0:
            return x, state
        if key is None:
            raise DataError(
                where="Dropout",
                found="no key",
                law="dropout draws entries at random in training",
                remedy="call model(x, key=key), or use eqx.nn.inference_mode(model)",
            )
        kept = jax.random.bernoulli(key, 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), jnp.zeros((), x.dtype)), state
