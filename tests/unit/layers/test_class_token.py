"""ClassToken, FirstToken and ToSequence: finite layers, formulas, shaping and refusals."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(4)


def test_the_token_stands_in_front_of_all_examples() -> None:
    layer = drawn(kc.ClassToken(0.5), (3, 4000))
    assert float(jnp.std(layer.token)) == pytest.approx(0.5, rel=0.05)
    x = jnp.asarray(RNG.normal(size=(2, 3, 4000)), "float32")
    (y, _) = layer((x,))
    np.testing.assert_array_equal(y[:, 1:], x)
    np.testing.assert_array_equal(y[:, 0], np.stack([layer.token] * 2))
    first = drawn(kc.FirstToken(), (4, 4000))
    np.testing.assert_array_equal(first((y,))[0], y[:, 0])


def test_a_row_is_the_locations_in_the_order_of_rows() -> None:
    x = jnp.arange(24.0).reshape(1, 2, 3, 4)
    (y, _) = drawn(kc.ToSequence(), (2, 3, 4))((x,))
    np.testing.assert_array_equal(y[0, 4], x[0, 1, 1])


def test_patches_are_those_that_were_cut_out_by_hand() -> None:
    """A dense layer on the pixels of one patch has the kernel of the patch in the row."""
    x = RNG.normal(size=(3, 4, 6, 2))
    image, patch = kc.Input((4, 6, 2)), kc.Input((2, 3, 2))
    tiles = kc.Conv(8, (2, 3), (2, 3), "VALID", weight_std=1.3, bias_std=0.2, delta=False)
    layers = kc.chain(kc.Activation("relu"), kc.Dense(8))
    row = kc.Network(image, kc.chain(tiles, kc.ToSequence(), layers)(image))
    dense = kc.chain(kc.Flatten(), kc.Dense(8, 1.3, bias_std=0.2), layers)
    found, one = kc.kernel_fn(row)(x), kc.kernel_fn(kc.Network(patch, dense(patch)))
    for p, (i, j) in enumerate([(0, 0), (0, 3), (2, 0), (2, 3)]):
        wanted = one(x[:, i : i + 2, j : j + 3])
        np.testing.assert_allclose(found.nngp[..., p], wanted.nngp, rtol=1e-12)
        np.testing.assert_allclose(found.ntk[..., p], wanted.ntk, rtol=1e-12)


def test_formulas_do_not_tell_a_row_from_an_image_and_refuse_class_tokens() -> None:
    x = kc.Input((2, 3, 4))
    block = kc.chain(kc.Dense(5), kc.Activation("erf"), kc.GlobalMeanPool())
    image = kc.Network(x, block(x))
    row = kc.Network(x, kc.chain(kc.ToSequence(), block)(x))
    assert kc.derive(row).ntk == kc.derive(image).ntk
    token = kc.Network(x, kc.chain(kc.ToSequence(), kc.ClassToken(), block)(x))
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        kc.derive(token)


def test_the_first_token_is_the_class_token_where_nothing_mixes() -> None:
    """Its covariance is that of two equal vectors, whatever the inputs."""
    x = kc.Input((3, 4))
    block = kc.chain(kc.ClassToken(0.5), kc.Dense(6, bias_std=0.3), kc.FirstToken())
    found = kc.kernel_fn(kc.Network(x, block(x)))(RNG.normal(size=(2, 3, 4)))
    np.testing.assert_allclose(found.nngp, 0.25 + 0.09, rtol=1e-13)
    np.testing.assert_allclose(found.ntk, 0.25 + (0.25 + 0.09), rtol=1e-13)


def test_shaping_asks_for_tokens_of_unit_variance_and_takes_windows_that_tile() -> None:
    x = kc.Input((4, 4, 3))
    patches = kc.chain(kc.Conv(8, 2, stride=2, padding="VALID", delta=False), kc.ToSequence())
    layers = (kc.Dense(8), kc.Activation("tanh"), kc.Dense(8), kc.FirstToken())
    net = kc.Network(x, kc.chain(patches, kc.ClassToken(0.5), *layers)(x))
    with pytest.raises(kc.ShapingError, match="class_token_1"):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True)
    assert kc.ClassToken() in [node.layer for node in shaped.network]
    images = RNG.normal(size=(2, 4, 4, 3))
    np.testing.assert_allclose(kc.kernel_fn(shaped).diagonal(images).nngp, 1.0, rtol=1e-12)
    overlapping = kc.Conv(8, 2, stride=1, padding="VALID", delta=False)
    with pytest.raises(kc.ShapingError, match="spread over the window"):
        kc.shape(kc.Network(x, kc.chain(overlapping, *layers[:2], kc.Flatten(), kc.Dense(1))(x)))


@pytest.mark.parametrize("layer", [kc.ClassToken(), kc.FirstToken()], ids=["class", "first"])
@pytest.mark.parametrize(("shape", "remedy"), [((4,), "leave it out"), ((6, 6, 4), "ToSequence")])
def test_what_is_no_sequence_is_refused(layer, shape, remedy) -> None:
    x = kc.Input(shape)
    with pytest.raises(kc.ShapeError, match=remedy):
        kc.Network(x, layer(x))
    with pytest.raises(kc.ShapeError):
        drawn(layer, (5, 4))((jnp.ones((2, *shape)),))


def test_vectors_have_no_row_and_deviations_are_numbers() -> None:
    x = kc.Input((5,))
    with pytest.raises(kc.ShapeError, match="to_sequence_1"):
        kc.Network(x, kc.ToSequence()(x))
    with pytest.raises(kc.GraphError, match="std"):
        kc.ClassToken(-1.0)
