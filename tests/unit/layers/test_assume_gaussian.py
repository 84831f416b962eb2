"""AssumeGaussian: the identity, with the law of its output stated."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(2)


def test_the_finite_layer_is_the_identity():
    x = jnp.asarray(RNG.normal(size=(2, 5, 3)))
    (y, _) = drawn(kc.AssumeGaussian(), (5, 3))((x,))
    np.testing.assert_array_equal(y, x)


def test_an_activation_on_data_has_the_dual_of_a_gaussian_value():
    x = kc.Input((3,))
    assumed = kc.Network(x, kc.chain(kc.AssumeGaussian(), kc.Activation("erf"))(x))
    drawn_first = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("erf"))(x))
    xs = RNG.normal(size=(4, 3))
    found, wanted = kc.kernel_fn(assumed)(xs), kc.kernel_fn(drawn_first)(xs)
    np.testing.assert_allclose(found.nngp, wanted.nngp, rtol=1e-12)
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kc.derive(kc.Network(x, kc.Activation("erf")(x)))


def test_flattened_values_are_assumed_at_each_location():
    x = kc.Input((4, 3))
    layers = (kc.Dense(5), kc.Activation("tanh"), kc.Flatten())
    net = kc.Network(x, kc.chain(*layers, kc.AssumeGaussian(), kc.Activation("tanh"))(x))
    before = (*layers[:2], kc.AssumeGaussian(), kc.Activation("tanh"), kc.Flatten())
    xs = RNG.normal(size=(3, 4, 3))
    found = kc.kernel_fn(net)(xs).nngp
    np.testing.assert_allclose(found, kc.kernel_fn(kc.Network(x, kc.chain(*before)(x)))(xs).nngp)


def test_shape_states_the_assumption():
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.AssumeGaussian())
    net = kc.Network(x, kc.chain(block, kc.Activation("tanh"), kc.Dense(2))(x))
    assert any("assume" in line or "Gaussian" in line for line in kc.shape(net).assumptions)
