"""Concat: the channels of all inputs side by side."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from ._layer import LayerModule, alike


class Concat(LayerModule):
    """The inputs, which have the same locations, joined on the channel axis.

    Example:
        >>> Concat()((jnp.zeros((1, 2)), jnp.ones((1, 1))))[0].tolist()
        [[0.0, 0.0, 1.0]]
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        alike("Concat", inputs, channels_too=False)
        return jnp.concatenate(inputs, axis=-1), state
