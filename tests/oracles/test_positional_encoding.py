"""Fixed sinusoids: against loops over a table written out, and finite networks."""

from __future__ import annotations

import dataclasses

import brute_force as bf
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


LENGTH, CHANNELS, STD, POSITIONS = 5, 8, 0.8, 0.6
X = np.random.default_rng(5).integers(0, 4, size=(3, LENGTH))


def table(channels: int = CHANNELS) -> np.ndarray:
    """Entry by entry."""
    found = np.zeros((LENGTH, channels))
    for p in range(LENGTH):
        for f in range(channels // 2):
            angle = p / 10_000 ** (2 * f / channels)
            found[p, 2 * f] = np.sqrt(2) * POSITIONS * np.sin(angle)
            found[p, 2 * f + 1] = np.sqrt(2) * POSITIONS * np.cos(angle)
    return found


def embedded(centered: bool, channels: int = CHANNELS) -> bf.Kernels:
    """Tokens and their places, less the mean over channels of the table where `centered`."""
    tokens, rows = X.ravel(), np.tile(table(channels), (len(X), 1))
    if centered:
        rows = rows - rows.mean(1, keepdims=True)
    theta = STD**2 * (tokens[:, None] == tokens)
    return bf.Kernels(theta + rows @ rows.T / channels, theta, len(X), (LENGTH,))


def normalized(state: bf.Kernels) -> bf.Kernels:
    """Each location by itself."""
    q = np.diag(state.k)
    scale = np.sqrt(np.outer(q, q))
    return dataclasses.replace(state, k=state.k / scale, t=state.t / scale)


def network(norm: kc.Layer | None, width: int = CHANNELS) -> kc.Network:
    x = kc.Tokens(LENGTH, 4)
    stem = (kc.Embedding(width, STD), kc.PositionalEncoding(POSITIONS), norm)
    blocks = (kc.Dense(width, 1.3, 0.2), kc.Activation("erf"), kc.Dense(width, 1.3, 0.2))
    layers = [layer for layer in (*stem, *blocks, kc.GlobalMeanPool()) if layer is not None]
    return kc.Network(x, kc.chain(*layers)(x))


def recursion(norm: kc.Layer | None, width: int = CHANNELS) -> tuple[np.ndarray, np.ndarray]:
    state = embedded(isinstance(norm, kc.LayerNorm), width)
    state = state if norm is None else normalized(state)
    dense = bf.fresh(1.3, 0.2)
    nngp, ntk = bf.everywhere()(dense(bf.erf(dense(state)))).diagonal
    return nngp[..., 0], ntk[..., 0]


@pytest.mark.parametrize("norm", [None, kc.RMSNorm(), kc.LayerNorm()], ids=["none", "rms", "layer"])
def test_kernels_are_those_of_the_table(norm: kc.Layer | None) -> None:
    found = kc.kernel_fn(network(norm))(X)
    for matrix, wanted in zip((found.nngp, found.ntk), recursion(norm), strict=True):
        np.testing.assert_allclose(matrix, wanted, rtol=1e-11)


def test_without_pools_it_is_a_formula_of_each_location() -> None:
    x = kc.Tokens(LENGTH, 4)
    stem = kc.chain(kc.Embedding(8, STD), kc.PositionalEncoding(POSITIONS))
    layers = kc.chain(kc.Dense(8), kc.Activation("erf"), kc.Dense(8))
    net = kc.Network(x, kc.chain(stem, layers)(x))
    found, kernel = kc.kernel_fn(net)(X), kc.derive(net)
    for i, j, p in np.ndindex(3, 3, LENGTH):
        value = kernel.evaluate(c=float(X[i, p] == X[j, p]), q=1)
        assert value.nngp == pytest.approx(found.nngp[i, j, p], rel=1e-12)
        assert value.ntk == pytest.approx(found.ntk[i, j, p], rel=1e-12)


WIDTH, MODELS, SIGMAS = 1024, 6, 5.0


def test_finite_networks_add_this_table() -> None:
    net = network(kc.LayerNorm(), WIDTH)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    added = drawn(kc.PositionalEncoding(POSITIONS), (LENGTH, WIDTH))(
        (jnp.zeros((1, LENGTH, WIDTH)),)
    )
    np.testing.assert_allclose(added[0][0], table(WIDTH), atol=1e-6)
    found = kc.empirical_kernel(models, X, get="nngp", standard_error=True)
    mean, error = (np.asarray(matrices.nngp) for matrices in found)
    exact = recursion(kc.LayerNorm(), WIDTH)[0]
    # Five standard errors of the mean over models, and a bias of order 1 / width.
    assert np.all(np.abs(mean - exact) <= SIGMAS * error + 4 / WIDTH)
    assert np.median(SIGMAS * error) <= 0.1 * np.abs(exact).max()


REFUSED = {
    "odd": (kc.Input((4, 3)), kc.PositionalEncoding(), kc.ShapeError, "3 channels"),
    "image": (kc.Input((4, 4, 2)), kc.PositionalEncoding(), kc.ShapeError, "ToSequence"),
    "vector": (kc.Input((4,)), kc.PositionalEncoding(), kc.ShapeError, "leave it out"),
}


@pytest.mark.parametrize(("x", "layer", "kind", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_other_shapes_are_refused(x, layer, kind, told) -> None:
    with pytest.raises(kind, match=told):
        kc.Network(x, layer(x))


def test_two_tables_on_one_value_are_refused_and_not_added_as_if_independent() -> None:
    x = kc.Tokens(LENGTH, 4)
    place = kc.PositionalEncoding(POSITIONS)
    stem = kc.chain(kc.Embedding(8), place)
    for block in (place, kc.chain(kc.RMSNorm(), place)):
        net = kc.Network(x, kc.chain(stem, block, kc.Dense(3))(x))
        for ask in (kc.kernel_fn, kc.derive):
            with pytest.raises(kc.UnsupportedError, match="second table"):
                ask(net)
    apart = kc.Network(x, kc.chain(stem, kc.Dense(8), place, kc.Dense(3))(x))
    assert np.isfinite(kc.kernel_fn(apart)(X).nngp).all()


def test_nonlinearities_that_read_the_table_are_refused() -> None:
    x = kc.Tokens(LENGTH, 4)
    stem = kc.chain(kc.Embedding(8), kc.PositionalEncoding(), kc.Activation("erf"))
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kc.kernel_fn(kc.Network(x, stem(x)))


def test_shaping_puts_trained_positions_in_its_place() -> None:
    x = kc.Tokens(LENGTH, 4)
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(8))
    net = kc.Network(x, kc.chain(kc.Embedding(8), kc.PositionalEncoding(0.5), block)(x))
    with pytest.raises(kc.ShapingError, match="positional_encoding_1"):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True)
    assert kc.PositionalEmbedding(0.0) in [node.layer for node in shaped.network]
