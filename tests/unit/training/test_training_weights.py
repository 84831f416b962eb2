"""Targets that do not count, or count more than others."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc.data import Weighted
from kernelc.training._curvature import registered
from kernelc.training._losses import cross_entropy
from kernelc.training._weighing import mean_loss


RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4, 3)).astype(np.float32)
Y = RNG.integers(0, 2, (12, 4))
KEPT = RNG.random((12, 4)) < 0.6
MASKED = np.where(KEPT, Y, -1)
WEIGHTS = RNG.random((12, 4)) * KEPT
ADAM = optax.adam(0.05)


@pytest.fixture(scope="module")
def model() -> kc.Model:
    x = kc.Input((4, 3))
    return kc.lower(kc.Network(x, kc.Dense(2)(x)), key=0)


def by_hand(model: Any, weights: np.ndarray, rows: Any = slice(None)) -> tuple[float, float]:
    """Weighted mean loss and accuracy, in float64."""
    f = np.asarray(model.batched(X[rows]), np.float64)
    logs = f - np.log(np.exp(f).sum(-1, keepdims=True))
    losses = -np.take_along_axis(logs, Y[rows][..., None], -1)[..., 0]
    right = f.argmax(-1) == Y[rows]
    w = np.broadcast_to(weights[rows].reshape(len(f), -1), losses.shape)
    return (w * losses).sum() / w.sum(), (w * right).sum() / w.sum()


@pytest.mark.parametrize(
    ("y", "loss", "weights"),
    [
        (MASKED, kc.CrossEntropy(ignore=-1), KEPT),
        (Weighted(MASKED, KEPT), "cross_entropy", KEPT),
        (Weighted(Y, WEIGHTS), "cross_entropy", WEIGHTS),
        (Weighted(MASKED, 1 + WEIGHTS), kc.CrossEntropy(ignore=-1), (1 + WEIGHTS) * KEPT),
        (Weighted(Y, 1 + WEIGHTS[:, 0]), "cross_entropy", 1 + WEIGHTS[:, 0]),
    ],
)
def test_the_mean_is_over_what_counts(model: kc.Model, y: Any, loss: Any, weights: Any) -> None:
    wanted, accuracy = by_hand(model, weights.astype(float))
    for batch_size in (5, 512):
        found = kc.evaluate(model, X, y, loss=loss, batch_size=batch_size)
        # float32 sums of 48 numbers
        assert found.loss == pytest.approx(wanted, rel=1e-5)
        assert found.accuracy == pytest.approx(accuracy, rel=1e-5)
    run = kc.fit(model, (X, y, X, y), optimizer=ADAM, loss=loss, steps=1, progress=False)
    assert run.losses[0] == pytest.approx(wanted, rel=1e-5)
    assert run.history[0].train_accuracy == pytest.approx(accuracy, rel=1e-5)
    assert run.test == run.train


def test_what_does_not_count_does_not_train(model: kc.Model) -> None:
    """The gradient is that of the counted labels alone."""
    others: list[tuple[Any, Any]] = [
        (MASKED, kc.CrossEntropy(ignore=-1)),
        (Weighted(np.where(KEPT, Y, 1 - Y), KEPT), "cross_entropy"),
    ]
    one, other = (
        kc.fit(model, (X, y), optimizer=ADAM, loss=loss, steps=5, progress=False).model
        for y, loss in others
    )
    same = jax.tree.map(np.array_equal, jax.tree.leaves(one), jax.tree.leaves(other))
    assert all(same)


@pytest.mark.parametrize("optimizer", [ADAM, kc.kfac(damping_every=1)], ids=["adam", "kfac"])
def test_a_batch_in_which_nothing_counts_is_no_nan(model: kc.Model, optimizer: Any) -> None:
    step = kc.make_step(model, optimizer, kc.CrossEntropy(ignore=-1))
    nothing = np.full((12, 4), -1)
    for batches in ((nothing, MASKED, MASKED, MASKED), (MASKED, nothing, MASKED, MASKED)):
        carry = step.start(X, batches[0])
        losses = []
        for y in batches:
            carry, loss = step(carry, X, y)
            losses.append(loss)
        assert np.isfinite(losses).all()
        assert losses[0 if batches[0] is nothing else 1] == 0
        assert losses[3] < losses[2]
        found = jax.tree.leaves(step.model(carry))
        assert all(np.isfinite(leaf).all() for leaf in found)


def test_kfac_counts_like_examples_that_are_left_out(model: kc.Model) -> None:
    """On one location, a label that does not count is an example that is not there."""
    x = kc.Input((3,))
    dense = kc.lower(kc.Network(x, kc.Dense(2)(x)), key=0)
    settings = kc.kfac(damping_every=1, estimation="fisher_empirical")
    rows, labels = X.reshape(-1, 3), MASKED.ravel()
    pairs: list[tuple[Any, Any]] = [
        ((rows, labels), kc.CrossEntropy(ignore=-1)),
        ((rows[labels >= 0], labels[labels >= 0]), "cross_entropy"),
    ]
    losses = [
        kc.fit(dense, data, optimizer=settings, loss=loss, steps=4, progress=False).losses
        for data, loss in pairs
    ]
    assert losses[0][-1] < losses[0][0]
    # The factor of the inputs counts all rows, so steps differ by a little after the first.
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.02)


def test_numbers_that_are_missing(model: kc.Model) -> None:
    y = RNG.normal(size=(12, 4, 2))
    y[3] = np.nan
    weights = np.asarray(np.isfinite(y).all(axis=(1, 2)))
    f = np.asarray(model.batched(X), np.float64)
    wanted = (0.5 * (f - y) ** 2).sum((1, 2))[weights].mean()
    found = kc.evaluate(model, X, Weighted(y, weights), loss="squared_error")
    assert found.loss == pytest.approx(wanted, rel=1e-5)


def test_weights_go_with_their_targets(model: kc.Model) -> None:
    y = Weighted(Y, WEIGHTS)
    data = kc.data.arrays(X, y, X, Y, classes=2)
    kept = data.subset(5).train_y
    assert isinstance(kept, Weighted)
    assert kept.weights.shape == (5, 4)
    stream = kc.data.Stream(
        lambda rows, draw: X[rows], y, shape=(4, 3), name="made", classes=2,
        test=lambda rows, draw: X[rows], test_y=Y,
    )  # fmt: skip
    runs = [
        kc.fit(model, each, optimizer=ADAM, steps=3, batch_size=4, validation=0.25, progress=False)
        for each in (data, stream)
    ]
    np.testing.assert_allclose(runs[0].losses, runs[1].losses, rtol=1e-6)
    assert runs[0].validation == pytest.approx(runs[1].validation)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (-WEIGHTS, "not negative"),
        (WEIGHTS[:, :2], r"shape \(12, 2\)"),
        (np.full((12, 4), np.nan), "NaN"),
        ("none", "real numbers"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, told: str) -> None:
    with pytest.raises(kc.DataError, match=told):
        Weighted(Y, weights)


HALF: Any = 0.5


def test_misfits_are_told(model: kc.Model) -> None:
    numbers = RNG.normal(size=(12, 4, 2))
    with pytest.raises(kc.DataError, match="squared_error_per_location"):
        kc.evaluate(model, X, Weighted(numbers, WEIGHTS), loss="squared_error")
    with pytest.raises(kc.DataError, match="all of weight 0"):
        kc.evaluate(model, X, Weighted(Y, np.zeros((12, 4))))
    with pytest.raises(kc.DataError, match="ignore=-1"):
        kc.evaluate(model, X, MASKED)
    with pytest.raises(kc.DataError, match="ignore"):
        kc.CrossEntropy(ignore=HALF)


def test_a_stored_run_knows_its_weights(model: kc.Model, tmp_path: Any) -> None:
    pytest.importorskip("orbax.checkpoint", reason="pip install 'kernelc[checkpoint]'")
    given: dict[str, Any] = {"optimizer": ADAM, "batch_size": 4, "progress": False}
    y = Weighted(Y, WEIGHTS)
    kc.fit(model, (X, y), steps=2, checkpoint=tmp_path, **given)
    more = kc.fit(model, (X, y), steps=4, checkpoint=tmp_path, **given)
    whole = kc.fit(model, (X, y), steps=4, **given)
    np.testing.assert_array_equal(more.losses, whole.losses)
    with pytest.raises(kc.LoadError, match="weights"):
        kc.fit(model, (X, Weighted(Y, 2 * WEIGHTS)), steps=4, checkpoint=tmp_path, **given)


def test_weights_of_all_ones_are_none(model: kc.Model) -> None:
    ones = Weighted(Y, np.ones((12, 4)))
    assert kc.evaluate(model, X, ones).loss == pytest.approx(kc.evaluate(model, X, Y).loss)
    leaves, tree = jax.tree.flatten(ones)
    again = jax.tree.unflatten(tree, [jnp.asarray(leaf) for leaf in leaves])
    assert len(again) == 12


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS[:, 0], None], ids=["labels", "rows", "none"])
def test_what_kfac_is_told_has_the_curvature_of_the_loss(weights: Any) -> None:
    """The Hessian of the loss in the outputs is the Gauss-Newton matrix of cross-entropy."""
    y = Y if weights is None else Weighted(Y, weights)
    logits = jnp.asarray(RNG.normal(size=(12, 4, 2)), jnp.float32)
    hessian = jax.hessian(lambda f: mean_loss(cross_entropy, f, y))(logits).reshape(96, 96)
    told = registered(cross_entropy, logits, y)
    np.testing.assert_allclose(told.outputs, logits, rtol=1e-6)
    slope = jax.jacobian(lambda f: registered(cross_entropy, f, y).outputs)(logits)
    p = np.asarray(jax.nn.softmax(logits), np.float64).reshape(48, 2)
    middle = np.zeros((96, 96))
    for place, each in enumerate(p):
        rows = slice(2 * place, 2 * place + 2)
        middle[rows, rows] = np.diag(each) - np.outer(each, each)
    slope = np.asarray(slope, np.float64).reshape(96, 96)
    found = told.weight * slope.T @ middle @ slope / 12
    # float32 second derivatives, of entries up to 0.01
    np.testing.assert_allclose(found, hessian, atol=1e-7)


def test_weights_are_spread_over_a_mesh(model: kc.Model) -> None:
    data = (X, Weighted(Y, WEIGHTS))
    given: dict[str, Any] = {"optimizer": ADAM, "steps": 3, "batch_size": 4, "progress": False}
    mesh = jax.make_mesh((1,), ("batch",))
    one, other = (kc.fit(model, data, mesh=each, **given).losses for each in (None, mesh))
    np.testing.assert_allclose(one, other, rtol=1e-6)
