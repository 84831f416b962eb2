"""The input factor of a convolution, against patches cut out one by one and the stock block."""

from __future__ import annotations

import itertools

import equinox as eqx
import jax
import numpy as np
import pytest

import kernelc as kc
from kernelc.curvature import _compat
from kernelc.curvature._conv import conv_block, output_sizes, patch_moment


KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def by_hand(x, window, strides, pads, dilation, with_bias):
    x = np.pad(x.astype(np.float64), ((0, 0), *pads, (0, 0)))
    patches = []
    for image in x:
        for top in range(0, image.shape[0] - (window[0] - 1) * dilation[0], strides[0]):
            for left in range(0, image.shape[1] - (window[1] - 1) * dilation[1], strides[1]):
                taps = [
                    image[top + i * dilation[0], left + j * dilation[1]]
                    for i, j in itertools.product(range(window[0]), range(window[1]))
                ]
                patches.append(np.concatenate([*taps, np.ones(int(with_bias))]))
    return np.einsum("ni,nj->ij", np.array(patches), np.array(patches)) / len(patches)


CASES = [
    ((3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), True),
    ((3, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), False),
    ((3, 2), (2, 1), ((0, 1), (1, 0)), (1, 1), True),
    ((2, 3), (2, 3), ((0, 0), (0, 0)), (1, 1), True),
    ((3, 2), (2, 1), ((2, 2), (0, 0)), (2, 3), True),
]


@pytest.mark.parametrize("case", CASES)
def test_the_moment_of_patches(case):
    x = RNG.normal(size=(4, 7, 6, 3)).astype(np.float32)
    # float32 sums of some hundred terms of size one
    np.testing.assert_allclose(patch_moment(x, *case), by_hand(x, *case), rtol=1e-4, atol=1e-5)


def test_large_batches_are_summed_up_in_pieces(monkeypatch):
    x = RNG.normal(size=(6, 5, 5, 2)).astype(np.float32)
    whole = patch_moment(x, *CASES[0])
    # two images of 25 patches of 18 float32 entries
    monkeypatch.setattr("kernelc.curvature._conv._MOST", 2 * 25 * 18 * 4)
    assert "scan" in str(jax.make_jaxpr(lambda x: patch_moment(x, *CASES[0]))(x))
    np.testing.assert_allclose(patch_moment(x, *CASES[0]), whole, rtol=1e-5, atol=1e-6)


def test_the_places_of_a_window_are_those_of_the_convolution():
    for window, strides, pads, dilation, _ in CASES:
        out = jax.eval_shape(
            lambda x, w, s=strides, p=pads, d=dilation: jax.lax.conv_general_dilated(
                x, w, s, p, rhs_dilation=d, dimension_numbers=("NHWC", "HWIO", "NHWC")
            ),
            jax.ShapeDtypeStruct((1, 7, 6, 3), np.float32),
            jax.ShapeDtypeStruct((*window, 3, 2), np.float32),
        )
        assert out.shape[1:3] == output_sizes((7, 6), window, strides, pads, dilation)


@pytest.mark.parametrize(
    ("padding", "strides", "with_bias"),
    [("SAME", (1, 1), True), ("VALID", (1, 1), False), ("SAME", (2, 2), True)],
)
def test_the_block_has_the_factor_of_the_stock_block(padding, strides, with_bias):
    kfac_jax = _compat.load()
    x = RNG.normal(size=(3, 6, 6, 2)).astype(np.float32)
    params = {"w": RNG.normal(size=(3, 3, 2, 4)).astype(np.float32)}
    if with_bias:
        params["b"] = np.zeros(4, np.float32)

    def loss(params, x):
        y = jax.lax.conv_general_dilated(
            x, params["w"], strides, padding, dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        y = y + params["b"] if with_bias else y
        kfac_jax.register_squared_error_loss(y.reshape(len(x), -1), weight=0.5)
        return 0.5 * (y**2).sum() / len(x)

    estimator = kfac_jax.BlockDiagonalCurvature(
        loss, layer_tag_to_block_ctor={"conv2d": conv_block(kfac_jax)}
    )
    with _compat.quiet():
        estimator.finalize((params, x))
    (block,) = estimator.blocks
    stock = kfac_jax.Conv2DTwoKroneckerFactored
    assert block.fixed_scale() == stock.num_locations.fget(block)
    # float32, sums in another order
    np.testing.assert_allclose(
        block.compute_inputs_stats(x), stock.compute_inputs_stats(block, x), rtol=1e-4, atol=1e-5
    )


def apart(x):
    """Zeros between rows, and the zeros around that a transposed convolution has."""
    found = np.zeros((len(x), 11, 5, 2))
    found[:, ::2] = x
    return found


TRANSPOSED = kc.ConvTranspose(4, 3, (2, 1), ((1, 1), (0, 2)), dilation=(1, 2))
LAYERS = [
    (kc.Conv(4, 3, (2, 1), ((2, 1), (0, 2)), dilation=(1, 2), delta=False), np.array, (2, 1), 12),
    (TRANSPOSED, apart, (1, 1), 11 * 3),
]


@pytest.mark.parametrize(("conv", "read", "strides", "places"), LAYERS)
def test_the_factor_of_a_layer_counts_its_padding_and_dilation(conv, read, strides, places):
    kfac_jax = _compat.load()
    x = RNG.normal(size=(3, 6, 5, 2)).astype(np.float32)
    layer = conv.module([(6, 5, 2)], conv.out_shape([(6, 5, 2)], "conv"), KEY, np.float32)
    params = {"w": layer.weight, "b": layer.bias}

    def loss(params, x):
        bound = eqx.tree_at(lambda m: (m.weight, m.bias), layer, (params["w"], params["b"]))
        y = bound.apply(x)
        kfac_jax.register_squared_error_loss(y.reshape(len(x), -1), weight=0.5)
        return 0.5 * (y**2).sum() / len(x)

    estimator = kfac_jax.BlockDiagonalCurvature(
        loss, layer_tag_to_block_ctor={"conv2d": conv_block(kfac_jax)}
    )
    with _compat.quiet():
        estimator.finalize((params, x))
    (block,) = estimator.blocks
    wanted = by_hand(read(x), (3, 3), strides, conv.padding, (1, 2), True)
    assert block.num_locations == places
    # float32 sums of some hundred terms of size one
    np.testing.assert_allclose(block.compute_inputs_stats(x), wanted, rtol=1e-4, atol=1e-5)
