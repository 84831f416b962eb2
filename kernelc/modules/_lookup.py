"""Rows of a table, looked up in the form that K-FAC recognizes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def look_up(
    table: Float[Array, "rows width"], indices: Int[Array, "*places 1"]
) -> Float[Array, "*places width"]:
    """The rows of these indices, which are not negative; NaN for those beyond the table.

    It is one primitive of JAX, so that the table is seen in the program.

    Example:
        >>> look_up(jnp.eye(2), jnp.array([[1], [2]])).tolist()
        [[0.0, 1.0], [nan, nan]]
    """
    numbers = jax.lax.GatherDimensionNumbers((indices.ndim - 1,), (0,), (0,))
    return jax.lax.gather(
        table,
        indices,
        numbers,
        (1, table.shape[1]),
        mode=jax.lax.GatherScatterMode.FILL_OR_DROP,
        fill_value=jnp.nan,
    )
