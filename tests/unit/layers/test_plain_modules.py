"""Layers without weights of their own kind: activations, joins, scales, dropout."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import (
    ActivationModule,
    ConcatModule,
    DropoutModule,
    FlattenModule,
    ProductModule,
    ScaleModule,
    WeightedSumModule,
)


A = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
B = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 4)), jnp.float32)


def parameters(module):
    return jax.tree.leaves(eqx.filter(module, eqx.is_inexact_array))


def test_activation_applies_the_four_constants():
    layer = ActivationModule(jnp.tanh, 0.7, -0.2, 1.4, 0.3)
    found, _ = layer((A,))
    wanted = 1.4 * (np.tanh(0.7 * np.asarray(A, np.float64) - 0.2) + 0.3)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    assert not parameters(layer)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_activation_keeps_the_dtype_even_when_phi_does_not(dtype):
    layer = ActivationModule(lambda x: x.astype(jnp.float32), np.float64(2.0), 1.0, 3.0, 1.0)  # pyright: ignore
    assert layer((A.astype(dtype),))[0].dtype == jnp.dtype(dtype)


def test_weighted_sum():
    layer = WeightedSumModule((0.6, -0.8))
    np.testing.assert_allclose(layer((A, B))[0], 0.6 * A - 0.8 * B, rtol=1e-6, atol=1e-7)
    assert not parameters(layer)


@pytest.mark.parametrize("trainable", [False, True])
def test_scale(trainable):
    layer = drawn(kc.Scale(0.25, trainable), (3, 4))
    np.testing.assert_array_equal(layer((A,))[0], 0.25 * A)
    assert len(parameters(layer)) == trainable
    assert ScaleModule(2.0)((A.astype(jnp.bfloat16),))[0].dtype == jnp.bfloat16


def test_product_concat_and_flatten():
    np.testing.assert_array_equal(ProductModule()((A, B, B))[0], A * B * B)
    wide = jnp.concatenate([A, B], -1)
    np.testing.assert_array_equal(ConcatModule()((A, wide))[0], np.concatenate([A, A, B], -1))
    np.testing.assert_array_equal(FlattenModule()((A,))[0], np.asarray(A).reshape(2, 12))


@pytest.mark.parametrize(
    "call",
    [
        lambda: WeightedSumModule((1.0,))((A, B)),
        lambda: WeightedSumModule((1.0, 1.0))((A, B[:, :1])),
        lambda: ProductModule()((A, B[..., :1])),
        lambda: ProductModule()(()),
        lambda: ConcatModule()((A, B[:, :1])),
        lambda: ActivationModule(jnp.tanh)((A, B)),
    ],
)
def test_branches_that_do_not_fit_are_refused(call):
    with pytest.raises(kc.ShapeError):
        call()


def test_dropout_keeps_the_mean_and_the_rate():
    x = jnp.full((100, 100), 3.0)
    dropped = np.asarray(DropoutModule(0.3)((x,), None, jax.random.key(0))[0])
    kept = dropped != 0
    # Standard deviation of the kept share of 10^4 entries is 0.0046.
    assert abs(kept.mean() - 0.7) < 4 * 0.0046
    np.testing.assert_allclose(dropped[kept], 3 / 0.7, rtol=1e-6)
    other = np.asarray(DropoutModule(0.3)((x,), None, jax.random.key(1))[0])
    assert not np.array_equal(dropped, other)


def test_dropout_is_the_identity_in_inference_and_keeps_dtype():
    layer = DropoutModule(0.5)
    np.testing.assert_array_equal(eqx.nn.inference_mode(layer)((A,))[0], A)
    np.testing.assert_array_equal(DropoutModule(0.0)((A,))[0], A)
    assert layer((A.astype(jnp.bfloat16),), None, jax.random.key(0))[0].dtype == jnp.bfloat16


def test_dropout_without_key_is_refused():
    with pytest.raises(kc.DataError, match="inference_mode"):
        DropoutModule(0.5)((A,))
