"""KernelMatrices: what a kernel function returns."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


# Rows of a block that is copied at once.
_ROWS = 256

Matrix = Float[Array | np.ndarray, "n1 n2 *locations"]


class KernelMatrices(NamedTuple):
    """Kernel matrices of two sets of inputs; None for what was not asked for.

    Arguments:
        nngp: covariance of the outputs at initialization, (n1, n2, *locations of the output).
        ntk: neural tangent kernel, of the same shape.
        gap: 1 - c, c the cosine similarity of the outputs; keeps its digits as c -> 1, where
            the NNGP itself has none left to show.
    """

    nngp: Matrix | None
    ntk: Matrix | None
    gap: Matrix | None = None

    @staticmethod
    def of(found: Mapping[str, Matrix]) -> KernelMatrices:
        """Those of these names."""
        return KernelMatrices(*map(found.get, KernelMatrices._fields))


@partial(jax.jit, donate_argnames="matrix")
def mirrored(matrix: Array) -> Array:
    """The upper triangle copied below: k(x, x') and k(x', x) to the last bit.

    A program of its own: next to what computes the matrix XLA would compute the copy anew, and a
    rounding depends on the place in a loop.
    """
    count, rest = matrix.shape[0], (0,) * (matrix.ndim - 2)
    for a in range(0, count, _ROWS):
        b = min(a + _ROWS, count)
        corner = matrix[a:b, a:b]
        corner = jnp.where(_above(corner, 0, 0), corner, jnp.swapaxes(corner, 0, 1))
        below = jnp.concatenate([corner, jnp.swapaxes(matrix[a:b, b:], 0, 1)])
        matrix = jax.lax.dynamic_update_slice(matrix, below, (a, a, *rest))
    return matrix


@partial(jax.jit, donate_argnames="matrix")
def placed(matrix: Array, block: Array, row: Array, column: Array) -> Array:
    """The matrix with a block filled in, in place."""
    return jax.lax.dynamic_update_slice(matrix, block, (row, column, *(0,) * (block.ndim - 2)))


@partial(jax.jit, donate_argnames="matrix")
def placed_twice(matrix: Array, block: Array, row: Array, column: Array) -> Array:
    """The symmetric matrix with a block of its upper triangle and its mirror image, in place.

    What of the block lies below the diagonal is left to the block that holds its mirror image.
    """
    rest, upper = (0,) * (block.ndim - 2), _above(block, row, column)
    for part, mask, at in (
        (block, upper, (row, column, *rest)),
        (jnp.swapaxes(block, 0, 1), jnp.swapaxes(upper, 0, 1), (column, row, *rest)),
    ):
        old = jax.lax.dynamic_slice(matrix, at, part.shape)
        matrix = jax.lax.dynamic_update_slice(matrix, jnp.where(mask, part, old), at)
    return matrix


def _above(block: Array, row: Array | int, column: Array | int) -> Array:
    """Where a block that starts at (row, column) is on or above the diagonal."""
    rows, columns = (jnp.arange(n) for n in block.shape[:2])
    mask = row + rows[:, None] <= column + columns[None, :]
    return mask.reshape(*mask.shape, *(1,) * (block.ndim - 2))
