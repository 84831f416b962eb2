"""Sums of powers with coefficients that may differ from pair to pair."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


# Longer sums run as a loop over chunks, so that what XLA compiles stays small.
_UNROLLED = 48
_CHUNK = 32


def power_series(coefficients: Any, x: Any, others: Any = None) -> Any:
    """sum_j coefficients[j] others[j] x^j by Horner's rule.

    Arguments:
        coefficients: (terms, ...), each entry broadcasting against x.
        x: any shape.
        others: likewise; None for ones. The product with the first is never held for all terms
            at once: it may be as large as x for each.
    """
    count = len(coefficients)
    factors = [coefficients] if others is None else [coefficients, others]
    if count <= _UNROLLED:
        return _horner([[f[j] for j in range(count)] for f in factors], x, jnp.zeros_like(x))
    chunks = -(-count // _CHUNK)
    blocks = [_blocks(jnp.asarray(f, x.dtype), chunks) for f in factors]

    def step(i: Any, total: Any) -> Any:
        here = [jax.lax.dynamic_index_in_dim(b, chunks - 1 - i, keepdims=False) for b in blocks]
        return _horner([[part[j] for j in range(_CHUNK)] for part in here], x, total)

    return jax.lax.fori_loop(0, chunks, step, jnp.zeros_like(x))


def chebyshev_series(coefficients: Any, x: Any) -> Any:
    """sum_j coefficients[j] T_j(x) by Clenshaw's recurrence.

    Arguments:
        coefficients: (terms,), known or computed.
        x: any shape, in [-1, 1].
    """
    sums = jnp.zeros_like(x), jnp.zeros_like(x)
    count = len(coefficients)
    if count <= _UNROLLED:
        near, far = _recurrence([coefficients[j] for j in range(count)], x, sums)
    else:
        chunks = -(-count // _CHUNK)
        blocks = _blocks(jnp.asarray(coefficients, x.dtype), chunks)

        def step(i: Any, sums: Any) -> Any:
            here = jax.lax.dynamic_index_in_dim(blocks, chunks - 1 - i, keepdims=False)
            return _recurrence([here[j] for j in range(_CHUNK)], x, sums)

        near, far = jax.lax.fori_loop(0, chunks, step, sums)
    # The last step doubled x: b_0 - x b_1 is the sum.
    return near - x * far


def _recurrence(terms: list[Any], x: Any, sums: tuple[Any, Any]) -> tuple[Any, Any]:
    near, far = sums
    for value in reversed(terms):
        near, far = _plain(value) + 2 * x * near - far, near
    return near, far


def drop_series(left: Any, gap: Any, right: Any) -> tuple[Any, Any, Any]:
    """sum_j (l_j - r_j)^2/2, sum_j l_j r_j (1 - x^j), and sum_j l_j r_j; x = 1 - gap.

    1 - x^j = gap (1 + x + ... + x^(j-1)), so with T_m = sum_(j >= m) l_j r_j the second
    is gap sum_m T_(m+1) x^m: what cancels as gap -> 0 is never computed.

    Arguments:
        left, right: (terms, ...), each entry broadcasting against the gap.
        gap: any shape.
    """
    count, zero = len(left), jnp.zeros_like(gap)
    start = (zero, zero, zero)
    if count <= _UNROLLED:
        pairs = list(zip(left[1:], right[1:], strict=True))
        tails, products, apart = _tails(pairs, 1.0 - gap, start)
    else:
        chunks = -(-(count - 1) // _CHUNK)
        blocks = [_blocks(jnp.asarray(f[1:], gap.dtype), chunks) for f in (left, right)]

        def step(i: Any, sums: Any) -> Any:
            a, b = (jax.lax.dynamic_index_in_dim(f, chunks - 1 - i, keepdims=False) for f in blocks)
            return _tails(list(zip(a, b, strict=True)), 1.0 - gap, sums)

        tails, products, apart = jax.lax.fori_loop(0, chunks, step, start)
    apart = (apart + (left[0] - right[0]) ** 2) / 2
    return apart, gap * tails, products + left[0] * right[0]


def _tails(pairs: list[tuple[Any, Any]], x: Any, sums: tuple[Any, Any, Any]) -> Any:
    tails, products, apart = sums
    for a, b in reversed(pairs):
        products = products + a * b
        tails = tails * x + products
        apart = apart + (a - b) ** 2
    return tails, products, apart


def _blocks(coefficients: Any, chunks: int) -> Any:
    missing = chunks * _CHUNK - len(coefficients)
    padded = jnp.pad(coefficients, [(0, missing)] + [(0, 0)] * (coefficients.ndim - 1))
    return padded.reshape(chunks, _CHUNK, *coefficients.shape[1:])


def _horner(factors: list[list[Any]], x: Any, total: Any) -> Any:
    for terms in zip(*(part[::-1] for part in factors), strict=True):
        product = _plain(terms[0])
        for other in terms[1:]:
            product = product * _plain(other)
        total = total * x + product
    return total


def _plain(a: Any) -> Any:
    return float(a) if isinstance(a, np.floating) else a
