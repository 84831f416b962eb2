"""Embedding: its table, how it is drawn, and what it refuses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import EmbeddingModule


SHAPE = (3, 500)


@pytest.mark.parametrize("init", ["gaussian", "uniform", "truncated_normal", "orthogonal", "suo"])
def test_entries_have_the_deviation_whatever_the_vocabulary(init: Any) -> None:
    table = np.asarray(drawn(kc.Embedding(400, std=0.7, init=init), SHAPE).table)
    assert table.shape == (500, 400)
    # 200,000 entries.
    assert np.std(table) == pytest.approx(0.7, rel=0.02)
    assert abs(np.mean(table)) < 0.01


def test_orthogonal_vectors_have_the_limit_kernel_at_finite_width() -> None:
    table = np.asarray(drawn(kc.Embedding(64, init="suo"), (3, 20)).table, np.float64)
    np.testing.assert_allclose(table @ table.T / 64, np.eye(20), atol=1e-5)


def test_rows_are_looked_up_in_batches() -> None:
    layer = drawn(kc.Embedding(7), SHAPE)
    x = np.random.default_rng(0).integers(0, 500, size=(2, 3))
    (y, _) = layer((jnp.asarray(x),))
    np.testing.assert_array_equal(y, np.asarray(layer.table)[x])


def test_a_table_of_another_rank_is_refused() -> None:
    with pytest.raises(kc.ShapeError, match="table of shape"):
        EmbeddingModule(jnp.ones((2, 3, 4)))


def test_gradients_are_those_of_the_rows_that_were_read() -> None:
    layer = drawn(kc.Embedding(2), SHAPE)
    slope = jax.grad(lambda layer: layer((jnp.array([[4, 4, 9]]),))[0].sum())(layer).table
    expected = np.zeros((500, 2))
    expected[4], expected[9] = 2, 1
    np.testing.assert_array_equal(slope, expected)


@pytest.mark.parametrize("start", [kc.Input((3, 4)), kc.Embedding(4)(kc.Tokens(3, 9))])
def test_numbers_are_refused(start: kc.Node) -> None:
    x = start if not start.inputs else start.inputs[0]
    with pytest.raises(kc.GraphError) as caught:
        kc.Network(x, kc.Embedding(3)(start))
    assert "looks up tokens" in caught.value.law
    assert "kernelc.Tokens" in caught.value.remedy


@pytest.mark.parametrize(
    "fields", [{"width": 0}, {"std": -1.0}, {"std": float("nan")}, {"init": "zero"}]
)
def test_wrong_fields_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(kc.KernelcError):
        kc.Embedding(**{"width": 3, **fields})


def test_other_deviations_and_draws() -> None:
    layer = kc.Embedding(4)
    assert layer.with_weights(2.0, 0.0, "suo") == kc.Embedding(4, std=2.0, init="suo")
    assert layer.with_weights() == layer
    with pytest.raises(kc.GraphError, match="bias_std"):
        layer.with_weights(bias_std=0.5)


def test_a_symbol_may_stand_for_the_deviation() -> None:
    std = sympy.Symbol("w", positive=True)
    x = kc.Tokens(3, 9)
    net = kc.Network(x, kc.chain(kc.Embedding(4, std=std), kc.Dense(2))(x))
    assert kc.derive(net).q_map == std**2 * kc.derive(net).q
    with pytest.raises(kc.KernelcError, match="the symbol w"):
        kc.lower(net, key=0)


def test_likelihoods_have_a_derivative_in_the_deviation() -> None:
    x = np.random.default_rng(3).integers(0, 9, size=(12, 3))
    y = (x[:, 0] % 2).astype(float)
    start = kc.Tokens(3, 9)

    def likelihood(std: float, gradient: bool = False) -> Any:
        net = kc.Network(start, kc.chain(kc.Embedding(4, std=std), kc.Flatten())(start))
        fitted = kc.KernelRegression(kc.kernel_fn(net), x, y)
        return fitted.log_marginal_likelihood(0.1, gradient=gradient)

    found = likelihood(0.8, gradient=True).weight_std["embedding_1"]
    step = 1e-5
    measured = (likelihood(0.8 + step).value - likelihood(0.8 - step).value) / (2 * step)
    assert found == pytest.approx(measured, rel=1e-6)
