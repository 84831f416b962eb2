"""No test changes the settings of JAX, under which all tests run."""

from __future__ import annotations

import os

import jax
import jax.numpy as jnp


def test_double_precision_is_off() -> None:
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


def test_blas_runs_on_one_thread() -> None:
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
