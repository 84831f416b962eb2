"""Gradients of queries that start at zero, on arrays of pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float64

from ..algebra import query_term
from ..ir import DenseMap
from ._locations import Groups
from ._mixing import applied
from ._numbers import Number


OnKernel = Callable[[Any], Any]


def trained_queries(
    keys: Number,
    values: Number,
    groups: Groups,
    pattern: DenseMap,
    frequencies: Float64[np.ndarray, " frequencies"] | None,
) -> Number:
    """`query_term` of a pattern; rotary queries and keys multiply each pair of keys by
    m = mean_f cos(w_f ((j - i) - (j' - i'))).

    Arguments:
        keys, values: K of all pairs of locations.
        groups: the location axes of both inputs.
        pattern: P.
        frequencies: w_f; None where nothing rotates.
    """
    left, right = groups
    matrix = pattern.matrices[0]

    def sides(matrix: Array | np.ndarray) -> tuple[OnKernel, OnKernel]:
        def of(axes: tuple[int, ...]) -> OnKernel:
            return lambda k: applied(k, axes, pattern, matrix)

        return of(left), of(right)

    if frequencies is None:
        return query_term(keys, values, sides(matrix))
    kind = jnp.result_type(keys, values)
    distance = np.subtract.outer(*(np.arange(n) for n in matrix.shape)) * -1.0

    def step(total: Array, frequency: Array) -> tuple[Array, None]:
        angle = frequency * jnp.asarray(distance, kind)
        # cos(a - b) = cos a cos b + sin a sin b, one factor for each input.
        for turn in (jnp.cos(angle), jnp.sin(angle)):
            turned = sides(jnp.asarray(matrix, kind) * turn)
            total = total + query_term(keys, values, sides(matrix), turned)
        return total, None

    outputs = jax.eval_shape(lambda: query_term(keys, values, sides(matrix)))
    start = jnp.zeros(jnp.shape(outputs), kind)
    total, _ = jax.lax.scan(step, start, jnp.asarray(frequencies, kind))
    return total / len(frequencies)
