"""Labels at each location: tokens and pixels."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax
import pytest

import kernelc as kc


RNG = np.random.default_rng(0)
VOCABULARY, LENGTH = 5, 4
TOKENS = RNG.integers(0, VOCABULARY, (24, LENGTH))
NEXT = np.roll(TOKENS, -1, axis=1)


def decoder() -> kc.Model:
    x = kc.Tokens(LENGTH, VOCABULARY)
    block = kc.residual(
        kc.chain(kc.RMSNorm(), kc.MultiHeadAttention(8, 2, mask="causal", name="mix"))
    )
    body = kc.chain(kc.Embedding(8), block, kc.RMSNorm(), kc.Dense(VOCABULARY))
    return kc.lower(kc.Network(x, body(x)), key=0)


def by_hand(logits: Any, labels: np.ndarray) -> tuple[float, float]:
    """Mean cross-entropy and accuracy over all labels, in float64."""
    f = np.asarray(logits, np.float64)
    f = f - f.max(-1, keepdims=True)
    logs = f - np.log(np.exp(f).sum(-1, keepdims=True))
    loss = -np.take_along_axis(logs, labels[..., None], -1).mean()
    return loss, (f.argmax(-1) == labels).mean()


@pytest.fixture(scope="module")
def model() -> kc.Model:
    return decoder()


def test_a_decoder_is_measured_token_by_token(model: kc.Model) -> None:
    found = kc.evaluate(model, TOKENS, NEXT, batch_size=7)
    loss, accuracy = by_hand(model.batched(TOKENS), NEXT)
    # float32 sums of a hundred numbers
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.count == len(TOKENS)


def test_a_decoder_learns_and_a_step_of_ones_own_is_that_of_fit(model: kc.Model) -> None:
    adam = optax.adam(1e-2)
    data = kc.data.arrays(TOKENS, NEXT, TOKENS, NEXT, classes=VOCABULARY)
    run = kc.fit(model, data, optimizer=adam, steps=30, batch_size=24, progress=False)
    assert run.losses[-1] < 0.7 * run.losses[0]
    assert run.test is not None
    assert run.test.loss == pytest.approx(run.train.loss, rel=1e-6)
    assert run.history[-1].test_accuracy == run.test.accuracy
    step = kc.make_step(model, adam)
    carry = step.start(TOKENS, NEXT)
    for number in range(3):
        carry, loss = step(carry, TOKENS, NEXT)
        # The order of the batch changes the rounding of sums.
        assert loss == pytest.approx(run.losses[number], rel=1e-5)


def test_bits_and_perplexity_are_other_forms_of_cross_entropy() -> None:
    x = kc.Tokens(LENGTH, VOCABULARY)
    model = kc.lower(kc.Network(x, kc.Embedding(VOCABULARY)(x)), key=0)
    found = kc.evaluate(model, TOKENS, NEXT)
    chances = np.asarray(jax.nn.softmax(model.batched(TOKENS)), np.float64)
    chance = np.take_along_axis(chances, NEXT[..., None], -1)
    assert found.bits_per_byte == pytest.approx(-np.log2(chance).mean(), rel=1e-5)
    assert found.perplexity == pytest.approx(np.prod(chance ** (-1 / chance.size)), rel=1e-5)
    data = (TOKENS, NEXT, TOKENS, NEXT)
    run = kc.fit(model, data, steps=1, batch_size=24, progress=False)
    assert run.test is not None
    assert run.test.bits_per_byte == pytest.approx(run.train.bits_per_byte)
    assert run.to_dict()["test"]["perplexity"] == run.test.perplexity
    others: list[Any] = [kc.CrossEntropy(0.1), "squared_error_per_location"]
    for loss in others:
        assert kc.evaluate(model, TOKENS, NEXT, loss=loss).bits_per_byte is None


def test_a_label_of_every_pixel() -> None:
    x = kc.Input((2, 3, 4))
    model = kc.lower(kc.Network(x, kc.Dense(3)(x)), key=0)
    images, labels = RNG.normal(size=(6, 2, 3, 4)), RNG.integers(0, 3, (6, 2, 3))
    loss, accuracy = by_hand(model.batched(images.astype(np.float32)), labels)
    found = kc.evaluate(model, images, labels)
    assert found.loss == pytest.approx(loss, rel=1e-5)
    assert found.accuracy == pytest.approx(accuracy)
    smoothed = kc.evaluate(model, images, labels, loss=kc.CrossEntropy())
    assert smoothed.loss == pytest.approx(loss, rel=1e-5)


def test_kfac_takes_locations_as_it_takes_examples() -> None:
    """A layer on (n, locations, channels) is that layer on n · locations examples."""
    images, labels = RNG.normal(size=(6, 2, 3, 4)), RNG.integers(0, 3, (6, 2, 3))
    settings = kc.kfac(damping_every=1, estimation="fisher_empirical")
    losses = []
    for shape in ((2, 3, 4), (4,)):
        x = kc.Input(shape)
        model = kc.lower(kc.Network(x, kc.Dense(3)(x)), key=0)
        data = (images.reshape(-1, *shape), labels.reshape(-1, *shape[:-1]))
        run = kc.fit(model, data, optimizer=settings, steps=4, progress=False)
        losses.append(run.losses)
    assert losses[0][-1] < losses[0][0]
    # float32 sums in another order, over four steps
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_kfac_says_which_estimate_takes_locations(model: kc.Model) -> None:
    exact = kc.kfac(estimation="ggn_exact", allow_diagonal=True)
    with pytest.raises(kc.UnsupportedError, match="curvature_prop"):
        kc.fit(model, (TOKENS, NEXT), optimizer=exact, steps=1, progress=False)


def test_dense_layers_of_a_decoder_have_kronecker_blocks(model: kc.Model) -> None:
    report = kc.kfac_blocks(model)
    assert report.diagonal_weights == ()
    dense = [each for each in report.blocks if each.kind.startswith("RepeatedDense")]
    assert len(dense) == 5


def test_kfac_trains_a_decoder(model: kc.Model) -> None:
    settings = kc.kfac(damping_every=1)
    run = kc.fit(model, (TOKENS, NEXT), optimizer=settings, steps=8, progress=False)
    assert run.losses[-1] < 0.8 * run.losses[0]


def test_a_sweep_and_a_stored_run_take_locations(tmp_path: Any) -> None:
    pytest.importorskip("orbax.checkpoint", reason="pip install 'kernelc[checkpoint]'")
    x = kc.Tokens(LENGTH, VOCABULARY)
    model = kc.lower(kc.Network(x, kc.Embedding(VOCABULARY)(x)), key=0)
    settings: dict[str, Any] = {"steps": 2, "batch_size": 24, "progress": False}
    adam = optax.adam(1e-2)
    swept = kc.learning_rate_sweep(model, (TOKENS, NEXT), [1e-2], optax.adam, **settings)
    stored = kc.fit(model, (TOKENS, NEXT), optimizer=adam, checkpoint=tmp_path, **settings)
    np.testing.assert_allclose(swept[1e-2].losses, stored.losses, rtol=1e-6)
    settings["steps"] = 4
    longer = kc.fit(model, (TOKENS, NEXT), optimizer=adam, checkpoint=tmp_path, **settings)
    whole = kc.fit(model, (TOKENS, NEXT), optimizer=adam, **settings)
    np.testing.assert_array_equal(longer.losses, whole.losses)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (NEXT[:, 0], r"\(24, 4\)"),
        (NEXT[:, :3], r"shape \(24, 3\)(?s:.*)labels of shape \(24, 4\)"),
        (NEXT + 1, "labels from 1 to 5 against 5 logits"),
        (NEXT.astype(float), r"y\.astype\(int\)"),
    ],
)
def test_labels_that_do_not_fit_are_told(model: kc.Model, labels: Any, told: str) -> None:
    for call in (
        lambda: kc.evaluate(model, TOKENS, labels),
        lambda: kc.fit(model, (TOKENS, labels), steps=1, progress=False),
        lambda: kc.fit(model, (TOKENS, labels), steps=1, optimizer=kc.kfac(), progress=False),
    ):
        with pytest.raises(kc.DataError, match=told):
            call()


def test_one_location_has_labels_too() -> None:
    x = kc.Tokens(1, VOCABULARY)
    model = kc.lower(kc.Network(x, kc.Embedding(VOCABULARY)(x)), key=0)
    one = kc.evaluate(model, TOKENS[:, :1], NEXT[:, :1])
    assert one == kc.evaluate(model, TOKENS[:, :1], NEXT[:, 0])


def test_data_sets_have_labels_of_locations() -> None:
    data = kc.data.arrays(TOKENS, NEXT, classes=VOCABULARY)
    assert data.subset(3).train_y.shape == (3, LENGTH)
    with pytest.raises(kc.DataError, match="labels from 0 to 4"):
        kc.data.arrays(TOKENS, NEXT, classes=4)
    with pytest.raises(kc.DataError, match="argmax"):
        kc.data.arrays(TOKENS, np.eye(4)[NEXT[:, 0] % 4].astype(int), classes=4)
