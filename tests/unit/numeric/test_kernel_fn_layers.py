"""Layers on data against their covariance rules, written out."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from kernel_networks import RELU, D, conv, data, network

import kernelc as kc


X = data("rectified", 4)
PLACES = np.random.default_rng(3).normal(size=(4, 5, 3)) * np.linspace(0.5, 1.5, 5)[:, None]


def kernels(*layers: kc.Layer, x: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    if x is None:
        return vectors(*layers)
    found = kc.kernel_fn(network(kc.chain(*layers), x.shape[1:]))(x)
    return np.asarray(found.nngp), np.asarray(found.ntk)


@functools.cache
def vectors(*layers: kc.Layer) -> tuple[np.ndarray, np.ndarray]:
    """Of X; several tests ask for the same."""
    return kernels(*layers, x=X)


def agree(found, wanted) -> None:
    for matrix, exact in zip(found, wanted, strict=True):
        # A few roundings of 1e-16.
        np.testing.assert_allclose(matrix, exact, rtol=1e-13, atol=1e-14)


def branches(join: kc.Layer, *blocks: list[kc.Layer]) -> kc.KernelMatrices:
    x = kc.Input(X.shape[1:])
    node = join(*(kc.chain(*block)(x) for block in blocks))
    return kc.kernel_fn(kc.Network(x, node))(X)


def test_scale_multiplies_by_its_square() -> None:
    nngp, ntk = kernels(D(8, bias_std=0.3), RELU, D(8))
    agree(kernels(D(8, bias_std=0.3), RELU, D(8), kc.Scale(-0.6)), (0.36 * nngp, 0.36 * ntk))


def test_weighted_sums_of_independent_branches() -> None:
    first, second = [D(8), RELU, D(8)], [D(8, 1.5, 0.2)]
    found = branches(kc.WeightedSum((0.6, -0.8)), first, second)
    parts = zip(kernels(*first), kernels(*second), strict=True)
    agree(found[:2], [0.36 * a + 0.64 * b for a, b in parts])


def test_products_of_independent_branches() -> None:
    first, second = [D(8), RELU, D(8)], [D(8, 1.5, 0.2)]
    found = branches(kc.Product(), first, second)
    (k1, t1), (k2, t2) = kernels(*first), kernels(*second)
    agree(found[:2], (k1 * k2, t1 * k2 + k1 * t2))


def test_concat_followed_by_an_activation() -> None:
    """A third of the channels sees one kernel, two thirds the other."""
    first, second = [D(4)], [D(8, 1.5, 0.2)]
    x = kc.Input(X.shape[1:])
    joined = kc.Concat()(*(kc.chain(*block)(x) for block in (first, second)))
    found = kc.kernel_fn(kc.Network(x, D(3)(RELU(joined))))(X)
    parts = zip(kernels(*first, RELU), kernels(*second, RELU), strict=True)
    nngp, ntk = (a / 3 + 2 * b / 3 for a, b in parts)
    agree(found[:2], (nngp, nngp + ntk))


def entry(x: np.ndarray) -> np.ndarray:
    """<x, x'> / channels at equal locations."""
    return np.einsum("i...c,j...c->ij...", x, x) / x.shape[-1]


@pytest.mark.parametrize("mode", ["one", "avg_q", "off"])
def test_per_location_normalization(mode: str) -> None:
    q = (PLACES**2).mean(-1)
    h = {"one": np.ones_like(q), "off": np.zeros_like(q)}.get(mode)
    h = np.sqrt(q.mean(1, keepdims=True)) + 0 * q if h is None else h
    size = np.sqrt(3 * q + h * h)
    wanted = (3 * entry(PLACES) + h[:, None] * h[None]) / (size[:, None] * size[None])
    agree(kernels(kc.PLN(mode), D(8, 1.2, 0.1), x=PLACES), [1.44 * wanted + 0.01] * 2)


def test_layer_norm_over_channels_subtracts_the_mean() -> None:
    """E relu = √(q / 2 pi)."""
    q = (X**2).mean(1)
    mean = np.sqrt(q / (2 * math.pi))
    covariance = kernels(D(8), RELU)[0] - mean[:, None] * mean[None]
    spread = np.sqrt(q / 2 - mean**2)
    wanted = covariance / (spread[:, None] * spread[None])
    agree(kernels(D(8), RELU, kc.LayerNorm())[:1], [wanted])
    agree(kernels(D(8), kc.LayerNorm(center=False))[:1], [entry(X) / np.sqrt(np.outer(q, q))])


def test_layer_norm_over_everything() -> None:
    q = (PLACES**2).mean((1, 2))
    scale = np.sqrt(q[:, None] * q[None])[..., None]
    wanted = entry(PLACES) / scale
    agree(kernels(D(8), kc.LayerNorm(axis="all"), x=PLACES), [wanted, wanted])


def test_weighted_mean_pools_and_strided_delta_convolutions_pick_a_center() -> None:
    """Of five locations, SAME windows of three at a stride of two are centered on 0, 2 and 4."""
    exact = entry(PLACES)[:, :, ::2]
    pool = kc.WeightedMeanPool(3, 2)
    agree(kernels(D(8), pool, x=PLACES), [exact, exact])
    strided = kernels(conv(3, delta=True, stride=2), x=PLACES)
    agree(strided, [exact + 0.04, exact + 0.04])
    valid = kernels(conv(3, "VALID", delta=True, stride=2), x=PLACES)
    agree(valid[:1], [entry(PLACES)[:, :, 1:4:2] + 0.04])


def test_flatten_and_global_pool() -> None:
    agree(kernels(kc.Flatten(), D(3), x=PLACES), [entry(PLACES).mean(-1)] * 2)
    agree(kernels(kc.GlobalMeanPool(), D(3), x=PLACES), [entry(PLACES.mean(1))] * 2)


@pytest.mark.parametrize(("padding", "stride"), [("SAME", 2), ("VALID", 1), ("CIRCULAR", 1)])
def test_mean_pools_of_the_input_are_means_of_the_input(padding: str, stride: int) -> None:
    """And what follows sees their q values: K_0 of the pooled inputs."""
    places = {
        "SAME": [[0, 1], [2, 3], [4]],
        "VALID": [[i, i + 1] for i in range(4)],
        "CIRCULAR": [[i, (i + 1) % 5] for i in range(5)],
    }[padding]
    pooled = np.stack([PLACES[:, at].mean(1) for at in places], axis=1)
    layers = [D(8, bias_std=0.2), RELU, D(8)]
    found = kernels(kc.MeanPool(2, stride, padding), *layers, x=PLACES)
    agree(found, kernels(*layers, x=pooled))


@pytest.mark.parametrize("shape", [(5, 3), (3, 2, 3), (2, 3, 2, 3)])
def test_delta_convolutions_are_dense_layers_at_each_location(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(4).normal(size=(3, *shape))
    x /= np.sqrt((x**2).mean(-1, keepdims=True))
    found = kernels(kc.Conv(8, 3), RELU, kc.Conv(8, 3, bias_std=0.1), x=x)
    # All locations of all inputs as so many vectors; wanted are those at one location.
    whole = kernels(D(8), RELU, D(8, bias_std=0.1), x=x.reshape(-1, shape[-1]))
    count = math.prod(shape[:-1])
    at = np.arange(count)
    blocks = (m.reshape(3, count, 3, count)[:, at, :, at] for m in whole)
    agree(found, [np.moveaxis(m, 0, -1).reshape(3, 3, *shape[:-1]) for m in blocks])
