"""TakeChannels and ChannelShuffle: finite layers, and which slices are independent."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


ERF, TAKE = kc.Activation("erf"), kc.TakeChannels
SUM, PRODUCT = kc.WeightedSum((1.0, 0.7)), kc.Product()


def start() -> kc.Node:
    return kc.Input((4,))


def kernel(x: kc.Node, y: kc.Node) -> kc.Kernel:
    return kc.derive(kc.Network(x, y))


def test_finite_layers_are_slices_and_transposes():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 6)))
    np.testing.assert_array_equal(drawn(TAKE(2, 5), (3, 6))((x,))[0], x[..., 2:5])
    shuffled = drawn(kc.ChannelShuffle(3), (3, 6))((x,))[0]
    np.testing.assert_array_equal(shuffled, x[..., np.array([0, 2, 4, 1, 3, 5])])


def test_slices_of_one_layer_are_layers_of_their_own():
    x = start()
    both = kc.Dense(16, 1.2, 0.3)(x)
    split = kernel(x, PRODUCT(TAKE(0, 8)(both), ERF(TAKE(8, 16)(both))))
    dense = kc.Dense(8, 1.2, 0.3)
    apart = kernel(x, PRODUCT(dense(x), ERF(dense(x))))
    assert (split.nngp, split.ntk) == (apart.nngp, apart.ntk)


def test_equal_slices_are_one_value_through_activations_too():
    x = start()
    both = kc.Dense(16, 1.2)(x)
    split = kernel(x, SUM(TAKE(0, 8)(both), TAKE(0, 8)(ERF(both))))
    one = kc.Dense(8, 1.2)(x)
    assert split.nngp == kernel(x, SUM(one, ERF(one))).nngp


def test_slices_of_slices_are_told_by_their_channels():
    x = start()
    both = kc.Dense(16)(x)
    inner = TAKE(0, 4)(TAKE(4, 12)(both))
    assert kernel(x, PRODUCT(inner, TAKE(8, 12)(both))).q_map == kernel(x, both).q_map ** 2
    with pytest.raises(kc.DependenceError):
        kernel(x, PRODUCT(inner, TAKE(4, 8)(both)))
    with pytest.raises(kc.DependenceError):
        kernel(x, SUM(inner, TAKE(4, 8)(both)))


def test_a_shuffle_leaves_a_vanishing_share_of_channels_where_it_was():
    x = start()
    h = kc.Dense(64)(x)
    shuffled = kc.ChannelShuffle(8)(h)
    assert kernel(x, PRODUCT(h, shuffled)).q_map == kernel(x, h).q_map ** 2
    with pytest.raises(kc.DependenceError):
        kernel(x, PRODUCT(h, kc.ChannelShuffle(8)(shuffled)))  # eight times eight: back again
    with pytest.raises(kc.DependenceError):
        kernel(x, PRODUCT(h, kc.ChannelShuffle(64)(h)))


def test_slices_of_a_concatenation_are_those_of_its_parts():
    x = start()
    wide, narrow = kc.Dense(12, 3.0)(x), kc.Dense(4, 0.5)(x)
    side = kc.Concat()(wide, narrow)
    q = kernel(x, x).q_map
    assert kernel(x, TAKE(2, 11)(side)).q_map == 9 * q
    assert kernel(x, TAKE(12, 16)(side)).q_map == q / 4
    assert kernel(x, TAKE(10, 14)(side)).q_map == (9 * q + q / 4) / 2
    assert kernel(x, TAKE(0, 16)(side)).q_map == kernel(x, side).q_map


def test_a_shuffled_concatenation_is_read_by_weights_alone():
    x = start()
    long = kc.Concat()(kc.Dense(64, 3.0)(x), ERF(kc.Dense(64)(x)))
    shuffled, dense = kc.ChannelShuffle(2)(long), kc.Dense(4, 1.1, 0.2)
    found, wanted = kernel(x, dense(shuffled)), kernel(x, dense(long))
    assert (found.nngp, found.ntk) == (wanted.nngp, wanted.ntk)
    data = kernel(x, kc.Dense(3)(kc.ChannelShuffle(2)(x)))
    assert data.nngp == kernel(x, kc.Dense(3)(x)).nngp
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kernel(x, ERF(shuffled))
    with pytest.raises(kc.UnsupportedError, match="differ one by one"):
        kernel(x, TAKE(0, 64)(shuffled))
    with pytest.raises(kc.DependenceError):
        kernel(x, SUM(shuffled, kc.ChannelShuffle(4)(kc.Concat()(*[kc.Dense(64)(x)] * 2))))


def test_kernels_of_data_multiply_independent_slices():
    x = start()
    both = kc.Dense(16)(x)
    net = kc.Network(x, kc.Dense(2)(PRODUCT(TAKE(0, 8)(both), TAKE(8, 16)(both))))
    xs = np.random.default_rng(2).normal(size=(3, 4))
    np.testing.assert_allclose(kc.kernel_fn(net)(xs).nngp, (xs @ xs.T / 4) ** 2, rtol=1e-12)


@pytest.mark.parametrize(
    "value",
    [
        lambda x: x,
        lambda x: kc.Flatten()(kc.Dense(6)(x)),
        lambda x: kc.PositionalEncoding()(x),
    ],
    ids=["input", "flattened", "positions"],
)
def test_channels_that_differ_one_by_one_are_refused(value):
    x = kc.Input((2, 6))
    net = kc.Network(x, kc.Dense(2)(TAKE(0, 3)(value(x))))
    with pytest.raises(kc.UnsupportedError, match="take_channels_1"):
        kc.kernel_fn(net)


def test_shaping_follows_slices_of_one_layer_and_refuses_those_of_a_concatenation():
    x = start()

    def block(node: kc.Node) -> kc.Node:
        both = kc.Dense(16)(node)
        gate = kc.Activation("tanh")(TAKE(8, 16)(both))
        return kc.Dense(4)(PRODUCT(TAKE(0, 8)(both), gate))

    shaped = kc.shape(kc.Network(x, kc.chain(kc.PLN(), block, block)(x)), kc.DKS())
    assert max(map(abs, shaped.residuals.values())) < 1e-12
    side = kc.Concat()(kc.Dense(4)(x), kc.chain(kc.Dense(4), kc.Activation("tanh"))(x))
    with pytest.raises(kc.ShapingError, match="take_channels_1"):
        kc.shape(kc.Network(x, kc.chain(TAKE(2, 6), kc.Dense(3), kc.Activation("tanh"))(side)))


def test_channels_that_are_not_there_are_refused():
    x = start()
    for layer in (TAKE(2, 5), kc.ChannelShuffle(3)):
        with pytest.raises(kc.ShapeError):
            kc.Network(x, layer(x))
        with pytest.raises(kc.ShapeError):
            drawn(layer, (30,))((jnp.ones((1, 4)),))
    with pytest.raises(kc.ShapeError):
        TAKE(3, 3)
