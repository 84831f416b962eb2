"""DropPath: whole examples are dropped in training, and the kernel is that of inference."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


X = jnp.asarray(np.random.default_rng(3).normal(size=(4000, 2, 3)))


def test_an_example_is_dropped_whole_or_scaled():
    layer = drawn(kc.DropPath(0.25), (2, 3))
    y, _ = layer((X,), None, jax.random.key(0))
    kept = np.any(np.asarray(y) != 0, axis=(1, 2))
    # Five standard deviations of a mean of 4,000 coins.
    assert kept.mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.25 * 0.75 / 4000))
    np.testing.assert_allclose(y[kept], X[kept] / 0.75, rtol=1e-6)
    np.testing.assert_array_equal(y[~kept], 0)


def test_inference_and_a_rate_of_zero_are_the_identity():
    layer = drawn(kc.DropPath(0.25), (2, 3))
    np.testing.assert_array_equal(eqx.nn.inference_mode(layer)((X,))[0], X)
    np.testing.assert_array_equal(drawn(kc.DropPath(0.0), (2, 3))((X,))[0], X)
    with pytest.raises(kc.DataError, match="key"):
        layer((X,))


def network(*rates: float) -> kc.Network:
    x = kc.Input((4,))
    branch = [kc.chain(kc.Activation("relu"), kc.Dense(8), kc.DropPath(rate)) for rate in rates]
    return kc.Network(x, kc.chain(kc.Dense(8), *map(kc.residual, branch), kc.Dense(2))(x))


def test_kernels_and_repeated_blocks_do_not_see_the_rate():
    rates, zeros = network(0.1, 0.2, 0.3), network(0.0, 0.0, 0.0)
    assert kc.derive(rates).ntk == kc.derive(zeros).ntk
    assert str(kc.derive(rates)).count("^∘") == str(kc.derive(zeros)).count("^∘")


def test_shaping_takes_it_out_before_nonlinearities_and_rates_are_below_one():
    with pytest.raises(kc.ShapingError, match="dropped at random"):
        kc.shape(network(0.1, 0.2))
    shaped = kc.shape(network(0.1, 0.2), rewrite=True).network
    # Behind the last nonlinearity nothing depends on q.
    assert [node.layer for node in shaped if isinstance(node.layer, kc.DropPath)] == [
        kc.DropPath(0.2)
    ]
    with pytest.raises(kc.GraphError, match="below 1"):
        kc.DropPath(1.0)
