"""Finite layers at initialization, as `lower` makes them."""

from __future__ import annotations

from typing import Any

import jax

import kernelc as kc


def drawn(layer: kc.Layer, *shapes: tuple[int, ...], key: Any = 0, dtype: Any = "float32") -> Any:
    """The finite layer for inputs of these shapes."""
    out = layer.out_shape(shapes, "test")
    key = jax.random.key(key) if isinstance(key, int) else key
    return layer.module(shapes, out, key, dtype)
