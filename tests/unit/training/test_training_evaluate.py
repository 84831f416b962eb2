"""evaluate: exact over every example, in inference mode."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import pytest

from kernelc import DataError
from kernelc.training import evaluate


RNG = np.random.default_rng(0)
X = RNG.normal(size=(103, 6)).astype(np.float32)
Y = RNG.integers(0, 4, 103)
NET = eqx.nn.Linear(6, 4, key=jax.random.key(0))


def by_hand():
    logits = X.astype(np.float64) @ np.asarray(NET.weight).T + np.asarray(NET.bias)
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -logs[np.arange(103), Y].mean(), (logits.argmax(1) == Y).mean()


@pytest.mark.parametrize("batch_size", [1, 10, 103, 512])
def test_the_last_partial_batch_counts_once(batch_size):
    loss, accuracy = by_hand()
    metrics = evaluate(NET, X, Y, batch_size=batch_size)
    assert metrics.count == 103
    # float32 logits
    assert metrics.loss == pytest.approx(loss, rel=1e-6)
    assert metrics.accuracy == accuracy


def test_examples_beyond_the_device_limit(monkeypatch):
    monkeypatch.setattr("kernelc.training._source._RESIDENT", 100)
    metrics = evaluate(NET, X, Y, batch_size=10)
    assert metrics.loss == pytest.approx(by_hand()[0], rel=1e-6)


def test_dropout_is_off():
    net = eqx.nn.Sequential([NET, eqx.nn.Dropout(0.9)])
    assert evaluate(net, X, Y).loss == evaluate(NET, X, Y).loss


def test_batch_norm_uses_its_running_statistics():
    class Normed(eqx.Module):
        norm: eqx.nn.BatchNorm

        def __init__(self):
            self.norm = eqx.nn.BatchNorm(6, axis_name="batch", mode="batch")

        def __call__(self, x, state):
            return self.norm(x, state)

    model, state = eqx.nn.make_with_state(Normed)()
    whole = evaluate(model, X, Y, state)
    # batch statistics would make the loss depend on the batch
    assert evaluate(model, X, Y, state, batch_size=7).loss == pytest.approx(whole.loss, rel=1e-5)


def test_nan_logits_are_wrong():
    metrics = evaluate(lambda x: x * np.nan, np.ones((3, 2)), np.zeros(3, int))
    assert metrics.accuracy == 0
    assert np.isnan(metrics.loss)


@pytest.mark.parametrize(
    ("x", "y"), [(X, Y[:-1]), (X, Y + 1), (X[:, :5], Y), (X * np.nan, Y), (X[:0], Y[:0])]
)
def test_misfits_are_refused(x, y):
    with pytest.raises(DataError):
        evaluate(NET, x, y)


def test_bad_batch_size_is_refused():
    with pytest.raises(DataError):
        evaluate(NET, X, Y, batch_size=0)
