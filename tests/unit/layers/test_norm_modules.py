"""Normalizations against NumPy, at zero, in 16 bits and across a mapped batch."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import BatchNormModule, LayerNormModule, PLNModule


RNG = np.random.default_rng(5)
X = (RNG.normal(size=(6, 3, 4, 5)) * 2 + 1).astype(np.float32)
GAIN, BIAS = RNG.normal(size=(2, 5)).astype(np.float32)
# Moments of up to 72 float32 numbers of order 1.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("center", [True, False])
def test_layer_norm(axes, center):
    layer = LayerNormModule(jnp.array(GAIN), jnp.array(BIAS), axes, center, 0.1)
    over = tuple(range(4 - axes, 4))
    x = X.astype(np.float64)
    x = x - x.mean(over, keepdims=True) if center else x
    wanted = x / np.sqrt((x**2).mean(over, keepdims=True) + 0.1) * GAIN + BIAS
    np.testing.assert_allclose(layer((jnp.array(X),))[0], wanted, **CLOSE)


def test_layer_norm_without_parameters_and_in_16_bits():
    layer = drawn(kc.LayerNorm(affine=False), (4,))
    assert not jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array))
    x = jnp.array([[1.0, 2.0, 3.0, 4.0]]) * 2.0**100  # squares are out of the range of bfloat16
    y = drawn(kc.LayerNorm(), (4,), dtype="bfloat16")((x.astype(jnp.bfloat16) * 2.0**-50,))[0]
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.square(y.astype(jnp.float32)).mean(), 1, rtol=2**-7)
    slope = jax.jit(jax.grad(lambda v: layer((v,))[0].sum()))(jnp.zeros((1, 4)))
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("affine", [True, False])
def test_rms_norm_trains_a_gain_alone(affine):
    layer = drawn(kc.RMSNorm(eps=0.1, affine=affine), (3, 4, 5))
    assert layer.bias is None
    assert (layer.gain is not None) == affine
    x = X.astype(np.float64)
    wanted = x / np.sqrt((x**2).mean(-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(layer((jnp.array(X),))[0], wanted, **CLOSE)


def test_layer_norm_refuses_axes_that_are_not_there():
    for layer in (drawn(kc.LayerNorm("all"), (4, 5)), drawn(kc.LayerNorm(), (4,))):
        with pytest.raises(kc.ShapeError):
            layer((jnp.ones((2, 5)),))


def trained_norm():
    norm = BatchNormModule(jnp.array(GAIN), jnp.array(BIAS), momentum=0.9, eps=0.1)
    return norm, eqx.nn.State(norm)


def test_batch_norm_trains_on_the_batch_and_moves_the_running_statistics():
    norm, state = trained_norm()
    y, state = norm((jnp.array(X),), state)
    mean, var = X.mean((0, 1, 2), dtype=np.float64), X.var((0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(y, (X - mean) / np.sqrt(var + 0.1) * GAIN + BIAS, **CLOSE)
    running = state.get(norm.index)
    np.testing.assert_allclose(running[0], 0.1 * mean, **CLOSE)
    np.testing.assert_allclose(running[1], 0.9 + 0.1 * var, **CLOSE)


def test_batch_norm_infers_with_the_running_statistics():
    norm, state = trained_norm()
    _, state = norm((jnp.array(X),), state)
    mean, var = (np.asarray(v) for v in state.get(norm.index))
    norm = eqx.nn.inference_mode(norm)
    y, after = norm((jnp.array(X[:1]),), state)
    np.testing.assert_allclose(y, (X[:1] - mean) / np.sqrt(var + 0.1) * GAIN + BIAS, **CLOSE)
    np.testing.assert_array_equal(after.get(norm.index)[0], mean)
    fresh, _ = norm((jnp.array(X[:1]),))
    np.testing.assert_allclose(fresh, X[:1] / np.sqrt(1.1) * GAIN + BIAS, **CLOSE)


def test_batch_norm_shares_statistics_over_a_mapped_axis():
    norm, state = trained_norm()
    whole, whole_state = norm((jnp.array(X),), state)
    norm, state = trained_norm()
    mapped = jax.vmap(
        lambda v, s: norm((v[None],), s, None, "batch"),
        axis_name="batch",
        in_axes=(0, None),
        out_axes=(0, None),
    )
    y, mapped_state = mapped(jnp.array(X), state)
    np.testing.assert_allclose(y[:, 0], whole, **CLOSE)
    for a, b in zip(jax.tree.leaves(mapped_state), jax.tree.leaves(whole_state), strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def test_batch_norm_has_gain_and_bias_for_parameters_only():
    assert len(jax.tree.leaves(eqx.filter(drawn(kc.BatchNorm(), (5,)), eqx.is_inexact_array))) == 2


def test_batch_norm_keeps_16_bits_outside_and_32_inside():
    norm = drawn(kc.BatchNorm(momentum=0.0), (1,), dtype="bfloat16")
    x = jnp.asarray(np.arange(257).reshape(-1, 1) % 2 + 64, jnp.bfloat16)
    y, state = norm((x,), eqx.nn.State(norm))
    assert y.dtype == jnp.bfloat16
    # In bfloat16 the mean 64.498 would round to 64.5 and the sum of 257 terms to far worse.
    np.testing.assert_allclose(state.get(norm.index)[0], 64 + 128 / 257, rtol=1e-6)


def test_batch_norm_in_training_wants_a_state():
    with pytest.raises(kc.DataError, match=r"eqx\.nn\.State"):
        drawn(kc.BatchNorm(), (5,))((jnp.array(X),))
    with pytest.raises(kc.ShapeError):
        drawn(kc.BatchNorm(), (4,))((jnp.array(X),))


def homogeneous(x, mode):
    x = np.asarray(x, np.float64)
    if mode == "one":
        x = np.concatenate([x, np.ones_like(x[..., :1])], -1)
    elif mode == "avg_q":
        rms = np.sqrt((x**2).mean((1, 2, 3), keepdims=True))
        x = np.concatenate([x, np.broadcast_to(rms, (*x.shape[:-1], 1))], -1)
    return x / np.sqrt((x**2).mean(-1, keepdims=True))


@pytest.mark.parametrize("mode", ["one", "avg_q", "off"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_pln_makes_every_q_value_one(mode, dtype):
    x = jnp.asarray(X, dtype)
    y, _ = PLNModule(mode)((x,))
    assert y.dtype == x.dtype
    # Half a unit in the last place of the output dtype, and float32 rounding inside.
    tolerance = 2**-8 if dtype == "bfloat16" else 1e-5
    np.testing.assert_allclose(
        np.asarray(y, np.float64), homogeneous(x, mode), rtol=tolerance, atol=1e-6
    )


@pytest.mark.parametrize("mode", ["one", "avg_q", "off"])
@pytest.mark.parametrize("zeros", ["one location", "everything"])
def test_pln_at_zero_is_of_q_value_one_with_finite_gradients(mode, zeros):
    x = jnp.asarray(X).at[:, 0, 0].set(0) if zeros == "one location" else jnp.zeros(X.shape)
    y, _ = PLNModule(mode)((x,))
    np.testing.assert_allclose(np.square(y).mean(-1), 1, rtol=1e-5)
    slope = jax.jit(jax.grad(lambda v: jnp.sum(jnp.sin(PLNModule(mode)((v,))[0]))))(x)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_pln_does_not_lose_inputs_whose_squares_leave_the_range(size):
    y, _ = PLNModule("off")((jnp.asarray(X) * size,))
    np.testing.assert_allclose(y, homogeneous(X, "off"), rtol=1e-5)


@pytest.mark.parametrize("mode", ["one", "avg_q", "off"])
def test_pln_gradient_is_the_difference_quotient(mode):
    x, step = jnp.asarray(X[:1]), jnp.asarray(RNG.normal(size=X[:1].shape), jnp.float32)

    def f(v):
        return homogeneous(v, mode)

    _, slope = jax.jit(lambda v, s: jax.jvp(lambda u: PLNModule(mode)((u,))[0], (v,), (s,)))(
        x, step
    )
    x, step = np.asarray(x, np.float64), np.asarray(step, np.float64)
    # Central difference: error h^2 = 1e-10 and rounding 1e-16/h; float32 dominates.
    np.testing.assert_allclose(slope, (f(x + 1e-5 * step) - f(x - 1e-5 * step)) / 2e-5, **CLOSE)


def test_pln_refuses_averages_without_locations():
    with pytest.raises(kc.ShapeError):
        PLNModule("avg_q")((jnp.ones((2, 3)),))
