"""PositionalEmbedding: the same vector for all inputs, in kernels and in finite layers."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


def test_vectors_are_added_and_the_same_for_all_inputs() -> None:
    layer = drawn(kc.PositionalEmbedding(0.5), (30, 40, 5))
    assert layer.table.shape == (30, 40, 5)
    assert float(jnp.std(layer.table)) == pytest.approx(0.5, rel=0.05)
    x = np.random.default_rng(0).normal(size=(2, 30, 40, 5)).astype("float32")
    (y, _) = layer((jnp.asarray(x),))
    np.testing.assert_allclose(y - x, np.stack([layer.table] * 2), atol=1e-6)


def test_a_deviation_of_zero_starts_at_zero() -> None:
    assert not np.any(drawn(kc.PositionalEmbedding(0.0), (3, 5)).table)


def test_inputs_of_other_locations_are_refused() -> None:
    with pytest.raises(kc.ShapeError, match="an input of shape"):
        drawn(kc.PositionalEmbedding(), (3, 5))((jnp.ones((2, 4, 5)),))


def test_values_without_locations_are_refused() -> None:
    x = kc.Input((5,))
    with pytest.raises(kc.ShapeError, match="positional_embedding_1"):
        kc.Network(x, kc.PositionalEmbedding()(x))


@pytest.mark.parametrize("std", [-1.0, float("inf"), "a"])
def test_wrong_deviations_are_refused(std: float) -> None:
    with pytest.raises(kc.GraphError, match="std"):
        kc.PositionalEmbedding(std)


def test_formulas_know_that_positions_tell_locations_apart() -> None:
    """The mean over 4 locations: of 16 pairs the 4 of equal locations share their vectors."""
    x = kc.Input((4, 3))
    net = kc.Network(x, kc.chain(kc.PositionalEmbedding(0.5), kc.GlobalMeanPool())(x))
    value = kc.derive(net).evaluate(c=0.6, q=2.0, s=0.3)
    assert value.q == pytest.approx((2 + 3 * 0.6) / 4 + 0.25 / 4, rel=1e-12)
    assert value.nngp == pytest.approx((2 * 0.6 + 3 * 2 * 0.6 * 0.3) / 4 + 0.25 / 4, rel=1e-12)
    assert value.ntk == pytest.approx(0.25 / 4, rel=1e-12)


def test_shaping_asks_for_positions_that_start_at_zero() -> None:
    x = kc.Input((4, 3))
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.Dense(8), kc.PositionalEmbedding(0.5), block, kc.Dense(3))(x))
    with pytest.raises(kc.ShapingError, match="positional_embedding_1"):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True, pln=None)
    assert kc.PositionalEmbedding(0.0) in [node.layer for node in shaped.network]
    plain = kc.Network(x, kc.chain(kc.Dense(8), block, kc.Dense(3))(x))
    expected = kc.shape(plain, rewrite=True, pln=None).psi
    assert shaped.psi == pytest.approx(expected, rel=1e-12)
    edge = kc.shape(net, kc.EdgeOfChaos(), rewrite=True, pln=None)
    assert kc.PositionalEmbedding(0.0) in [node.layer for node in edge.network]
