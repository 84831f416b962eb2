"""Flatten: all locations become channels."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from ._layer import LayerModule, only


class Flatten(LayerModule):
    """(batch, *locations, channels) to (batch, locations · channels), the last axis fastest.

    Example:
        >>> import jax.numpy as jnp
        >>> Flatten()((jnp.zeros((2, 3, 4)),))[0].shape
        (2, 12)
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Flatten", inputs)
        return x.reshape(x.shape[0], -1), state
