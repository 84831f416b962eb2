"""Targets other than labels: regression, binary labels, images, and errors for other forms."""

from __future__ import annotations

import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc import DataError


DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 6)).astype(np.float32)
Y = np.sin(X[:, 0]) + X[:, 1].astype(np.float64)


def net(outputs: int) -> eqx.nn.Linear:
    return eqx.nn.Linear(6, outputs, key=jax.random.key(0))


def outputs(model: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(jax.vmap(model)(x), np.float64)


def huber(residual: np.ndarray, delta: float) -> np.ndarray:
    size = np.abs(residual)
    return np.where(size <= delta, residual**2 / 2, delta * (size - delta / 2))


def per_output(f: Any, y: Any) -> Any:
    return (f - y) ** 2 / 2


def per_example(f: Any, y: Any) -> Any:
    return jnp.mean((f - y) ** 2 / 2, axis=-1)


def squared(residual: np.ndarray) -> np.ndarray:
    return residual**2 / 2


@pytest.mark.parametrize(
    ("loss", "rule", "kind"),
    [
        ("squared_error", squared, "(n,)"),
        ("squared_error", squared, "(n, 1)"),
        ("squared_error", squared, "list"),
        ("squared_error", squared, "int"),
        ("huber", lambda r: huber(r, 1.0), "(n,)"),
        (kc.Huber(0.3), lambda r: huber(r, 0.3), "(n,)"),
        (per_output, squared, "(n,)"),
        (per_example, squared, "int"),
        (optax.huber_loss, lambda r: huber(r, 1.0), "(n,)"),
    ],
)
def test_numbers_of_one_output(loss: Any, rule: Any, kind: str) -> None:
    whole = (100 * Y).astype(int)
    y = {"(n,)": Y, "(n, 1)": Y[:, None], "list": Y.tolist(), "int": whole}[kind]
    metrics = kc.evaluate(net(1), X, y, loss=loss)
    expected = rule(outputs(net(1), X)[:, 0] - np.ravel(y)).mean()
    # float32 sums of 120 numbers
    assert metrics.loss == pytest.approx(expected, rel=1e-5)
    assert metrics.accuracy is None


@pytest.mark.parametrize("loss", ["squared_error", per_example])
def test_regression_learns_and_has_no_accuracy(loss: Any) -> None:
    run = kc.fit(
        net(1), (X, Y, X, Y), optimizer=optax.adam(0.1), steps=60, loss=loss, progress=False
    )
    assert run.test is not None
    assert run.train.loss < 0.2 * run.losses[0]
    assert run.test.loss == pytest.approx(run.train.loss, rel=1e-5)
    assert run.train.accuracy is run.test.accuracy is run.history[-1].train_accuracy is None
    assert "NaN" not in json.dumps(run.to_dict())


def test_several_numbers_are_summed() -> None:
    y = np.stack([Y, -Y, 2 * Y], axis=1)
    metrics = kc.evaluate(net(3), X, y, loss="squared_error")
    expected = ((outputs(net(3), X) - y) ** 2).sum(axis=1).mean() / 2
    assert metrics.loss == pytest.approx(expected, rel=1e-5)
    rows = (y > 0).astype(int)
    assert kc.evaluate(net(3), X, rows, loss="squared_error").accuracy is None


def test_whole_numbers_from_scikit_learn_train_a_one_output_net() -> None:
    """Counts are no classes where there is one output."""
    counts = DRAW.integers(0, 300, 120)
    run = kc.fit(net(1), (X, counts), loss="squared_error", steps=2, progress=False)
    expected = ((outputs(net(1), X)[:, 0] - counts) ** 2).mean() / 2
    assert run.losses[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_yes_or_no(k: int) -> None:
    answers = (X[:, :k] + 0.3 * DRAW.normal(size=(120, k)) > 0).astype(int)
    y: Any = answers[:, 0] if k == 1 else answers
    model = net(k)
    metrics = kc.evaluate(model, X, y, loss="binary_cross_entropy")
    f = outputs(model, X)
    chance = 1 / (1 + np.exp(-f))
    expected = -(answers * np.log(chance) + (1 - answers) * np.log(1 - chance)).sum(axis=1)
    assert metrics.loss == pytest.approx(expected.mean(), rel=1e-5)
    assert metrics.accuracy == pytest.approx(((f > 0) == answers).mean())
    run = kc.fit(
        model,
        (X, y),
        loss="binary_cross_entropy",
        optimizer=optax.adam(0.1),
        steps=60,
        progress=False,
    )
    assert run.train.accuracy is not None
    assert run.train.accuracy > 0.8
    assert run.history[-1].train_accuracy == pytest.approx(run.train.accuracy, abs=0.1)


def test_truth_values_are_answers() -> None:
    yes = Y > 0
    one = kc.evaluate(net(1), X, yes, loss="binary_cross_entropy")
    assert one == kc.evaluate(net(1), X, yes.astype(int), loss="binary_cross_entropy")


def test_a_label_of_every_position() -> None:
    """Sequences: logits of shape (batch, positions, classes)."""
    model = eqx.nn.Sequential([net(10), eqx.nn.Lambda(lambda f: f.reshape(5, 2))])
    y = DRAW.integers(0, 2, (120, 5))
    f = outputs(model, X)
    logs = f - np.log(np.exp(f).sum(axis=-1, keepdims=True))
    expected = -np.take_along_axis(logs, y[..., None], axis=-1).mean()
    metrics = kc.evaluate(model, X, y)
    assert metrics.loss == pytest.approx(expected, rel=1e-5)
    assert metrics.accuracy == pytest.approx((f.argmax(-1) == y).mean())
    run = kc.fit(model, (X, y), steps=3, progress=False)
    assert run.train.accuracy is not None
    assert 0 < run.train.accuracy < 1


def test_images_and_a_loss_of_ones_own() -> None:
    model = eqx.nn.Sequential([net(12), eqx.nn.Lambda(lambda f: f.reshape(2, 3, 2))])
    images = DRAW.normal(size=(120, 2, 3, 2)).astype(np.float32)

    def absolute(f: Any, y: Any) -> Any:
        return jnp.mean(jnp.abs(f - y), axis=(1, 2, 3))

    run = kc.fit(model, (X, images), loss=absolute, steps=3, progress=False)
    expected = np.abs(outputs(run.model, X) - images).mean()
    assert run.train.loss == pytest.approx(expected, rel=1e-5)
    summed = kc.evaluate(model, X, images, loss="squared_error")
    assert summed.loss == pytest.approx(
        ((outputs(model, X) - images) ** 2).sum((1, 2, 3)).mean() / 2, rel=1e-5
    )


def test_a_loss_of_ones_own_may_have_more_outputs_than_targets() -> None:
    def gaussian(f: Any, y: Any) -> Any:
        return f[:, 1] + (f[:, 0] - y) ** 2 * jnp.exp(-2 * f[:, 1]) / 2

    run = kc.fit(
        net(2), (X, Y), loss=gaussian, optimizer=optax.adam(0.05), steps=60, progress=False
    )
    assert run.train.loss < run.losses[0]


def mixed(f: Any, y: Any) -> Any:
    """Subtracts (batch,) from (batch, 1): every target from every output."""
    return jnp.mean((f - y[:, 0]) ** 2, axis=-1)


@pytest.mark.parametrize(
    ("outputs", "y", "loss", "told"),
    [
        (3, np.eye(3)[np.arange(120) % 3], "cross_entropy", r"one-hot rows(?s:.*)numpy\.argmax"),
        (3, (np.arange(120) % 3).astype(float), "cross_entropy", r"y\.astype\(int\)"),
        (3, Y, "cross_entropy", '"squared_error"'),
        (1, np.arange(120) % 2, "cross_entropy", '"binary_cross_entropy"'),
        (3, (X[:, :3] > 0).astype(int), "cross_entropy", '"binary_cross_entropy"'),
        (3, np.arange(120) % 4, "cross_entropy", "labels from 0 to 3 against 3 logits"),
        (3, np.arange(120) % 3 - 1, "cross_entropy", "labels from -1 to 1"),
        (3, np.arange(120) % 4, lambda f, y: f[:, 0], "as floats"),
        (3, Y, "squared_error", r"outputs of shape \(1,\)"),
        (6, X.reshape(120, 2, 3), "squared_error", r"y\.reshape\(\(-1, 6\)\)"),
        (3, np.arange(120) % 4, "huber", "labels from 0 to 3"),
        (2, np.arange(120) % 2, "binary_cross_entropy", '"cross_entropy"'),
        (1, np.arange(120) % 2 * 2 - 1, "binary_cross_entropy", "0 for no and 1 for yes"),
        (1, Y, mixed, "alone"),
        (1, Y, lambda f, y: jnp.mean((f - y) ** 2), "mean over the batch"),
        (1, Y, lambda f, y: np.zeros(3)[y.astype(int)], "JAX function"),
        (1, Y, lambda f: f, "JAX function"),
        (1, Y * 1e300, "squared_error", "finite in float32"),
    ],
)  # fmt: skip
def test_misfits_are_told_with_what_to_do(outputs: int, y: Any, loss: Any, told: str) -> None:
    for call in (
        lambda: kc.fit(net(outputs), (X, y), loss=loss, steps=1, progress=False),
        lambda: kc.evaluate(net(outputs), X, y, loss=loss),
    ):
        with pytest.raises(DataError, match=told):
            call()


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ((3, 8, 9), r"channels first(?s:.*)x\.transpose\(0, 2, 3, 1\)"),
        ((216,), r"x\.reshape\(-1, 8, 9, 3\)"),
        ((9, 8, 2), r"Input\(\(9, 8, 2\)\)"),
    ],
)
def test_examples_in_another_order_are_told_as_such(shape: tuple[int, ...], told: str) -> None:
    x = kc.Input((8, 9, 3))
    model = kc.lower(kc.Network(x, kc.chain(kc.Flatten(), kc.Dense(2))(x)), key=jax.random.key(0))
    with pytest.raises(DataError, match=told):
        kc.fit(model, (np.zeros((4, *shape)), np.arange(4) % 2), steps=1)


def test_images_without_channels_are_told() -> None:
    x = kc.Input((8, 8, 1))
    model = kc.lower(kc.Network(x, kc.chain(kc.Flatten(), kc.Dense(2))(x)), key=jax.random.key(0))
    with pytest.raises(DataError, match=r"x\[\.\.\., None\]"):
        kc.evaluate(model, np.zeros((4, 8, 8)), np.arange(4) % 2)


def test_kfac_takes_numbers_of_one_output() -> None:
    x = kc.Input((6,))
    model = kc.lower(kc.Network(x, kc.Dense(1)(x)), key=jax.random.key(0))
    run = kc.fit(model, (X, Y), loss="squared_error", optimizer=kc.kfac(), steps=8, progress=False)
    # A linear model and a quadratic loss: a few steps reach least squares.
    design = np.concatenate([X, np.ones((120, 1))], axis=1).astype(np.float64)
    residual = np.linalg.lstsq(design, Y, rcond=None)[1][0] / 120 / 2
    assert run.train.loss == pytest.approx(residual, rel=0.05)


@pytest.mark.parametrize(
    ("labels", "told"),
    [([-1, 0, 1], "missing category"), ([1, 2, 3], "y - 1"), ([0, 1, 5], "6 outputs")],
)
def test_labels_out_of_range_are_told_what_to_do(labels: list[int], told: str) -> None:
    with pytest.raises(kc.DataError, match=told):
        kc.evaluate(eqx.nn.Linear(2, 3, key=jax.random.key(0)), np.ones((3, 2)), labels)


def test_a_loss_that_fits_one_number_of_examples_alone_is_refused() -> None:
    linear = eqx.nn.Linear(2, 3, key=jax.random.key(0))
    with pytest.raises(kc.DataError, match="loss"):
        # Three examples of three outputs would pass; no others do.
        kc.evaluate(linear, np.ones((9, 2)), np.ones((9, 3)), loss=lambda outputs, y: outputs @ y)


class Dropped(eqx.Module):
    """A key without a default, as in the examples of Equinox."""

    linear: eqx.nn.Linear
    dropout: eqx.nn.Dropout

    def __call__(self, x: jax.Array, key: jax.Array | None) -> jax.Array:
        return self.linear(self.dropout(x, key=key))


def test_a_model_may_demand_a_key() -> None:
    model = Dropped(eqx.nn.Linear(2, 2, key=jax.random.key(0)), eqx.nn.Dropout(0.1))
    run = kc.fit(model, (np.eye(2), [0, 1]), steps=2, progress=False)
    assert run.steps == 2
    assert kc.evaluate(run.model, np.eye(2), [0, 1]) == run.train


@pytest.mark.parametrize("callback", [3, "print", lambda record: None])
def test_a_callback_takes_three_arguments(callback: Any) -> None:
    with pytest.raises(kc.DataError, match="record, model, state"):
        kc.fit(net(2), (X, X[:, 0] > 0), steps=1, callback=callback, progress=False)


@pytest.mark.parametrize("path", ["no/such/folder/run.png", "run.xyz", 3])
def test_pictures_are_written_where_that_works(path: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib", reason="pip install 'kernelc[plot]'")
    run = kc.fit(net(2), (X, X[:, 0] > 0), steps=1, progress=False)
    x = kc.Input((6,))
    report = kc.diagnose(kc.Network(x, kc.Dense(2)(x)))
    for plot in (run.plot, report.plot):
        with pytest.raises(kc.KernelcError, match="another path"):
            plot(path)
