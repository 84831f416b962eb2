"""Validation: the choice of parameters, early stopping, and the result."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc import DataError
from kernelc.data import as_dataset, parts, split


DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(60, 6)).astype(np.float32)
# Noise: what is learnt of it is of no use elsewhere, so that the validation loss turns up.
Y = DRAW.normal(size=60)
# Labels of unlike signs: test and validation losses differ.
TEST = (X[:20], Y[:20] + 1)


def run(data: Any = (X, Y), **options: Any) -> kc.FitResult:
    options = {"validation": 0.3, "steps": 40, "eval_every": 2, **options}
    model = eqx.nn.MLP(6, 1, 32, 1, key=jax.random.key(0))
    optimizer = optax.adam(0.03)
    return kc.fit(
        model, data, optimizer=optimizer, loss="squared_error", progress=False, **options
    )  # fmt: skip


def leaves(result: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(result.model, eqx.is_array))]


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(leaves(one), leaves(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_best_step_is_kept_and_measured() -> None:
    last, best = run((X, Y, *TEST)), run((X, Y, *TEST), keep="best")
    losses = [record.validation_loss for record in last.history]
    assert best.best_step == last.best_step == last.history[int(np.argmin(losses))].step < 40
    train, held = split(parts((X, Y)).train, 0.3, seed=0)
    for part, (x, y) in {"train": train, "validation": held, "test": TEST}.items():
        again = kc.evaluate(best.model, x, y, loss="squared_error")
        assert getattr(best, part).loss == pytest.approx(again.loss, rel=1e-5)
        assert getattr(best, part).count == len(y)
    assert best.validation is not None
    assert best.validation.loss == min(losses)
    assert_same(best, run((X, Y, *TEST), steps=best.best_step))
    assert f"step {best.best_step}" in best.message
    # The test part decides nothing.
    assert_same(best, run((X, Y, X, -Y), keep="best"))
    assert best.steps == 40


def test_patience_ends_the_run() -> None:
    whole, ended = run(), run(patience=3)
    assert whole.best_step is not None
    waiting = [record.step for record in ended.history if record.step > ended.best_step]
    assert len(waiting) == 3
    assert ended.steps == waiting[-1] < 40
    assert "3 records" in ended.message
    np.testing.assert_array_equal(ended.losses, whole.losses[: ended.steps])


def test_all_forms_of_a_validation_part_are_one() -> None:
    train, held = split(parts((X, Y)).train, 0.3, seed=0)
    given = run(train, validation=(held.x.tolist(), held.y.tolist()))
    assert_same(given, run())
    six = (train.x, train.y, held.x, held.y, *TEST)
    for data in (six, as_dataset(six)):
        result = run(data, validation=None)
        assert_same(result, given)
        assert result.validation == given.validation
        assert result.test is not None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"validation": None, "keep": "best"}, "without a validation part"),
        ({"validation": None, "patience": 2}, "without a validation part"),
        ({"data": (X, Y, *TEST), "validation": None, "keep": "best"}, "without a validation part"),
        ({"data": (X, Y, X, Y, X, Y)}, "one validation part"),
        ({"validation": 0}, "share"),
        ({"validation": 1.0}, "share"),
        ({"validation": "test"}, "pair"),
        ({"validation": (X,)}, "pair"),
        ({"validation": (X[:, :5], Y)}, "one shape"),
        ({"validation": (X, Y > 0)}, "one type"),
        ({"keep": "first"}, "last"),
        ({"patience": 0}, "at least 1"),
        ({"patience": 1.5}, "whole number"),
    ],
)
def test_what_makes_no_choice_is_refused(options: dict, told: str) -> None:
    with pytest.raises(DataError, match=told):
        run(**options)


def test_the_best_survives_a_stop(tmp_path: Path) -> None:
    """Stopped behind the best step: its parameters come out of the folder."""
    whole = run(keep="best")
    assert whole.best_step is not None
    behind = whole.best_step + 4
    stop = run(keep="best", checkpoint=tmp_path, callback=lambda record, *_: record.step >= behind)
    assert stop.steps == behind
    assert_same(kc.restore(tmp_path, stop.model), whole)
    assert kc.restore(tmp_path, stop.model).best_step == whole.best_step
    continued = run(keep="best", checkpoint=tmp_path)
    assert_same(continued, whole)
    assert [r.validation_loss for r in continued.history] == [
        r.validation_loss for r in whole.history
    ]
    with pytest.raises(kc.LoadError, match="keep 'best' for 'last'"):
        run(checkpoint=tmp_path)


def test_patience_is_remembered(tmp_path: Path) -> None:
    ended = run(patience=3, checkpoint=tmp_path)
    again = run(patience=3, checkpoint=tmp_path)
    assert again.steps == ended.steps
    assert_same(again, ended)


def interrupt(record: kc.Record, model: Any, state: Any) -> None:
    if record.step == 10:
        os.kill(os.getpid(), signal.SIGINT)


def stop(record: kc.Record, model: Any, state: Any) -> None:
    if record.step == 10:
        raise KeyboardInterrupt


@pytest.mark.parametrize("callback", [interrupt, stop])
def test_ctrl_c_returns_the_run_so_far(callback: Any, tmp_path: Path) -> None:
    usual = signal.getsignal(signal.SIGINT)
    whole = run()
    result = run(callback=callback, checkpoint=tmp_path)
    assert result.interrupted
    assert not whole.interrupted
    assert (result.steps, result.history[-1].step) == (10, 10)
    assert result.message.startswith("interrupted after 10 steps")
    np.testing.assert_array_equal(result.losses, whole.losses[:10])
    assert signal.getsignal(signal.SIGINT) is usual
    continued = run(checkpoint=tmp_path)
    assert_same(continued, whole)
    assert not continued.interrupted


def interrupting(call: int) -> tuple[kc.data.Rows, np.ndarray]:
    """Data made on demand, with Ctrl-C while that batch is made."""
    calls = []

    def make(rows: np.ndarray, draw: Any) -> np.ndarray:
        calls.append(draw is not None)
        if sum(calls) == call and draw is not None:
            os.kill(os.getpid(), signal.SIGINT)
        return X[rows]

    return kc.data.Rows(make, X.shape, "interrupting"), Y


def test_ctrl_c_between_two_records_adds_one() -> None:
    whole = run(validation=None, eval_every=40)
    result = run(interrupting(3), validation=None, eval_every=40)
    assert result.interrupted
    assert [record.step for record in result.history] == [result.steps]
    assert 0 < result.steps < 40
    np.testing.assert_allclose(result.losses, whole.losses[: result.steps], rtol=1e-5)


def test_a_sweep_ends_with_the_run_that_was_interrupted() -> None:
    model = eqx.nn.MLP(6, 1, 8, 1, key=jax.random.key(0))
    options: dict[str, Any] = {"steps": 20, "loss": "squared_error", "progress": False}
    found = kc.learning_rate_sweep(model, interrupting(2), [0.01, 0.1], **options)
    assert list(found) == [0.01]
    assert found[0.01].interrupted
    chosen = kc.learning_rate_sweep(
        model, (X, Y), [0.01, 0.1], validation=0.2, keep="best", **options
    )
    assert all(result.validation is not None for result in chosen.values())
