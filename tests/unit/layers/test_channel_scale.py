"""ChannelScale: finite layer, formula, shaping and refusals."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


def test_gains_start_at_the_value_and_biases_at_zero():
    layer = drawn(kc.ChannelScale(0.25, bias=True), (3, 4))
    x = jnp.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(layer((x,))[0], x / 4)
    changed = eqx.tree_at(lambda m: m.bias, layer, jnp.arange(4.0))
    np.testing.assert_array_equal(changed((x,))[0], x / 4 + jnp.arange(4.0))
    plain = drawn(kc.ChannelScale(0.25), (3, 4))
    assert len(jax.tree.leaves(plain)) == 1
    with pytest.raises(kc.ShapeError):
        layer((x[..., :3],))


def test_the_kernel_is_that_of_a_number():
    x = kc.Input((3, 4))
    ours, theirs = (
        kc.Network(x, kc.chain(kc.Dense(5), scale, kc.Activation("relu"), kc.Dense(2))(x))
        for scale in (kc.ChannelScale(0.6, bias=True), kc.Scale(0.6))
    )
    assert kc.derive(ours).ntk == kc.derive(theirs).ntk


def test_shaping_starts_gains_at_one():
    x = kc.Input((4,))
    layers = kc.chain(kc.Dense(9), kc.Activation("tanh"), kc.ChannelScale(0.5), kc.Dense(2))
    net = kc.Network(x, layers(x))
    with pytest.raises(kc.ShapingError, match="start them at 1"):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True).network
    assert kc.ChannelScale(1.0) in [node.layer for node in shaped]
    with pytest.raises(kc.GraphError, match="value"):
        kc.ChannelScale(float("nan"))
