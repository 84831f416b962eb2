"""Smoothed labels."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.training._curvature import curvature_of
from kernelc.training._losses import cross_entropy


LOGITS = jnp.asarray(np.random.default_rng(0).normal(size=(6, 4)), jnp.float32)
LABELS = jnp.arange(6) % 4


def test_nothing_smoothed_is_cross_entropy():
    np.testing.assert_allclose(
        kc.CrossEntropy()(LOGITS, LABELS), cross_entropy(LOGITS, LABELS), rtol=1e-6
    )


def test_the_share_is_split_over_all_classes():
    logs = np.asarray(jax.nn.log_softmax(LOGITS))
    wanted = -0.8 * logs[np.arange(6), np.asarray(LABELS)] - 0.2 * logs.mean(1)
    np.testing.assert_allclose(kc.CrossEntropy(0.2)(LOGITS, LABELS), wanted, rtol=1e-6)


def test_kfac_knows_its_curvature():
    assert curvature_of(kc.CrossEntropy(0.1)) == "softmax"


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(kc.DataError, match="label_smoothing"):
        kc.CrossEntropy(share)
