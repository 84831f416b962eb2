"""Kernels of whole transformers against the outputs of finite ones."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import kernelc as kc
import nets


WIDTH, MODELS, SIGMAS = 512, 6, 5.0
TEXTS = np.array([[1, 2, 3, 4], [1, 2, 0, 4], [5, 5, 6, 0]])


@pytest.mark.parametrize("block", ["preln", "postln", "sas", "skipless"])
def test_outputs_of_finite_decoders_have_the_covariance_of_their_kernel(block) -> None:
    net = nets.decoder(
        4, 7, WIDTH, depth=2, heads=8, activation="relu", block=block, head=WIDTH, mlp_ratio=1
    )
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    found = kc.empirical_kernel(models, TEXTS, get="nngp", standard_error=True)
    mean, error = (np.asarray(matrices.nngp) for matrices in found)
    exact = np.asarray(kc.kernel_fn(net)(TEXTS, get=("nngp",)).nngp)
    scale = np.abs(exact).max()
    # Five standard errors of the mean over models, and a bias of order depth / width.
    assert np.all(np.abs(mean - exact) <= SIGMAS * error + 16 / WIDTH * scale)
    # A tolerance that lets any rule pass would test nothing.
    assert np.median(SIGMAS * error) <= 0.25 * scale
