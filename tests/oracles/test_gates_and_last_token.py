"""Gated units, RMS norm and the last token against wide random networks, means over networks."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kernelc as kc


WIDTH, NETS, TOKENS, CHANNELS = 2048, 8, 3, 16
SIGMAS = 5.0
# Corrections in the width are of first order, and grow with the depth.
BIAS = 16 / WIDTH
Q, C = 1.3, 0.6
D = kc.Dense(WIDTH, bias_std=0.3)
ERF = kc.Activation("erf")
BLOCKS = {
    "glu": kc.chain(kc.GLU(WIDTH, bias_std=0.2), D),
    "swiglu": kc.chain(kc.SwiGLU(WIDTH), kc.Dense(WIDTH, weight_std=2.0), ERF),
    "geglu": kc.chain(kc.GEGLU(WIDTH, weight_std=1.4), kc.RMSNorm(), D),
    "rms norm": kc.chain(D, ERF, kc.RMSNorm(), kc.Dense(WIDTH, weight_std=1.5), ERF),
    "rms norm over locations": kc.chain(D, kc.RMSNorm(axis="all"), ERF),
}


def sequences() -> np.ndarray:
    """Two sequences, all of q value 1.3, whose equal locations have cosine 0.6."""
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.normal(size=(CHANNELS, 2 * TOKENS)))[0].T
    both = np.kron(np.linalg.cholesky([[1, C], [C, 1]]), np.eye(TOKENS)) @ basis
    return (both * np.sqrt(Q * CHANNELS)).reshape(2, TOKENS, CHANNELS).astype(np.float32)


def network(name: str) -> kc.Network:
    x = kc.Input((TOKENS, CHANNELS))
    return kc.Network(x, kc.chain(BLOCKS[name], kc.LastToken())(x), name=name)


@pytest.mark.parametrize("name", BLOCKS)
def test_wide_networks_have_the_derived_kernel(name: str) -> None:
    net, x = network(name), sequences()
    derived = kc.derive(net).evaluate(c=C, q=Q)
    wanted = np.array([[derived.q, derived.nngp], [derived.nngp, derived.q]])
    np.testing.assert_allclose(kc.kernel_fn(net)(x).nngp, wanted, rtol=1e-5)
    assert_near(net, wanted)


def test_wide_shaped_units_keep_q() -> None:
    inputs = kc.Input((TOKENS, CHANNELS))
    blocks = kc.chain(kc.SwiGLU(WIDTH), kc.Dense(WIDTH), kc.SwiGLU(WIDTH), kc.LastToken())
    shaped = kc.shape(kc.Network(inputs, blocks(inputs)), kc.DKS(zeta=1.5)).network
    # The infinite-width kernel is the same, and Gaussian weights are drawn faster.
    net = shaped.rebuild(lambda node: node.layer.with_weights(init="gaussian"))
    c = kc.derive(net).evaluate(c=C, q=1).c
    assert_near(net, np.array([[1, c], [c, 1]]), scale=1 / np.sqrt(Q))


def assert_near(net: kc.Network, wanted: np.ndarray, scale: float = 1.0) -> None:
    """The mean over networks of the covariances of the outputs is what is wanted."""
    grams = []
    for seed in range(NETS):
        model = kc.lower(net, key=jax.random.key(seed))
        y = np.asarray(model.batched(np.float32(scale) * sequences()), np.float64)
        grams.append(y @ y.T / WIDTH)
    error = np.std(grams, 0, ddof=1) / np.sqrt(NETS)
    q = wanted[0, 0]
    assert np.all(np.abs(np.mean(grams, 0) - wanted) <= SIGMAS * error + BIAS * q)
    # A tolerance that lets any rule pass would test nothing.
    assert np.all(SIGMAS * error <= 0.2 * q)


@pytest.mark.parametrize("name", ["glu", "rms norm"])
def test_gradients_of_finite_networks_have_this_ntk(name: str) -> None:
    width, rng = 128, np.random.default_rng(9)
    layers = {
        "glu": kc.chain(kc.GLU(width, "swish", bias_std=0.2), kc.LastToken(), kc.Dense(1)),
        "rms norm": kc.chain(kc.Dense(width), kc.RMSNorm(), ERF, kc.LastToken(), kc.Dense(1)),
    }
    inputs = kc.Input((TOKENS, CHANNELS))
    net = kc.Network(inputs, layers[name](inputs))
    x = rng.normal(size=(3, TOKENS, CHANNELS)).astype(np.float32)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(32)]
    measured, error = kc.empirical_kernel(models, x, get=("ntk",), standard_error=True)
    wanted = kc.kernel_fn(net)(x, get=("ntk",)).ntk
    scale = float(np.abs(wanted).max())
    assert np.all(np.abs(measured.ntk - wanted) <= SIGMAS * error.ntk + 8 / width * scale)
    assert np.all(SIGMAS * error.ntk <= 0.35 * scale)
