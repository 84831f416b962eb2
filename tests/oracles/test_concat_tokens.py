"""Concatenation along locations: kernels beside loops over all pairs, and wide networks."""

from __future__ import annotations

import brute_force as bf
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(12)
X = RNG.normal(size=(2, 3, 5)) * RNG.uniform(0.5, 1.6, size=(2, 3, 1))
RELU, ERF = kc.Activation("relu"), kc.Activation("erf")
WIDTH, MODELS = 128, 40


def network(width: int) -> kc.Network:
    """Images of two layers, whose means are not zero, one after the other."""
    x = kc.Input(X.shape[1:])
    long = kc.chain(kc.Dense(width, 1.3, 0.2), RELU)(x)
    short = kc.chain(kc.TakeLocations(0, 2), kc.Dense(width, 0.7, 0.4), RELU)(x)
    behind = kc.chain(kc.Dense(width, 1.1), ERF, kc.GlobalMeanPool(), kc.Dense(width))
    return kc.Network(x, behind(kc.ConcatTokens()(long, short)))


def recursion() -> tuple[np.ndarray, np.ndarray]:
    """(n, n): NNGP and NTK."""
    state = bf.Kernels.of(X)
    before = bf.fresh(1.3, 0.2)(state), bf.fresh(0.7, 0.4)(state)
    # E relu(u) is the root of q / 2 pi.
    means = [np.sqrt(np.diag(one.k) / (2 * np.pi)).reshape(2, 3) for one in before]
    parts = [bf.relu(one) for one in before]
    blocks = []
    for name in ("k", "t"):
        a, b = (getattr(part, name).reshape(2, 3, 2, 3) for part in parts)
        whole = np.zeros((2, 5, 2, 5))
        whole[:, :3, :, :3], whole[:, 3:, :, 3:] = a, b[:, :2, :, :2]
        if name == "k":
            cross = np.einsum("ip,jr->ipjr", means[0], means[1][:, :2])
            whole[:, :3, :, 3:] = cross
            whole[:, 3:, :, :3] = cross.transpose(2, 3, 0, 1)
        blocks.append(whole.reshape(10, 10))
    joined = bf.Kernels(blocks[0], blocks[1], 2, (5,))
    for step in (bf.fresh(1.1), bf.erf, bf.everywhere(), bf.fresh()):
        joined = step(joined)
    nngp, ntk = joined.diagonal
    return nngp[..., 0], ntk[..., 0]


def test_kernels_are_those_of_loops() -> None:
    found = kc.kernel_fn(network(WIDTH))(X)
    for matrix, wanted in zip(found[:2], recursion(), strict=True):
        np.testing.assert_allclose(matrix, wanted, rtol=1e-12)


def test_wide_networks_have_these_kernels() -> None:
    models = [kc.lower(network(WIDTH), key=jax.random.key(seed)) for seed in range(MODELS)]
    wanted, xs = recursion()[0], X.astype("float32")
    measured, error = kc.empirical_kernel(models, xs, get="nngp", standard_error=True)
    # Five standard errors of the mean over models, and a bias of order 1 / width.
    allowed = 5 * np.asarray(error.nngp) + 8 / WIDTH * np.abs(wanted).max()
    assert np.all(np.abs(np.asarray(measured.nngp) - wanted) <= allowed)
    # A tolerance that lets any rule pass would test nothing.
    assert np.median(5 * np.asarray(error.nngp)) <= 0.25 * np.abs(wanted).max()


def test_finite_layers_are_those_of_numpy_along_any_location_axis() -> None:
    a, b = RNG.normal(size=(2, 3, 4, 5)), RNG.normal(size=(2, 3, 2, 5))
    layer = drawn(kc.ConcatTokens(1), (3, 4, 5), (3, 2, 5))
    found = layer((jnp.asarray(a), jnp.asarray(b)))[0]
    np.testing.assert_allclose(found, np.concatenate([a, b], 2), rtol=1e-6)


def test_formulas_values_with_weights_in_common_and_odd_shapes_are_refused() -> None:
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        kc.derive(network(8))
    x = kc.Input((3, 4))
    h = kc.Dense(4)(x)
    with pytest.raises(kc.DependenceError, match="concat_tokens_1"):
        kc.kernel_fn(kc.Network(x, kc.ConcatTokens()(h, RELU(h))))
    for odd in (kc.Dense(3)(x), kc.Flatten()(h)):
        with pytest.raises(kc.ShapeError, match="concat_tokens_1"):
            kc.Network(x, kc.ConcatTokens()(h, odd))
    with pytest.raises(kc.ShapeError, match="axis"):
        kc.ConcatTokens(3)
