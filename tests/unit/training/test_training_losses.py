"""Smoothed labels."""

from __future__ import annotations

from typing import Any

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


IMAGES = np.random.default_rng(1).normal(size=(5, 2, 3, 4))
ANSWERS = (IMAGES[..., :3] > 0).astype(int)
NUMBERS = np.random.default_rng(2).normal(size=(5, 2, 3, 3))


@pytest.fixture(scope="module")
def pixels():
    x = kc.Input((2, 3, 4))
    return kc.lower(kc.Network(x, kc.Dense(3)(x)), key=0)


def test_several_labels_of_each_location(pixels):
    f = np.asarray(pixels.batched(IMAGES), np.float64)
    chance = 1 / (1 + np.exp(-f))
    wanted = -(ANSWERS * np.log(chance) + (1 - ANSWERS) * np.log(1 - chance))
    found = kc.evaluate(pixels, IMAGES, ANSWERS, loss="multi_label")
    assert found.loss == pytest.approx(wanted.sum(-1).mean(), rel=1e-5)
    assert found.accuracy == pytest.approx(((f > 0) == ANSWERS).mean())
    whole = kc.evaluate(pixels, IMAGES, ANSWERS, loss="binary_cross_entropy")
    assert whole.loss == pytest.approx(6 * found.loss, rel=1e-5)


def test_squares_of_each_location(pixels):
    f = np.asarray(pixels.batched(IMAGES), np.float64)
    found = kc.evaluate(pixels, IMAGES, NUMBERS, loss="squared_error_per_location")
    assert found.loss == pytest.approx(0.5 * ((f - NUMBERS) ** 2).sum(-1).mean(), rel=1e-5)
    labels = np.arange(30).reshape(5, 2, 3) % 3
    rows = kc.evaluate(pixels, IMAGES, np.eye(3)[labels], loss="squared_error_per_location")
    told = kc.evaluate(pixels, IMAGES, labels, loss="squared_error_per_location")
    assert told.loss == pytest.approx(rows.loss, rel=1e-6)
    assert told.accuracy == pytest.approx((f.argmax(-1) == labels).mean())
    weights = labels > 0
    some = kc.evaluate(
        pixels,
        IMAGES,
        kc.data.Weighted(NUMBERS, weights),
        loss="squared_error_per_location",
    )
    wanted = 0.5 * ((f - NUMBERS) ** 2).sum(-1)[weights].mean()
    assert some.loss == pytest.approx(wanted, rel=1e-5)


def ones_own(f, y):
    return 0.5 * ((f - y) ** 2).sum(-1)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("multi_label", ANSWERS),
        ("squared_error_per_location", NUMBERS),
        (kc.LossWithCurvature(ones_own, "squares"), NUMBERS),
    ],
)
def test_kfac_takes_losses_of_locations_as_those_of_examples(loss, y):
    """A layer on (n, locations, channels) is that layer on n · locations examples."""
    settings = kc.kfac(damping_every=1, estimation="ggn_exact")
    losses = []
    for shape in ((2, 3), ()):
        x = kc.Input((*shape, 4))
        model = kc.lower(kc.Network(x, kc.Dense(3)(x)), key=0)
        data = (IMAGES.reshape(-1, *shape, 4), y.reshape(-1, *shape, 3))
        run = kc.fit(model, data, optimizer=settings, loss=loss, steps=3, progress=False)
        losses.append(run.losses)
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.parametrize(
    "loss",
    ["squared_error_per_location", "multi_label", kc.LossWithCurvature(ones_own, "squares")],
)
def test_blocks_are_those_of_any_loss(pixels, loss):
    assert str(kc.kfac_blocks(pixels, loss=loss)) == str(kc.kfac_blocks(pixels))


def test_kfac_says_what_to_do_with_a_function(pixels):
    with pytest.raises(kc.UnsupportedError, match="LossWithCurvature"):
        kc.fit(pixels, (IMAGES, NUMBERS), loss=ones_own, optimizer=kc.kfac(), progress=False)
    empirical = kc.kfac(estimation="fisher_empirical")
    known = kc.LossWithCurvature(ones_own, "squares")
    with pytest.raises(kc.UnsupportedError, match="curvature_prop"):
        kc.fit(pixels, (IMAGES, NUMBERS), loss=known, optimizer=empirical, progress=False)
    unknown: Any = "cross_entropy"
    with pytest.raises(kc.DataError, match="softmax"):
        kc.LossWithCurvature(ones_own, unknown)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(kc.DataError, match="label_smoothing"):
        kc.CrossEntropy(share)
