"""Finite models, node by node, beside the kernel."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.modules import node_gradients


WIDTH = 512


@pytest.fixture(scope="module")
def inputs() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 32))


@pytest.fixture(scope="module")
def measured(inputs: np.ndarray) -> kc.Measurement:
    mlp = eqx.nn.MLP(32, WIDTH, WIDTH, 3, activation=jnp.tanh, key=jax.random.key(0))
    return kc.measure(kc.read(mlp, jnp.ones(32)), inputs, inputs=64)


def test_a_wide_model_does_what_its_kernel_says(measured: kc.Measurement) -> None:
    for node in measured.nodes:
        assert node.known == "exact"
        for figure in (node.q, node.gradient):
            relative = figure.derived * 10 / WIDTH
            assert abs(figure.mean - figure.derived) < 5 * figure.error + relative
        off = abs(node.cosine.mean - node.cosine.derived)
        assert off < 5 * node.cosine.error + 10 / WIDTH
    assert measured.nodes[-1].gradient.mean == pytest.approx(1)


def test_q_values_and_cosines_are_those_of_the_model(inputs: np.ndarray) -> None:
    mlp = eqx.nn.MLP(32, 16, 8, 1, key=jax.random.key(1))
    found = kc.measure(kc.read(mlp, jnp.ones(32)), inputs, inputs=8)
    chosen = np.random.default_rng(0).permutation(len(inputs))[:8]
    h = np.asarray(jax.vmap(mlp.layers[0])(jnp.asarray(inputs[chosen], jnp.float32)), np.float64)
    node = found.nodes[1]
    assert node.q.mean == pytest.approx(float(np.mean(h**2)), rel=1e-5)
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    assert node.cosine.mean == pytest.approx(float(np.mean((unit[::2] * unit[1::2]).sum(1))))
    spread = np.std((unit[::2] * unit[1::2]).sum(1), ddof=1)
    assert node.cosine.error == pytest.approx(spread / 2)


def test_gradients_are_those_of_jax() -> None:
    x = kc.Input((5,))
    h = kc.chain(kc.Dense(7), kc.Activation("tanh"))(x)
    net = kc.Network(x, kc.Dense(2)(kc.WeightedSum((0.6, 0.8))(h, kc.Dense(7)(h))))
    model = kc.lower(net, key=0)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(3, 5)), jnp.float32)
    found = node_gradients(model, xs, jnp.ones_like, jax.random.key(0))
    wanted = jax.vmap(jax.grad(lambda x: model(x).sum()))(xs)
    assert found[0].gradient == pytest.approx(np.asarray(wanted), abs=1e-6)
    assert found[-1].value == pytest.approx(np.asarray(model.batched(xs)), abs=1e-6)
    assert [each.name for each in found[1:]] == [node.name for node in net.nodes[1:]]


def test_batch_norm_takes_the_statistics_of_the_inputs(inputs: np.ndarray) -> None:
    x = kc.Input((32,))
    body = kc.chain(kc.Dense(64), kc.BatchNorm(), kc.Activation("relu"), kc.Dense(2))
    found = kc.measure(kc.Network(x, body(x)), inputs)
    assert found["batch_norm_1"].q.mean == pytest.approx(1, abs=1e-3)


def test_tokens_have_no_gradient_and_models_keep_their_weights() -> None:
    x = kc.Tokens(6, 11)
    net = kc.Network(x, kc.chain(kc.Embedding(16), kc.Dense(4))(x))
    tokens = np.random.default_rng(0).integers(0, 11, (8, 6))
    model = kc.lower(net, key=3)
    found = kc.measure(model, tokens, key=3)
    assert math.isnan(found.nodes[0].gradient.mean)
    assert str(found) == str(kc.measure(net, tokens, key=3))


def test_a_table_names_nodes_and_what_is_assumed(measured: kc.Measurement) -> None:
    told = str(measured)
    assert "layers.0/dense" in told
    assert "dev: the deviation" in told
    assert "assumes inputs of q value" in told


@pytest.mark.parametrize(
    ("data", "count"),
    [(None, 32), (np.ones((3, 4)), 32), (np.ones((8, 4)), 2), (np.ones((8, 5)), 32)],
)
def test_what_cannot_be_measured_is_refused(data: object, count: int) -> None:
    x = kc.Input((4,))
    with pytest.raises(kc.KernelcError):
        kc.measure(kc.Network(x, kc.Dense(3)(x)), data, inputs=count)
    with pytest.raises(kc.KernelcError):
        kc.measure(object(), np.ones((8, 4)))  # pyright: ignore[reportArgumentType]


def test_names_that_no_node_has_are_refused(measured: kc.Measurement) -> None:
    with pytest.raises(kc.DataError, match="no node"):
        measured["no such node"]
