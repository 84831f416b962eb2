"""Layers one by one and blocks in a loop: one function, one gradient, one set of names."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc.modules import ModelRepeat


KEY = jax.random.key(7)
XS = jnp.asarray(np.random.default_rng(1).normal(size=(6, 5)), jnp.float32)

TANH = kc.Activation("tanh")
BLOCKS = {
    "dense": kc.chain(TANH, kc.Dense(5, bias_std=0.3)),
    "linear twice": kc.chain(kc.Dense(5), kc.Dense(5), kc.Activation("relu")),
    "residual": kc.residual(kc.chain(TANH, kc.Dense(7), TANH, kc.Dense(5)), 0.8),
    "normalized": kc.chain(kc.LayerNorm(), kc.Scale(1.5), kc.Activation("gelu"), kc.Dense(5)),
    "gated": kc.chain(kc.RMSNorm(), kc.GLU(7), kc.Dense(5)),
    "dropped": kc.chain(TANH, kc.Dropout(0.4), kc.Dense(5, bias_std=0.3, init="orthogonal")),
}


def network(block, count: int = 3) -> kc.Network:
    """A stem, equal blocks, a head."""
    x = kc.Input((5,))
    return kc.Network(x, kc.chain(kc.Dense(5), kc.repeat(block, count), TANH, kc.Dense(3))(x))


def both(net: kc.Network, **options) -> tuple[kc.Model, kc.Model]:
    """The model one by one, and in loops."""
    forms = ("unrolled", "scan")
    one, two = (kc.lower(net, key=KEY, layers=f, **options) for f in forms)
    assert not any(isinstance(node, ModelRepeat) for node in one.nodes)
    assert any(isinstance(node, ModelRepeat) for node in two.nodes)
    return one, two


@eqx.filter_jit
def run(model, key):
    return model.batched(XS, key=key)


@eqx.filter_jit
@eqx.filter_value_and_grad
def loss(model, key=KEY):
    return jnp.mean(jnp.cos(model.batched(XS, key=key)))


def assert_same(one, two) -> None:
    """Equal trees, to the last bit."""
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)


# Dense blocks, which "dropped" holds, are also trained below.
@pytest.mark.parametrize("name", [name for name in BLOCKS if name != "dense"])
def test_values_and_gradients_agree(name):
    flat, looped = both(network(BLOCKS[name]))
    value, slope = loss(flat)
    value_looped, slope_looped = loss(looped)
    # The same float32 operations, which XLA fuses, and so rounds, differently in a loop.
    np.testing.assert_allclose(value, value_looped, rtol=1e-5)
    leaves = [jax.tree.leaves(each) for each in (slope, kc.unrolled(slope_looped))]
    for a, b in zip(*leaves, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    assert max(np.abs(leaf).max() for leaf in leaves[0]) > 1e-3


@pytest.mark.parametrize("name", BLOCKS)
def test_conversions_keep_every_bit(name):
    flat, looped = both(network(BLOCKS[name]))
    assert_same(kc.unrolled(looped), flat)
    assert_same(kc.scanned(flat), looped)
    assert_same(kc.scanned(looped), looped)
    assert_same(kc.unrolled(flat), flat)
    assert flat.parameters_count == looped.parameters_count


def test_names_lead_to_the_same_layers():
    net = network(BLOCKS["residual"])
    flat, looped = both(net)
    seen, seen_looped = (model.activations(XS[0]) for model in (flat, looped))
    assert list(seen) == list(seen_looped) == [node.name for node in net.nodes[1:]]
    for name, value in seen.items():
        np.testing.assert_array_equal(value, seen_looped[name])
        assert_same(flat[name], looped[name])
    np.testing.assert_allclose(looped(XS[0]), seen[net.nodes[-1].name], rtol=1e-5)
    for model in (flat, looped):
        with pytest.raises(kc.GraphError, match="no node called 'other'"):
            model["other"]


def test_one_example_mapped_examples_and_batches_agree():
    _, looped = both(network(BLOCKS["residual"]))
    ys = eqx.filter_jit(looped.batched)(XS)
    # The same float32 sums in another order.
    np.testing.assert_allclose(jax.jit(jax.vmap(looped))(XS), ys, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(looped(XS[2]), ys[2], rtol=1e-4, atol=1e-5)


def test_dropout_follows_key_mode_and_layer():
    flat, looped = both(network(BLOCKS["dropped"]))
    for model in (flat, looped):
        with pytest.raises(kc.DataError, match=r"node 'dropout_1'(?s:.*)key=key"):
            model.batched(XS)
    for old in (False, True):
        key = jax.random.PRNGKey(3) if old else jax.random.key(3)
        values = [run(model, key) for model in (flat, looped)]
        # Equal masks: another one would move entries by their whole size.
        np.testing.assert_allclose(values[0], values[1], rtol=1e-4, atol=1e-6)
    other = run(looped, jax.random.key(4))
    assert np.abs(other - values[1]).max() > 1e-2
    calm = [run(eqx.nn.inference_mode(model), None) for model in (flat, looped)]
    np.testing.assert_allclose(calm[0], calm[1], rtol=1e-4, atol=1e-6)


def test_empirical_kernels_agree():
    # Delta convolutions count one tap of their window, which an axis of blocks must not move.
    x = kc.Input((4, 3))
    block = kc.chain(kc.Conv(3, 3, delta=True), TANH)
    flat, looped = both(kc.Network(x, kc.chain(kc.repeat(block, 3), kc.Flatten(), kc.Dense(2))(x)))
    xs = jnp.asarray(np.random.default_rng(1).normal(size=(3, 4, 3)), jnp.float32)
    for parameterization in ("ntk", "standard"):
        one, two = (
            kc.empirical_kernel(model, xs, parameterization=parameterization)
            for model in (flat, looped)
        )
        np.testing.assert_allclose(np.asarray(one.nngp), np.asarray(two.nngp), rtol=1e-5)
        np.testing.assert_allclose(np.asarray(one.ntk), np.asarray(two.ntk), rtol=1e-5)


def test_training_takes_the_same_path():
    labels = np.arange(6) % 3
    runs = [
        kc.fit(model, (np.asarray(XS), labels), optimizer=optax.adam(1e-2), steps=8, progress=False)
        for model in both(network(BLOCKS["dense"]))
    ]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-4)
    assert runs[0].losses[-1] < runs[0].losses[0]
    assert any(isinstance(node, ModelRepeat) for node in runs[1].model.nodes)


def test_only_models_are_converted():
    stranger: Any = jnp.ones(3)
    for convert in (kc.scanned, kc.unrolled):
        with pytest.raises(kc.KernelcError, match=r"kernelc\.lower"):
            convert(stranger)
