"""Initializers: q values are preserved, draws are Haar, groups and taps are where they belong."""

from __future__ import annotations

from typing import Any, get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from drawn_layers import drawn

import kernelc as kc
from kernelc._errors import ShapeError, UnsupportedError
from kernelc.modules import (
    BiasInitializer,
    Initializer,
    initialize,
    unit_draw,
)


KEY = jax.random.key(7)


def q(x: jax.Array) -> np.ndarray:
    return np.mean(np.square(np.asarray(x, np.float64)), axis=-1)


@pytest.mark.parametrize("kind", ["suo", "orthogonal"])
@pytest.mark.parametrize("sizes", [(8, 8), (8, 21), (1, 5)])
def test_orthogonal_keeps_every_q_value_when_it_does_not_contract(kind, sizes):
    w = initialize(kind, KEY, (), *sizes)
    x = jax.random.normal(jax.random.key(1), (16, sizes[0]))
    # float32 QR: a few units in the last place of 1.2e-7, times the summed terms.
    np.testing.assert_allclose(q(x @ w), q(x), rtol=5e-6)


def test_orthogonal_keeps_q_in_the_mean_when_it_contracts():
    x = jax.random.normal(jax.random.key(1), (40,))
    keys = jax.random.split(KEY, 400)
    w = jax.vmap(lambda k: initialize("suo", k, (), 40, 10))(keys)
    np.testing.assert_allclose(
        np.einsum("kio,kip->kop", w, w), np.broadcast_to(np.eye(10), (400, 10, 10)), atol=2e-6
    )
    # q(xw)/q(x) = 4 Beta(5, 15), standard deviation 0.38, so 0.019 for the mean of 400.
    assert abs(q(x @ w).mean() / q(x) - 1) < 4 * 0.019


def test_orthogonal_is_haar_and_not_biased_by_the_signs_of_qr():
    w = np.asarray(jax.vmap(lambda k: initialize("suo", k, (), 4, 4))(jax.random.split(KEY, 600)))
    # Under Haar each entry has mean 0 and variance 1/4; plain QR makes the diagonal negative.
    assert np.abs(w.mean(0)).max() < 4.5 * 0.5 / 600**0.5
    assert abs(np.linalg.det(w).mean()) < 4 / 600**0.5


@pytest.mark.parametrize("kind", ["gaussian", "suo", "uniform", "truncated_normal"])
@pytest.mark.parametrize(("delta", "fan_in"), [(True, 32), (False, 3 * 5 * 32)])
def test_entries_have_variance_one_over_fan_in(kind, delta, fan_in):
    w = np.asarray(initialize(kind, KEY, (3, 5), 64, 48, groups=2, delta=delta))
    assert w.shape == (3, 5, 32, 48)
    drawn = w[1, 2] if delta else w
    # Relative standard deviation of a variance over n entries is at most sqrt(2/n).
    assert abs(drawn.var() * fan_in - 1) < 4 * (2 / drawn.size) ** 0.5
    if delta:
        assert np.count_nonzero(w) == drawn.size


def test_each_group_is_a_draw_of_its_own():
    w = np.asarray(initialize("suo", KEY, (3,), 8, 24, groups=2, delta=True))[1]
    for block in (w[:, :12], w[:, 12:]):
        np.testing.assert_allclose(block @ block.T, 3 * np.eye(4), atol=5e-6)
    assert np.abs(w[:, :12] - w[:, 12:]).max() > 0.1


def test_equal_keys_give_equal_weights_and_others_do_not():
    first, again = (initialize("suo", KEY, (3,), 4, 4) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, initialize("suo", jax.random.key(8), (3,), 4, 4))


@pytest.mark.parametrize("kind", ["gaussian", "suo", "uniform", "truncated_normal"])
def test_dtype_is_the_one_asked_for(kind):
    assert initialize(kind, KEY, (), 4, 6, dtype="bfloat16").dtype == jnp.bfloat16


def test_layers_scale_weights_and_biases():
    plain = drawn(kc.Dense(300), (4,), key=KEY)
    scaled = drawn(kc.Dense(300, 2.0, 0.5), (4,), key=KEY)
    np.testing.assert_allclose(scaled.weight, 2 * plain.weight, rtol=1e-6)
    assert plain.bias is not None
    assert scaled.bias is not None
    assert not plain.bias.any()
    assert abs(np.std(scaled.bias) / 0.5 - 1) < 4 * (1 / 600) ** 0.5
    assert drawn(kc.Conv(5, weight_std=2.0), (4, 3), key=KEY).weight.shape == (3, 3, 5)


def test_zero_weights_keep_the_scale_of_their_gradients():
    layer = drawn(kc.Dense(512, weight_std=1.5, init="zero"), (64,), key=KEY)
    assert not np.any(layer.weight)
    assert layer.parameter_variances().weight == 1.5**2 / 64


@pytest.mark.parametrize("kind", [kind for kind in get_args(Initializer) if kind != "zero"])
@pytest.mark.parametrize("delta", [True, False])
def test_layers_know_the_variances_they_were_drawn_with(kind, delta):
    scales = {"weight_std": 1.5, "bias_std": 0.5, "init": kind}
    dense = drawn(kc.Dense(512, **scales), (64,), key=KEY)
    conv = drawn(kc.Conv(512, 3, groups=2, delta=delta, **scales), (3, 3, 64), key=KEY)
    for layer in (dense, conv):
        variances = layer.parameter_variances()
        assert variances.bias == 0.25
        power = np.mean(np.square(layer.weight), axis=(-2, -1))
        # Means of at least 32 * 512 squares; their relative deviation is at most √(2 / 16384).
        wanted = np.reshape(variances.weight, power.shape)
        np.testing.assert_allclose(power, wanted, rtol=5 * (2 / 16384) ** 0.5)


CUT = scipy.stats.truncnorm(-2, 2)
UNIT = {
    "gaussian": scipy.stats.norm(),
    "uniform": scipy.stats.uniform(-(3**0.5), 2 * 3**0.5),
    "truncated_normal": scipy.stats.truncnorm(-2, 2, scale=1 / CUT.std()),
}


@pytest.mark.parametrize("kind", get_args(BiasInitializer))
def test_draws_have_the_distribution_of_their_name_at_variance_one(kind):
    found = np.asarray(unit_draw(kind, KEY, (40_000,)), np.float64)
    assert UNIT[kind].std() == pytest.approx(1)
    # At the fixed key, as an independent check that would fail once in a thousand keys.
    assert scipy.stats.kstest(found, UNIT[kind].cdf).pvalue > 1e-3
    low, high = UNIT[kind].support()
    assert low * (1 + 1e-6) <= found.min() <= found.max() <= high * (1 + 1e-6)


@pytest.mark.parametrize("kind", get_args(BiasInitializer))
def test_layers_draw_weights_and_biases_as_they_are_told(kind):
    told: dict[str, Any] = {"weight_std": 0.5, "bias_std": 0.25, "init": kind, "bias_init": kind}
    conv = kc.Conv(2000, 2, groups=2, delta=False, **told)
    layers = [
        (kc.Dense(2000, **told), (30,), 30),
        (conv, (4, 4, 20), 40),
        (kc.LocalConv(100, **told), (20, 5), 15),
    ]
    for spec, shape, fan_in in layers:
        layer = drawn(spec, shape, key=KEY)
        for array, std in ((layer.weight, 0.5 / fan_in**0.5), (layer.bias, 0.25)):
            assert array is not None
            units = np.unique(np.abs(np.asarray(array, np.float64).ravel() / std))
            folded = lambda u: UNIT[kind].cdf(u) - UNIT[kind].cdf(-u)  # noqa: E731
            assert scipy.stats.kstest(units, folded).pvalue > 1e-3


def test_parameters_that_the_limit_holds_fixed_have_variance_zero():
    for layer in (drawn(kc.LayerNorm(), (4,)), drawn(kc.WeightedMeanPool(3), (4, 4))):
        variances = jax.tree.leaves(layer.parameter_variances())
        assert variances == [0.0] * len(jax.tree.leaves(layer))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("xavier", KEY, (), 2, 2), UnsupportedError),
        (("suo", KEY, (), 2, 2, 1, False, "int32"), UnsupportedError),
        (("suo", KEY, (), 2, 2, 1, False, "float64"), UnsupportedError),
        (("suo", KEY, (3, 2), 2, 2, 1, True), ShapeError),
        (("suo", KEY, (3,), 3, 4, 2), ShapeError),
        (("suo", KEY, (3,), 4, 3, 2), ShapeError),
        (("suo", KEY, (0,), 4, 4), ShapeError),
        (("suo", KEY, (), 0, 4), ShapeError),
    ],
)
def test_bad_requests_are_refused(arguments, error):
    with pytest.raises(error):
        initialize(*arguments)
