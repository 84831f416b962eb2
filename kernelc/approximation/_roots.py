"""Square roots whose derivative at zero is zero, so that gradients stay finite."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


@jax.custom_jvp
def root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """√max(x, 0), with derivative 0 where x <= 0.

    A custom rule rather than two selects: the value itself then costs one instruction.

    Arguments:
        x: (...) values.

    Returns: (...) roots.

    Example:
        >>> float(jax.grad(root)(0.0))
        0.0
    """
    return jnp.sqrt(jnp.maximum(x, 0))


@root.defjvp
def _root_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x,), (tangent,) = primals, tangents
    value = root(x)
    positive = x > 0
    return value, jnp.where(positive, 0.5 / jnp.where(positive, value, 1), 0) * tangent


@jax.custom_jvp
def clamp(gap: Float[Array, "..."]) -> Float[Array, "..."]:
    """The gap moved into [0, 2], with derivative 1: rounding leaves the interval, not meaning.

    Arguments:
        gap: (...) gaps.

    Returns: (...) gaps in [0, 2].

    Example:
        >>> float(clamp(jnp.float32(-1e-7))), float(jax.grad(clamp)(0.0))
        (0.0, 1.0)
    """
    return jnp.clip(gap, 0, 2)


@clamp.defjvp
def _clamp_jvp(primals: tuple, tangents: tuple) -> tuple:
    return clamp(primals[0]), tangents[0]


def tangent(gap: Any, sqrt: Callable) -> Any:
    """tan(θ/4) = √g/(√2 + √(2 - g)), with the square root of the arrays at hand."""
    return sqrt(gap) / (math.sqrt(2) + sqrt(2 - gap))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def quarter(gap: Float[Array, "..."], stored: bool) -> tuple[Array, Array]:
    """b = tan(θ/4) = √g/(√2 + √(2 - g)) and b², of which the slope at gap 0 is 1/8.

    Arguments:
        gap: (...) gaps 1 - cos θ in [0, 2].
        stored: whether b is read often enough to be worth storing: two roots and a division
            that several results read cost more.

    Returns: (...) b and b².

    Example:
        >>> round(float(jax.grad(lambda g: quarter(g, False)[1])(0.0)), 6)
        0.125
    """
    b = tangent(gap, root)
    b = jax.lax.optimization_barrier(b) if stored else b
    return b, b * b


@quarter.defjvp
def _quarter_jvp(stored: bool, primals: tuple, tangents: tuple) -> tuple:
    (gap,), (tangent,) = primals, tangents
    b, square = quarter(gap, stored)
    far = root(2 - gap)
    # db²/dg = (1 + b²)/(2 √(2 - g) (√2 + √(2 - g))): no root of the gap in it.
    slope = (1 + square) / 2 * _over(math.sqrt(2) + far) * _over(far)
    return (b, square), (slope * _over(2 * b) * tangent, slope * tangent)


def _over(x: Array) -> Array:
    """1/x, and 0 for 1/0."""
    positive = x > 0
    return jnp.where(positive, 1 / jnp.where(positive, x, 1), 0)


def head(gap: Float[Array, "..."], halvings: int | None) -> Float[Array, "..."] | float:
    """g^(2^-halvings), or 1.

    Arguments:
        gap: (...) gaps.
        halvings: number of square roots; None for 1.

    Returns: (...) values.

    Example:
        >>> float(head(jnp.float32(16.0), 2))
        2.0
    """
    if halvings is None:
        return 1.0
    for _ in range(halvings):
        gap = root(gap)
    return gap
