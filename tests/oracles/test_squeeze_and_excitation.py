"""NNGP and NTK of squeeze-and-excitation on data, beside wide networks."""

from __future__ import annotations

import jax
import numpy as np

import kernelc as kc


WIDTH, MODELS, SIGMAS = 128, 16, 5.0
RNG = np.random.default_rng(21)
X = (RNG.normal(size=(2, 2, 3, 3)) * RNG.uniform(0.6, 1.5, (2, 2, 3, 1))).astype("float32")


def network() -> kc.Network:
    x = kc.Input(X.shape[1:])
    value = kc.Conv(WIDTH, 3, delta=False)(x)
    squeeze = kc.chain(kc.GlobalMeanPool(), kc.Dense(WIDTH), kc.Activation("relu"))
    excite = kc.chain(kc.Dense(WIDTH, bias_std=1.0), kc.Activation("erf"), kc.Broadcast((2, 3)))
    gated = kc.Product()(value, excite(squeeze(value)))
    return kc.Network(x, kc.chain(kc.GlobalMeanPool(), kc.Dense(WIDTH))(gated))


def test_wide_networks_have_these_kernels() -> None:
    net = network()
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    exact = kc.kernel_fn(net)(X)
    for part, outputs in (("nngp", None), ("ntk", (0, 1, 2))):
        found = kc.empirical_kernel(models, X, get=part, outputs=outputs, standard_error=True)
        mean, error = (np.asarray(getattr(matrices, part)) for matrices in found)
        wanted = np.asarray(getattr(exact, part))
        scale = np.abs(wanted).max()
        # Five standard errors of the mean over models, and a bias of order 1 / width.
        assert np.all(np.abs(mean - wanted) <= SIGMAS * error + 8 / WIDTH * scale)
        # A tolerance that lets any rule pass would test nothing.
        assert np.median(SIGMAS * error) <= 0.4 * scale
