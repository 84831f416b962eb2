"""GroupNorm: the finite layer against NumPy, its kernel beside layer norm, and what it refuses."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc.layers import GroupNormModule


RNG = np.random.default_rng(6)
X = (RNG.normal(size=(2, 3, 2, 8)) * 2 + 1).astype(np.float32)


@pytest.mark.parametrize("groups", [1, 2, 8])
def test_each_group_has_moments_of_its_own(groups):
    gain, bias = RNG.normal(size=(2, 8)).astype(np.float32)
    layer = GroupNormModule(groups, jnp.array(gain), jnp.array(bias), 0.1)
    wanted = np.empty_like(X, dtype=np.float64)
    for part in np.split(np.arange(8), groups):
        x = X[..., part].astype(np.float64)
        axes = (1, 2, 3)
        scale = np.sqrt(x.var(axes, keepdims=True) + 0.1)
        wanted[..., part] = (x - x.mean(axes, keepdims=True)) / scale
    np.testing.assert_allclose(layer((jnp.array(X),))[0], wanted * gain + bias, atol=1e-5)


def test_one_group_is_layer_norm_over_everything():
    ours, theirs = drawn(kc.GroupNorm(1), (3, 2, 8)), drawn(kc.LayerNorm("all"), (3, 2, 8))
    np.testing.assert_allclose(ours((jnp.array(X),))[0], theirs((jnp.array(X),))[0], atol=1e-6)


def blocks(norm, *before):
    x = kc.Input((3, 2, 4))
    layers = kc.chain(*before, kc.Conv(12), kc.Activation("relu"), norm, kc.Conv(5))
    return kc.Network(x, layers(x))


def test_groups_of_alike_channels_have_the_kernel_of_layer_norm():
    ours, theirs = blocks(kc.GroupNorm(4)), blocks(kc.LayerNorm("all"))
    x = RNG.normal(size=(3, 3, 2, 4))
    for part in ("nngp", "ntk"):
        found, wanted = (getattr(kc.kernel_fn(net)(x), part) for net in (ours, theirs))
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    assert kc.derive(ours).nngp == kc.derive(theirs).nngp


def parts_of_4_and_8(norm, each):
    x = kc.Input((3, 4))
    parts = (kc.Dense(4, weight_std=3.0)(x), kc.Dense(8, weight_std=0.5, bias_std=1.0)(x))
    side = kc.Concat()(*(each(part) for part in parts))
    return kc.Network(x, kc.chain(norm, kc.Activation("erf"), kc.Dense(2))(side))


def test_groups_within_a_part_of_a_concatenation_normalize_it_by_itself():
    """Three groups cut between the parts, two do not."""
    by_part = kc.derive(parts_of_4_and_8(kc.Scale(1.0), kc.LayerNorm("all")))
    for groups, alike in ((3, True), (2, False)):
        found = kc.derive(parts_of_4_and_8(kc.GroupNorm(groups), kc.Scale(1.0)))
        assert (found.nngp == by_part.nngp) == alike


def test_kernels_refuse_single_channels_and_groups_of_data():
    with pytest.raises(kc.UnsupportedError, match="one channel"):
        kc.derive(blocks(kc.GroupNorm(12)))
    x = kc.Input((3, 4))
    with pytest.raises(kc.UnsupportedError, match="group_norm_1"):
        kc.derive(kc.Network(x, kc.chain(kc.GroupNorm(2), kc.Dense(2))(x)))


def test_shaping_takes_it_out():
    x = kc.Input((3, 2, 4))
    layers = kc.chain(kc.PLN(), kc.Conv(12), kc.GroupNorm(4), kc.Activation("tanh"), kc.Conv(5))
    net = kc.Network(x, layers(x))
    shaped = kc.shape(net, rewrite=True).network
    assert not any(isinstance(node.layer, kc.GroupNorm) for node in shaped)


def test_groups_divide_the_channels():
    with pytest.raises(kc.ShapeError, match="divides"):
        blocks(kc.GroupNorm(5))
    with pytest.raises(kc.ShapeError, match="divides"):
        GroupNormModule(3)((jnp.array(X),))
    with pytest.raises(kc.ShapeError):
        drawn(kc.GroupNorm(2), (4,))((jnp.ones((1, 6)),))
