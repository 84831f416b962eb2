"""Models of JAX: the front end of Equinox, Flax and functions."""

from ._model import seen_by_jax as seen_by_jax
