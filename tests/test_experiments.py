"""The experiments: every matrix in the repository reads, and a tiny one runs to its report."""

from __future__ import annotations

import dataclasses
import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kernelc as kc


HERE = Path(__file__).parents[1] / "examples/experiments"
MATRICES = sorted(HERE.glob("*.json"))
TINY = {
    "defaults": {
        "family": "mlp",
        "depth": 6,
        "width": 16,
        "data": "digits",
        "steps": 30,
        "batch": 64,
        "seeds": [0, 1],
        "rates": {"sgd": [0.01, 0.1], "adam": [0.003]},
    },
    "cells": [
        {"arm": "bn-skip", "optimizer": "sgd", "activation": "relu"},
        {"arm": "vanilla-dks", "optimizer": ["sgd", "adam"], "activation": ["tanh", "relu"]},
    ],
}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.mark.parametrize("path", MATRICES, ids=lambda path: path.stem)
def test_every_network_of_a_matrix_is_made(path):
    settings, arms = (importlib.import_module(name) for name in ("settings", "arms"))
    found = list(settings.cells(path))
    assert len({cell.name for cell in found}) == len(found)
    for cell in found:
        assert cell.applies, cell.name
        # Convolutional ones are made by test_experiments_at_scale, decoders below.
        if cell.family == "mlp":
            arms.ARMS[cell.arm].build(cell.body())


def test_arms_of_decoders_are_what_they_are_called():
    bodies, arms = (importlib.import_module(name) for name in ("bodies", "decoder_arms"))

    def built(name, activation):
        body = bodies.Body("decoder", 3, 16, (16,), 256, activation, (("heads", 4),))
        return arms.DECODER_ARMS[name].build(body)

    texts = kc.data.text(kc.data.python_text(), 16).train_x[:64].astype(np.int64)

    def q(name, activation="leaky_relu"):
        found = kc.kernel_fn(built(name, activation)).diagonal(texts, get=["nngp"]).nngp
        return np.asarray(found).mean(0)

    # On average over texts for those solved for texts, above 1 for the recipe that is not.
    np.testing.assert_allclose(q("spa-dks", "tanh"), 1, atol=0.1)
    np.testing.assert_allclose(q("weighted-spa-dks", "tanh"), 1, atol=0.1)
    assert q("espa-tat")[-1] > 1.1
    assert q("skipless", "relu")[-1] < 0.5
    assert q("preln", "relu") == pytest.approx(1)


def test_a_decoder_trains_on_text():
    settings, training = (importlib.import_module(name) for name in ("settings", "training"))
    sizes = {"family": "decoder", "depth": 1, "width": 16, "options": (("heads", 2),)}
    cell = settings.Cell("spa-dks", "adam-clipped", "tanh", (0.01,), data="python_text", **sizes)
    assert np.isfinite(training.rehearse(cell, 2).losses).all()


def test_a_matrix_runs_resumes_and_reports(tmp_path, capsys):
    run, report = (importlib.import_module(name) for name in ("run", "report"))
    matrix, log, out = tmp_path / "tiny.json", tmp_path / "tiny.jsonl", tmp_path / "out"
    matrix.write_text(json.dumps(TINY))
    run.main(matrix, log=log)
    written = log.read_text()
    # Two rates and two seeds with SGD, one rate and two seeds with Adam; DKS leaves relu out.
    assert written.count("\n") == 4 + 4 + 3
    assert "do not apply" in capsys.readouterr().out
    run.main(matrix, log=log)
    assert log.read_text() == written

    timing = importlib.import_module("timing")
    timing.main(matrix, only=["bn-skip", "dks-tanh-sgd"], rounds=1)
    assert "| vanilla, DKS | tanh | sgd |" in capsys.readouterr().out

    report.main(matrix, log=log, out=out)
    text = (out / "tiny.md").read_text()
    assert "| residual, batch norm | relu | sgd |" in text
    assert (out / "tiny.png").read_bytes().startswith(b"\x89PNG")
    baseline = report.best_baseline(report.outcomes(matrix, log))
    # Digits guessed are 2.30; thirty steps of the baseline bring it well below.
    assert baseline.final < 1.5
    reached = baseline.steps_to(2.0)
    assert reached is not None
    assert 10 <= reached <= 30


@pytest.fixture
def recorded():
    """The module of logs, and a run that is in none yet."""
    records, settings = (importlib.import_module(name) for name in ("records", "settings"))
    cell = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits", options=(("a", (1,)),))
    return records, settings.Run(cell, 0.1, 0)


def test_a_run_of_other_settings_is_not_taken_for_this_one(recorded, tmp_path):
    records, run = recorded
    log = tmp_path / "new" / "log.jsonl"
    assert records.finished(records.read(log), run) is None
    longer = dataclasses.replace(run, cell=dataclasses.replace(run.cell, steps=2))
    assert longer.name == run.name
    records.append(log, longer, {"train_loss": 1.0})
    assert records.finished(records.read(log), run) is None
    entry = records.append(log, run, {"train_loss": 0.5})
    assert records.finished(records.read(log), run) == json.loads(json.dumps(entry))
    assert records.finished(records.read(log), longer) is None


def test_a_run_that_was_cut_off_while_it_was_recorded_is_done_again(recorded, tmp_path):
    records, run = recorded
    log = tmp_path / "log.jsonl"
    other = dataclasses.replace(run, seed=1)
    for each in (run, other):
        records.append(log, each, {"train_loss": 0.5})
    whole = log.read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole) - 1):
        log.write_bytes(whole[:length])
        assert set(records.read(log)) == {run.name}
        records.append(log, other, {"train_loss": 0.25})
        assert records.read(log)[other.name]["train_loss"] == 0.25
        assert records.read(log)[run.name]["train_loss"] == 0.5


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import records, settings
cell = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits")
for seed in range(100):
    run = settings.Run(cell, float(sys.argv[3]), seed)
    records.append(Path(sys.argv[2]), run, {"curve": [seed] * 2000})
"""


def test_runs_side_by_side_share_a_log(tmp_path):
    records = importlib.import_module("records")
    log = tmp_path / "log.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(HERE), str(log), rate])
        for rate in ("0.1", "0.2", "0.3")
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert log.read_text().count("\n") == len(records.read(log)) == 300


def test_augmented_cells_are_recorded_and_others_as_before():
    names = ("settings", "training", "records")
    settings, training, records = (importlib.import_module(name) for name in names)
    plain = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits", examples=100)
    moved = dataclasses.replace(plain, augment=True)
    assert "augment" not in records.describe(settings.Run(plain, 0.1, 0))
    assert records.describe(settings.Run(moved, 0.1, 0))["augment"] is True
    assert plain.name != moved.name
    data = training.dataset("digits", 100, True, None)
    assert (type(data), len(data.train_x)) == (kc.data.Stream, 100)
    with pytest.raises(SystemExit, match="ImageNet"):
        dataclasses.replace(moved, data="imagenet")


def test_cells_of_imagenet_read_it(tmp_path):
    training = importlib.import_module("training")
    with pytest.raises(kc.DataError, match="no train in"):
        training.dataset("imagenet", None, False, str(tmp_path))


def test_a_loss_that_was_never_reached_and_a_run_that_diverged(tmp_path):
    report, settings = (importlib.import_module(name) for name in ("report", "settings"))
    cell = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits", steps=100)
    falls = {"curve": list(np.linspace(2.0, 0.2, 10)), "diverged": False, "train_loss": 0.2}
    broken = {"curve": [2.0, None], "diverged": True, "train_loss": None}
    good = report.Outcome(cell, 0.1, (falls, falls, broken), {0.1: 0.2})
    assert good.steps_to(1.9) is not None
    assert good.steps_to(0.1) is None
    assert good.final == 0.2
    bad = report.Outcome(cell, 0.1, (falls, broken, broken), {0.1: 0.2})
    assert bad.steps_to(1.9) is None
    assert bad.final == np.inf


def test_trained_is_half_of_the_way_from_guessing_to_the_baseline():
    report, settings = (importlib.import_module(name) for name in ("report", "settings"))

    def outcome(arm, loss):
        cell = settings.Cell(arm, "sgd", "relu", (0.1,), data="digits", steps=100)
        run = {"curve": [loss], "diverged": False, "train_loss": loss}
        return report.Outcome(cell, 0.1, (run,), {0.1: loss})

    slow, stuck = outcome("vanilla-gaussian", 1.6), outcome("vanilla-orthogonal", 1.7)
    # guessing among ten is 2.303: the middle is 1.15 without a baseline, 1.65 with one at 1.0
    assert len(report.failures([slow, stuck])) == 2
    (line,) = report.failures([outcome("bn-skip", 1.0), slow, stuck])
    assert line.startswith("vanilla, orthogonal, relu, sgd: final loss 1.7")


def test_nets_stand_beside_the_baseline_with_their_optimizer_too():
    report, settings = (importlib.import_module(name) for name in ("report", "settings"))

    def outcome(arm, optimizer, factor):
        cell = settings.Cell(arm, optimizer, "tanh", (0.1,), data="digits", steps=100)
        run = {"curve": [factor**i for i in range(10)], "diverged": False}
        return report.Outcome(cell, 0.1, ({**run, "train_loss": run["curve"][-1]},), {})

    plain, best = outcome("bn-skip", "sgd", 0.8), outcome("bn-skip", "kfac", 0.5)
    clipped, curved = (
        outcome("vanilla-dks", "sgd-clipped", 0.8),
        outcome("vanilla-dks", "kfac", 0.6),
    )
    text = report.beside([plain, best, clipped, curved], (0.5, 0.4))
    # a row for what is trained with SGD; that with K-FAC stands beside the best in the other table
    assert text.splitlines()[2:] == ["| vanilla, DKS | tanh | sgd-clipped | 1.00 | 1.00 |"]
    assert report.beside([best, clipped, curved], (0.5,)) is None


def test_a_matrix_may_name_the_losses_that_are_counted(tmp_path):
    report = importlib.import_module("report")
    own, common = tmp_path / "own.json", tmp_path / "common.json"
    own.write_text(json.dumps({"targets": [1.5], "cells": []}))
    common.write_text(json.dumps({"cells": []}))
    assert report.targets_of(own) == (1.5,)
    assert report.targets_of(common) == report.TARGETS


def test_steps_to_a_loss_lie_between_the_points_of_a_curve():
    report, settings = (importlib.import_module(name) for name in ("report", "settings"))
    cell = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits", steps=100)
    # means over five points of a geometric fall are one, too: a factor of 0.8 in ten steps
    run = {"curve": [0.8**i for i in range(10)], "diverged": False, "train_loss": 0.1}
    found = report.Outcome(cell, 0.1, (run,), {0.1: 0.1})
    at_90, at_100 = found.curve[0, -2:]
    assert found.steps_to(at_90) == pytest.approx(90)
    assert found.steps_to((at_90 * at_100) ** 0.5) == pytest.approx(95)
    assert found.steps_to(2.0) == 10


def test_the_time_of_a_step_leaves_compilation_out():
    report, settings = (importlib.import_module(name) for name in ("report", "settings"))
    cell = settings.Cell("bn-skip", "sgd", "relu", (0.1,), data="digits", steps=40)
    times = [(10, 60.0), (20, 60.5), (30, 61.0), (40, 99.0)]
    run = {"history": [{"step": step, "seconds": seconds} for step, seconds in times]}
    # half a second in ten steps; one interval in which the machine was busy does not count
    assert report.Outcome(cell, 0.1, (run,), {}).milliseconds == 50.0
    assert report.Outcome(cell, 0.1, ({"history": []},), {}).milliseconds == np.inf


def test_all_rates_share_one_optimizer_and_each_keeps_its_own():
    optimizer = importlib.import_module("optimizers").optimizer
    slow, fast = (optimizer("sgd", rate, 100) for rate in (0.01, 0.1))
    assert slow == fast
    gradient = {"w": np.ones(2, np.float32)}
    states = [each.init(gradient) for each in (slow, fast)]
    moved = []
    for state in states:
        for _ in range(3):  # the first of the warm-up does not move
            step, state = slow.update(gradient, state, gradient)
        moved.append(float(step["w"][0]))
    assert moved[0] < 0
    assert moved[1] == pytest.approx(10 * moved[0], rel=1e-6)


def test_the_edge_of_chaos_is_an_arm_where_there_is_one():
    arm = importlib.import_module("arms").ARMS["vanilla-eoc"]
    assert [name for name in ("tanh", "relu", "softplus") if arm.serves(name)] == ["tanh", "relu"]
