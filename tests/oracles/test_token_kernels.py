"""Kernels of token sequences: against loops over all pairs of tokens, and finite networks."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import brute_force as bf
import jax
import numpy as np
import pytest

import kernelc as kc
from kernelc.numeric._tangent import Parameterization


LENGTH, VOCABULARY, STD, POSITIONS = 4, 7, 0.8, 0.6
X = np.random.default_rng(5).integers(0, VOCABULARY, size=(3, LENGTH))
X[1, :2] = X[0, :2]  # inputs that share tokens
X[2, 3] = X[2, 0]  # and one that repeats its own
MIX = np.array([[[0.7, 0.3, 0, 0], [0, 0.5, 0.5, 0], [0.2, 0, 0.8, 0], [0, 0.1, 0, 0.9]]])


def embedded(x: np.ndarray, standard: bool) -> bf.Kernels:
    """Pair by pair of tokens."""
    tokens = x.ravel()
    k = np.zeros((tokens.size, tokens.size))
    for i, one in enumerate(tokens):
        for j, other in enumerate(tokens):
            k[i, j] = STD**2 if one == other else 0.0
    return bf.Kernels(k, k / STD**2 if standard else k, len(x), (LENGTH,))


def placed(state: bf.Kernels, standard: bool) -> bf.Kernels:
    """Pair by pair of locations: what is at the same place of two inputs shares its vector."""
    size = math.prod(state.places)
    k, t = state.k.copy(), state.t.copy()
    for i in range(len(k)):
        for j in range(len(k)):
            if i % size == j % size:
                k[i, j] += POSITIONS**2
                t[i, j] += 1.0 if standard else POSITIONS**2
    return dataclasses.replace(state, k=k, t=t)


def dense(standard: bool, fan_in: int) -> bf.Step:
    keep: bf.Step = lambda state: state  # noqa: E731
    return bf.standard(keep, keep, fan_in, 1.3, 0.2) if standard else bf.fresh(1.3, 0.2)


def network(width: int, tail: str) -> kc.Network:
    x = kc.Tokens(LENGTH, VOCABULARY)
    blocks: list[kc.Layer] = [kc.Embedding(width, STD), kc.PositionalEmbedding(POSITIONS)]
    blocks += [kc.Dense(width, 1.3, 0.2), kc.Activation("erf")]
    if tail != "locations":
        blocks += [kc.Dense(width, 1.3, 0.2), kc.PositionalEmbedding(POSITIONS)]
        blocks += [kc.GlobalMeanPool() if tail == "pool" else kc.Flatten()]
    return kc.Network(x, kc.chain(*blocks)(x), name=tail)


def recursion(width: int, tail: str, standard: bool) -> tuple[np.ndarray, np.ndarray]:
    state = placed(embedded(X, standard), standard)
    state = bf.erf(dense(standard, width)(state))
    if tail == "locations":
        return state.diagonal
    state = placed(dense(standard, width)(state), standard)
    state = (bf.everywhere() if tail == "pool" else bf.flatten())(state)
    nngp, ntk = state.diagonal
    return nngp[..., 0], ntk[..., 0]


@pytest.mark.parametrize("parameterization", ["ntk", "standard"])
@pytest.mark.parametrize("tail", ["locations", "pool", "flat"])
def test_kernels_are_those_of_loops_over_pairs(tail: str, parameterization: Any) -> None:
    found = kc.kernel_fn(network(16, tail), parameterization=parameterization)(X)
    exact = recursion(16, tail, parameterization == "standard")
    for matrix, expected in zip((found.nngp, found.ntk), exact, strict=True):
        np.testing.assert_allclose(np.asarray(matrix), expected, rtol=1e-12, atol=1e-14)


def test_second_inputs_diagonals_and_gaps_are_parts_of_the_same() -> None:
    k = kc.kernel_fn(network(16, "pool"))
    nngp, ntk = recursion(16, "pool", False)
    crossed, diagonal = k(X[:2], X[1:]), k.diagonal(X, get=("ntk",))
    np.testing.assert_allclose(np.asarray(crossed.nngp), nngp[:2, 1:], rtol=1e-12)
    np.testing.assert_allclose(np.asarray(crossed.ntk), ntk[:2, 1:], rtol=1e-12)
    np.testing.assert_allclose(np.asarray(diagonal.ntk), np.diag(ntk), rtol=1e-12)
    gap, size = np.asarray(k(X, get=("gap",)).gap), np.sqrt(np.diag(nngp))
    np.testing.assert_allclose(gap, 1 - nngp / np.outer(size, size), atol=1e-12)


def test_kernels_without_pools_are_derived_formulas() -> None:
    """At one location c is 1 for equal tokens and 0 for others."""
    kernel, nngp = kc.derive(network(16, "locations")), recursion(16, "locations", False)[0]
    ntk = recursion(16, "locations", False)[1]
    for i, j, p in np.ndindex(3, 3, LENGTH):
        value = kernel.evaluate(c=float(X[i, p] == X[j, p]), q=1)
        assert value.nngp == pytest.approx(nngp[i, j, p], rel=1e-12)
        assert value.ntk == pytest.approx(ntk[i, j, p], rel=1e-12)


WIDTH, MODELS, SIGMAS = 2048, 6, 5.0


def test_lowered_networks_have_these_kernels() -> None:
    net = network(WIDTH, "pool")
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]

    def measured(part: str, parameterization: Parameterization, outputs: Any) -> None:
        found = kc.empirical_kernel(
            models,
            X,
            get=part,
            parameterization=parameterization,
            outputs=outputs,
            standard_error=True,
        )
        mean, error = (np.asarray(getattr(matrices, part)) for matrices in found)
        limit = recursion(WIDTH, "pool", parameterization == "standard")
        exact = limit[part == "ntk"]
        scale = np.abs(exact).max()
        # Five standard errors of the mean over models, and a bias of order 1 / width.
        assert np.all(np.abs(mean - exact) <= SIGMAS * error + 4 / WIDTH * scale)
        # A tolerance that lets any rule pass would test nothing.
        assert np.median(SIGMAS * error) <= 0.1 * scale

    measured("nngp", "ntk", None)
    measured("ntk", "ntk", (0, 1))
    measured("ntk", "standard", (0, 1))
