"""Rotary positions: pairs of channels of queries and keys turned by angles of their location."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64


def frequencies_of(channels: int, base: float) -> Float64[np.ndarray, " frequencies"]:
    """w_f = base^(-2f/channels)."""
    return base ** (-np.arange(0, channels, 2) / channels)


def rotated(
    x: Float[Array, "batch locations heads channels"], base: float
) -> Float[Array, "batch locations heads channels"]:
    """Channels f and f + channels/2 turned by w_f p at location p (Su et al. 2024)."""
    angles = np.arange(x.shape[1])[:, None] * frequencies_of(x.shape[-1], base)
    cos, sin = (jnp.asarray(turn(angles), x.dtype)[:, None] for turn in (np.cos, np.sin))
    first, second = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
