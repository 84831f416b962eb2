"""Product: gating."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from ._layer import LayerModule, alike


class Product(LayerModule):
    """The entry by entry product of all inputs, which have one shape.

    Example:
        >>> import jax.numpy as jnp
        >>> Product()((jnp.full((1, 1), 2.0), jnp.full((1, 1), 3.0)))[0].tolist()
        [[6.0]]
    """

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        alike("Product", inputs)
        product = inputs[0]
        for x in inputs[1:]:
            product = product * x
        return product, state
