"""Broadcast: finite layer, kernels at all locations, and gates of squeeze-and-excitation."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(8)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 3)])
def test_one_location_stands_at_all(shape):
    x = jnp.asarray(RNG.normal(size=(2, *shape)))
    (y, _) = drawn(kc.Broadcast((4, 5)), shape)((x,))
    np.testing.assert_array_equal(y, np.tile(x.reshape(2, 1, 1, 3), (1, 4, 5, 1)))


def test_a_vector_that_is_repeated_and_averaged_is_itself():
    x = kc.Input((3,))
    layers = (kc.Dense(5, bias_std=0.3), kc.Activation("relu"))
    plain = kc.Network(x, kc.chain(*layers, kc.Dense(2))(x))
    spread = (kc.Broadcast((2, 3)), kc.Conv(5, 1), kc.GlobalMeanPool())
    there = kc.Network(x, kc.chain(*layers, *spread)(x))
    xs = RNG.normal(size=(4, 3))
    found, wanted = kc.kernel_fn(there)(xs), kc.kernel_fn(plain)(xs)
    np.testing.assert_allclose(found[:2], wanted[:2], rtol=1e-12)
    formula, wanted = (kc.derive(net).evaluate(c=0.4, q=1.3) for net in (there, plain))
    assert (formula.nngp, formula.ntk) == pytest.approx((wanted.nngp, wanted.ntk), rel=1e-12)


def test_masks_of_dropout_differ_between_the_locations():
    """One evaluation of one location has the q value of its mask, two locations do not."""
    x = kc.Input((3,))
    net = kc.Network(
        x, kc.chain(kc.Dense(5), kc.Broadcast((4,)), kc.Dropout(0.5), kc.GlobalMeanPool())(x)
    )
    xs = RNG.normal(size=(1, 3))
    q = float(np.mean(xs**2))
    found = kc.kernel_fn(net)(xs).nngp
    assert float(found[0, 0]) == pytest.approx(q * (1 / 4 * 2 + 3 / 4), rel=1e-12)


def gate(*layers):
    return kc.chain(kc.GlobalMeanPool(), *layers, kc.Activation("erf"), kc.Broadcast((2, 3)))


def test_a_gate_with_weights_of_its_own_is_independent_and_one_without_is_refused():
    x = kc.Input((2, 3, 4))
    value = kc.Conv(8)(x)
    fresh = gate(kc.Dense(8))
    net = kc.Network(x, kc.Product()(value, fresh(value)))
    apart = kc.Network(x, fresh(value))
    xs = RNG.normal(size=(3, 2, 3, 4))
    wanted = np.asarray(kc.kernel_fn(apart)(xs).nngp) * (xs[:, None] * xs).mean(-1)
    np.testing.assert_allclose(kc.kernel_fn(net)(xs).nngp, wanted, rtol=1e-12)
    tied = kc.Network(x, kc.Product()(value, gate()(value)))
    with pytest.raises(kc.DependenceError):
        kc.derive(tied)


def test_more_locations_and_odd_sizes_are_refused():
    x = kc.Input((2, 4))
    with pytest.raises(kc.ShapeError, match="GlobalMeanPool"):
        kc.Network(x, kc.Broadcast((2, 2))(x))
    with pytest.raises(kc.ShapeError):
        drawn(kc.Broadcast((2,)), (4,))((jnp.ones((1, 2, 4)),))
    for sizes in ((), (0,), (2.5,), "ab", None, (1, 1, 1, 1)):
        with pytest.raises(kc.ShapeError, match="positive integers"):
            kc.Broadcast(sizes)
