"""Vision transformers: against loops over all pairs of locations, and finite networks."""

from __future__ import annotations

import dataclasses
from typing import Any

import brute_force as bf
import jax
import numpy as np
import pytest

import kernelc as kc
import nets


TOKEN, POSITIONS = 0.5, 0.7
X = np.random.default_rng(8).normal(size=(3, 4, 6, 3))
PATCH, LENGTH = 2, 6
MATRIX = np.full((1, LENGTH + 1, LENGTH + 1), 1 / (LENGTH + 1))


def with_token(state: bf.Kernels, standard: bool) -> bf.Kernels:
    """One more location in front, which all inputs share."""
    n, old, new = state.count, LENGTH, LENGTH + 1
    found = []
    for matrix, own in ((state.k, TOKEN**2), (state.t, 1.0 if standard else TOKEN**2)):
        out = np.zeros((n * new, n * new))
        for i, j in np.ndindex(n, n):
            block = matrix[i * old : (i + 1) * old, j * old : (j + 1) * old]
            out[i * new, j * new] = own
            out[i * new + 1 : (i + 1) * new, j * new + 1 : (j + 1) * new] = block
        found.append(out)
    return bf.Kernels(found[0], found[1], n, (new,))


def placed(state: bf.Kernels, standard: bool) -> bf.Kernels:
    alike = np.tile(np.eye(LENGTH + 1), (state.count, state.count))
    t = state.t + (1.0 if standard else POSITIONS**2) * alike
    return dataclasses.replace(state, k=state.k + POSITIONS**2 * alike, t=t)


def recursion(standard: bool, width: int, tail: str) -> tuple[np.ndarray, np.ndarray]:
    keep: bf.Step = lambda state: state  # noqa: E731
    window = bf.spread((PATCH, PATCH), (PATCH, PATCH), "VALID")
    dense = bf.standard(keep, keep, width, 1.3, 0.2) if standard else bf.fresh(1.3, 0.2)
    state = bf.Kernels.of(X)
    if standard:
        state = bf.standard(window, window, PATCH**2 * 3, 1.3, 0.2)(state)
    else:
        state = bf.fresh(1.3, 0.2)(window(state))
    state = dataclasses.replace(state, places=(LENGTH,))
    state = placed(with_token(state, standard), standard)
    state = bf.relu(dense(state))
    if tail == "locations":
        return state.diagonal
    # Keys and queries with weights of their own under 1/d add nothing.
    state = dense(bf.mixed(MATRIX, (LENGTH + 1,))(dense(state)))
    # Uniform attention makes locations alike; arccos would show the rounding of their cosines.
    state = dense(bf.erf(state))
    if tail == "first":
        nngp, ntk = state.diagonal
        return nngp[..., 0], ntk[..., 0]
    nngp, ntk = bf.everywhere()(state).diagonal
    return nngp[..., 0], ntk[..., 0]


def network(width: int, tail: str) -> kc.Network:
    x = kc.Input(X.shape[1:])
    patches = kc.Conv(width, PATCH, PATCH, "VALID", weight_std=1.3, bias_std=0.2, delta=False)
    dense, relu = kc.Dense(width, 1.3, 0.2), kc.Activation("relu")
    stem = (patches, kc.ToSequence(), kc.ClassToken(TOKEN), kc.PositionalEmbedding(POSITIONS))
    node = kc.chain(*stem, dense, relu)(x)
    if tail == "locations":
        return kc.Network(x, node)
    mixed = kc.Attention(2, scale="1/d")(kc.Dense(width)(node), kc.Dense(width)(node), dense(node))
    pool = kc.FirstToken() if tail == "first" else kc.GlobalMeanPool()
    erf = kc.Activation("erf")
    return kc.Network(x, kc.chain(dense, erf, dense, pool)(mixed), name=tail)


@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
@pytest.mark.parametrize("tail", ["locations", "first", "pool"])
def test_kernels_of_images_are_those_of_loops(tail: str, parameterization: Any) -> None:
    found = kc.kernel_fn(network(16, tail), parameterization=parameterization)(X)
    exact = recursion(parameterization == "standard", 16, tail)
    for matrix, wanted in zip((found.nngp, found.ntk), exact, strict=True):
        np.testing.assert_allclose(matrix, wanted, rtol=1e-11, atol=1e-13)


def test_kernels_of_two_sets_diagonals_and_gaps_agree() -> None:
    k = kc.kernel_fn(network(16, "first"))
    nngp, ntk = recursion(False, 16, "first")
    crossed, diagonal = k(X[:2], X[1:]), k.diagonal(X)
    np.testing.assert_allclose(crossed.nngp, nngp[:2, 1:], rtol=1e-11)
    np.testing.assert_allclose(diagonal.ntk, np.diag(ntk), rtol=1e-11)
    size = np.sqrt(np.diag(nngp))
    gap = np.asarray(k(X, get=("gap",)).gap)
    np.testing.assert_allclose(gap, 1 - nngp / np.outer(size, size), atol=1e-11)


WIDTH, MODELS, SIGMAS = 512, 6, 5.0


@pytest.mark.parametrize("part", ["nngp", "ntk"])
def test_finite_vision_transformers_have_the_kernel_of_images(part: str) -> None:
    images = X[:, :, :4].astype("float32")
    net = nets.vit((4, 4, 3), 2, WIDTH, 2, 32, WIDTH, "relu", mlp_ratio=1)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    outputs = None if part == "nngp" else (0, 1, 2, 3)
    found = kc.empirical_kernel(models, images, get=part, outputs=outputs, standard_error=True)
    mean, error = (np.asarray(getattr(matrices, part)) for matrices in found)
    exact = np.asarray(getattr(kc.kernel_fn(net)(images), part))
    scale = np.abs(exact).max()
    # Five standard errors of the mean over models, and a bias of order depth / heads.
    assert np.all(np.abs(mean - exact) <= SIGMAS * error + 16 / WIDTH * scale)
    # A tolerance that lets any rule pass would test nothing.
    assert np.median(SIGMAS * error) <= 0.25 * scale
