"""PixelUnshuffle and PixelShuffle: finite layers, kernels beside loops, and wide networks."""

from __future__ import annotations

import brute_force as bf
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(14)
RELU, ERF = kc.Activation("relu"), kc.Activation("erf")
DOWN, UP = kc.PixelUnshuffle(2), kc.PixelShuffle(2)
IMAGES = RNG.normal(size=(2, 4, 2, 3)) * RNG.uniform(0.5, 1.6, size=(2, 4, 2, 1))
LINES = RNG.normal(size=(2, 2, 3)) * RNG.uniform(0.5, 1.6, size=(2, 2, 1))


def network(example: np.ndarray, *layers: kc.Layer) -> kc.Network:
    x = kc.Input(example.shape[1:])
    return kc.Network(x, kc.chain(*layers)(x))


def kernels(example: np.ndarray, *layers: kc.Layer) -> tuple[np.ndarray, np.ndarray]:
    found = kc.kernel_fn(network(example, *layers))(example)
    return np.asarray(found.nngp), np.asarray(found.ntk)


def test_offsets_stand_one_after_the_other_or_as_in_torch() -> None:
    x = RNG.normal(size=(2, 4, 6, 3)).astype("float32")
    down = np.asarray(drawn(DOWN, (4, 6, 3))((jnp.asarray(x),))[0])
    torch_order = np.asarray(drawn(kc.ChannelShuffle(4), (2, 3, 12))((jnp.asarray(down),))[0])
    for i, j, c in np.ndindex(2, 2, 3):
        pixel = x[:, i::2, j::2, c]
        np.testing.assert_array_equal(down[..., (2 * i + j) * 3 + c], pixel)
        np.testing.assert_array_equal(torch_order[..., 4 * c + 2 * i + j], pixel)
    np.testing.assert_array_equal(drawn(UP, (2, 3, 12))((jnp.asarray(down),))[0], x)
    back = drawn(kc.ChannelShuffle(3), (2, 3, 12))((jnp.asarray(torch_order),))[0]
    np.testing.assert_array_equal(back, down)


@pytest.mark.parametrize("shuffled", [False, True])
def test_weights_behind_blocks_are_a_convolution_whose_windows_tile(shuffled: bool) -> None:
    dense = kc.Dense(5, 1.3, 0.2)
    conv = kc.Conv(5, 2, 2, "VALID", weight_std=1.3, bias_std=0.2, delta=False)
    order = (kc.ChannelShuffle(4),) if shuffled else ()
    found, wanted = kernels(IMAGES, DOWN, *order, dense), kernels(IMAGES, conv)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_activations_act_on_each_offset_by_itself() -> None:
    first = kc.Dense(6, 1.2, 0.3)
    found = kernels(IMAGES, first, DOWN, RELU, kc.Dense(4))
    np.testing.assert_allclose(found, kernels(IMAGES, first, RELU, DOWN, kc.Dense(4)), rtol=1e-12)
    formula = kc.derive(network(IMAGES, first, DOWN, RELU)).nngp
    assert formula == kc.derive(network(IMAGES, first, RELU)).nngp


def test_blocks_of_channels_are_independent_locations() -> None:
    heads = np.array([[[1, 0], [0, 0], [0, 1], [0, 0]], [[0, 0], [1, 0], [0, 0], [0, 1]]])
    state = bf.Kernels.of(LINES)
    for step in (bf.fresh(1.2, 0.3), bf.mixed(heads, (4,)), bf.relu, bf.fresh(), bf.everywhere()):
        state = step(state)
    layers = (kc.Dense(6, 1.2, 0.3), UP, RELU, kc.Dense(4), kc.GlobalMeanPool())
    wanted = [matrix[..., 0] for matrix in state.diagonal]
    np.testing.assert_allclose(kernels(LINES, *layers), wanted, rtol=1e-12)
    # The means of unlike channels are in their covariance, whichever comes first.
    layers = (kc.Dense(6, 1.2, 0.3), RELU, UP, kc.Dense(4), kc.GlobalMeanPool())
    np.testing.assert_allclose(kernels(LINES, *layers), wanted, rtol=1e-12)


WIDTH, MODELS = 256, 40


def test_wide_networks_have_these_kernels() -> None:
    spread = kc.Conv(WIDTH, 2, padding="VALID", delta=False, bias_std=0.3)
    layers = (kc.Dense(WIDTH), RELU, UP, spread, kc.TakeLocations(0, (6, 2)), ERF, DOWN)
    net = network(IMAGES, *layers, kc.Dense(WIDTH, 1.3), kc.GlobalMeanPool())
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    xs = IMAGES.astype("float32")
    measured, error = kc.empirical_kernel(models, xs, get="nngp", standard_error=True)
    wanted = np.asarray(kc.kernel_fn(net)(IMAGES).nngp)
    # Five standard errors of the mean over models, and a bias of order 1 / width.
    allowed = 5 * np.asarray(error.nngp) + 8 / WIDTH * np.abs(wanted).max()
    assert np.all(np.abs(np.asarray(measured.nngp) - wanted) <= allowed)
    assert np.median(5 * np.asarray(error.nngp)) <= 0.25 * np.abs(wanted).max()


def test_formulas_and_odd_shapes_are_refused() -> None:
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        kc.derive(network(IMAGES, kc.Dense(8), UP))
    with pytest.raises(kc.UnsupportedError, match="differ one by one"):
        kc.kernel_fn(network(np.ones((1, 2, 4)), UP))
    for layer, shape in ((DOWN, (3, 4)), (DOWN, (4,)), (UP, (2, 3)), (UP, (4,))):
        with pytest.raises(kc.ShapeError, match="blocks"):
            kc.Network(x := kc.Input(shape), layer(x))
        with pytest.raises(kc.ShapeError, match="blocks"):
            drawn(layer, (4, 4))((jnp.ones((1, *shape)),))
    with pytest.raises(kc.ShapeError, match="factor"):
        kc.PixelShuffle(0)
