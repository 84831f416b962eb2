"""Random keys: those that callers pass, and those of the nodes of a network."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PRNGKeyArray, UInt32

from .._errors import DataError, shown


_MOST = 2**32 - 1


def as_key(where: str, key: PRNGKeyArray | int) -> PRNGKeyArray:
    """The random key that is meant by `key`: itself, or `jax.random.key(key)` of an int.

    Raises: DataError for anything else, and for an int that is not from 0 to 2^32 - 1.

    Example:
        >>> bool(as_key("lower", 3) == jax.random.key(3))
        True
    """
    if isinstance(key, int | np.integer):
        if not isinstance(key, bool) and 0 <= key <= _MOST:
            return jax.random.key(int(key))
    elif _is_key(key):
        return key
    raise DataError(
        where=f"{where}: key",
        found=shown(key),
        law=f"randomness comes from one random key of JAX, or from an int from 0 to {_MOST}",
        remedy="pass key=jax.random.key(0), or key=0",
    )


def seed_of(key: PRNGKeyArray) -> int:
    """The int that a key was made from, as a seed for NumPy; another int for split keys.

    Example:
        >>> seed_of(jax.random.key(3))
        3
    """
    words = np.asarray(jax.random.key_data(key)).ravel().tolist()
    return sum(word << 32 * place for place, word in enumerate(reversed(words)))


def node_key(key: PRNGKeyArray, name: str) -> PRNGKeyArray:
    """The key of the node of that name, whichever nodes stand before it."""
    return _folded(key, jnp.asarray(_words(name)))


def node_keys(
    key: PRNGKeyArray, names: Sequence[str]
) -> Key[Array, " names"] | UInt32[Array, "names words"]:
    """`node_key` of each name, on a first axis."""
    # All at once: a thousand calls would cost more to trace than the layers.
    words = jnp.asarray(np.array([_words(name) for name in names], np.uint32).reshape(-1, 2))
    return jax.vmap(functools.partial(_folded, key))(words)


def _words(name: str) -> np.ndarray:
    # Python's own hash of a text changes with the process.
    return np.frombuffer(hashlib.sha256(name.encode()).digest()[:8], "<u4")


@jax.jit
def _folded(key: PRNGKeyArray, words: UInt32[Array, "2"]) -> PRNGKeyArray:
    # Among a thousand names two have one word in common with a probability of 1e-4, and both
    # with 3e-14; their weights would be equal.
    return jax.random.fold_in(jax.random.fold_in(key, words[0]), words[1])


def _is_key(key: object) -> bool:
    """Whether this is one random key of JAX, of the new or of the old kind."""
    if not isinstance(key, jax.Array | np.ndarray):
        return False
    if isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key.shape == ()
    return key.dtype == np.uint32 and key.shape in ((2,), (4,))
