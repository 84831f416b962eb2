"""Chebyshev and power series: coefficients from values, and sums that differ from pair to pair."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft

from ._pair import Number


# Longer sums run as a loop over chunks, so that what XLA compiles stays small.
_UNROLLED = 48
_CHUNK = 32

Coefficients = np.ndarray | jax.Array
Sums = TypeVar("Sums")


def points(count: int) -> np.ndarray:
    """The roots of T_count in (-1, 1), descending."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def chebyshev_coefficients(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Coefficients from values at `points`, along an axis.

    Example:
        >>> chebyshev_coefficients(points(3) ** 2).round(12).tolist()
        [0.5, 0.0, 0.5]
    """
    found = scipy.fft.dct(values, type=2, axis=axis) / values.shape[axis]
    np.moveaxis(found, axis, 0)[0] /= 2
    return found


def extrema(count: int) -> np.ndarray:
    """cos(πk/count) for k = 0 ... count: those of half the count are every other one."""
    return np.cos(np.pi * np.arange(count + 1) / count)


def from_extrema(values: np.ndarray) -> np.ndarray:
    """Coefficients from values at `extrema`, along the last axis."""
    found = scipy.fft.dct(values, type=1, axis=-1) / (values.shape[-1] - 1)
    found[..., 0] /= 2
    found[..., -1] /= 2
    return found


def basis(x: np.ndarray, count: int) -> np.ndarray:
    """T_0 to T_(count - 1) at x, on a last axis."""
    return np.cos(np.arange(count) * np.arccos(np.clip(x, -1, 1))[..., None])


def power_series(
    coefficients: Coefficients, x: jax.Array, others: Coefficients | None = None
) -> jax.Array:
    """sum_j coefficients[j] others[j] x^j by Horner's rule.

    Arguments:
        coefficients: (terms, ...), each entry broadcasting against x.
        x: any shape.
        others: likewise; None for ones. The product with the first is never held for all terms
            at once: it may be as large as x for each.
    """
    factors = [coefficients] if others is None else [coefficients, others]

    def step(total: jax.Array, *terms: Number) -> jax.Array:
        return total * x + math.prod(terms[1:], start=terms[0])

    return _downward(step, factors, jnp.zeros_like(x), x)


def chebyshev_series(coefficients: Coefficients, x: jax.Array) -> jax.Array:
    """sum_j coefficients[j] T_j(x) by Clenshaw's recurrence, x of any shape in [-1, 1]."""

    def step(sums: tuple[jax.Array, jax.Array], term: Number) -> tuple[jax.Array, jax.Array]:
        near, far = sums
        return term + 2 * x * near - far, near

    near, far = _downward(step, [coefficients], (jnp.zeros_like(x), jnp.zeros_like(x)), x)
    # The last step doubled x: b_0 - x b_1 is the sum.
    return near - x * far


def drop_series(
    left: Coefficients, gap: jax.Array, right: Coefficients
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """sum_j (l_j - r_j)^2/2, sum_j l_j r_j (1 - x^j), and sum_j l_j r_j; x = 1 - gap.

    1 - x^j = gap (1 + x + ... + x^(j-1)), so with T_m = sum_(j >= m) l_j r_j the second
    is gap sum_m T_(m+1) x^m: nothing that cancels as gap -> 0 is computed.

    Arguments:
        left, right: (terms, ...), each entry broadcasting against the gap.
        gap: any shape.
    """
    x, zero = 1.0 - gap, jnp.zeros_like(gap)

    def step(
        sums: tuple[jax.Array, jax.Array, jax.Array], a: Number, b: Number
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        tails, products, apart = sums
        products = products + a * b
        return tails * x + products, products, apart + (a - b) ** 2

    tails, products, apart = _downward(step, [left[1:], right[1:]], (zero, zero, zero), gap)
    apart = (apart + (left[0] - right[0]) ** 2) / 2
    return apart, gap * tails, products + left[0] * right[0]


def _downward(
    step: Callable[..., Sums], factors: list[Coefficients], start: Sums, like: jax.Array
) -> Sums:
    """The sums after a step with each term of the factors, the last term first."""

    def through(parts: list[Coefficients], sums: Sums) -> Sums:
        for j in reversed(range(len(parts[0]))):
            terms = [part[j] for part in parts]
            sums = step(sums, *(float(a) if isinstance(a, np.floating) else a for a in terms))
        return sums

    count = len(factors[0])
    if count <= _UNROLLED:
        return through(factors, start)
    chunks = -(-count // _CHUNK)
    missing = chunks * _CHUNK - count
    padded = [
        jnp.pad(jnp.asarray(f, like.dtype), [(0, missing)] + [(0, 0)] * (f.ndim - 1))
        for f in factors
    ]
    blocks = [f.reshape(chunks, _CHUNK, *f.shape[1:]) for f in padded]

    def chunk(i: jax.Array, sums: Sums) -> Sums:
        index = chunks - 1 - i
        here = [jax.lax.dynamic_index_in_dim(b, index, keepdims=False) for b in blocks]
        return through(list(here), sums)

    return jax.lax.fori_loop(0, chunks, chunk, start)
