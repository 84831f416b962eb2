"""Random arrays of any shape by compiled programs of a few sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import jax
from jax.core import Tracer
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray


_LEAST, _FACTOR, _MOST = 256, 4, 2**18

Draw = Callable[[PRNGKeyArray, Sequence[int], DTypeLike], Array]
"""(key, shape, dtype) -> independent numbers, such as `jax.random.normal`."""


def of_any_shape(draw: Draw, key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike) -> Array:
    """`draw(key, shape, dtype)`, the same bits, without a compilation for every shape.

    XLA compiles a generator of random numbers in about half a second, once for each shape. The
    number at a place follows from the key and the place alone, so a larger draw begins with the
    smaller one. Sizes are rounded up to few.

    Example:
        >>> key = jax.random.key(0)
        >>> few = of_any_shape(jax.random.normal, key, (2, 3), "float32")
        >>> bool((few == jax.random.normal(key, (2, 3))).all())
        True
    """
    size = math.prod(shape)
    if size > _MOST or isinstance(key, Tracer) or not _by_place(key):
        return draw(key, shape, dtype)
    most = _LEAST
    while most < size:
        most *= _FACTOR
    return _first(draw(key, (most,), dtype), tuple(shape))


def _by_place(key: PRNGKeyArray) -> bool:
    """Whether a number does not depend on how many are drawn."""
    partitionable = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]
    return partitionable and str(jax.random.key_impl(key)) == "threefry2x32"


@functools.partial(jax.jit, static_argnums=1)
def _first(numbers: Array, shape: tuple[int, ...]) -> Array:
    return numbers[: math.prod(shape)].reshape(shape)
