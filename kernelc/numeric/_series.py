"""Sums of powers with coefficients that may differ from pair to pair."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


# Longer sums run as a loop over chunks, so that what XLA compiles stays small.
_UNROLLED = 48
_CHUNK = 16


def power_series(coefficients: Any, x: Any) -> Any:
    """sum_j coefficients[j] x^j by Horner's rule.

    Arguments:
        coefficients: (terms, ...), each entry broadcasting against x.
        x: any shape.
    """
    count = len(coefficients)
    if count <= _UNROLLED:
        return _horner([coefficients[j] for j in range(count)], x, jnp.zeros_like(x))
    chunks = -(-count // _CHUNK)
    coefficients = jnp.asarray(coefficients, x.dtype)
    missing = chunks * _CHUNK - count
    padded = jnp.pad(coefficients, [(0, missing)] + [(0, 0)] * (coefficients.ndim - 1))
    blocks = padded.reshape(chunks, _CHUNK, *coefficients.shape[1:])

    def step(i: Any, total: Any) -> Any:
        block = jax.lax.dynamic_index_in_dim(blocks, chunks - 1 - i, keepdims=False)
        return _horner([block[j] for j in range(_CHUNK)], x, total)

    shape = jnp.broadcast_shapes(coefficients.shape[1:], jnp.shape(x))
    return jax.lax.fori_loop(0, chunks, step, jnp.zeros(shape, x.dtype))


def _horner(coefficients: list[Any], x: Any, total: Any) -> Any:
    for a in coefficients[::-1]:
        total = total * x + (float(a) if isinstance(a, np.floating) else a)
    return total
