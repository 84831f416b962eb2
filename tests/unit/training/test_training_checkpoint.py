"""A run stopped and continued is the uninterrupted one, bit for bit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

import kernelc as kc


def model(width: int = 8, seed: int = 0) -> kc.Model:
    """Batch norm has a state, dropout a key."""
    x = kc.Input((6,))
    layers = kc.chain(
        kc.Dense(width), kc.BatchNorm(), kc.Activation("tanh"), kc.Dropout(0.2), kc.Dense(3)
    )
    return kc.lower(kc.Network(x, layers(x)), key=jax.random.key(seed))


def data() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 6)).astype(np.float32)
    return x, np.argmax(x[:, :3], 1)


def run(folder: Path | None, stop_at: int | None = None, **options: Any) -> kc.FitResult:
    options = {"steps": 12, "batch_size": 20, "eval_every": 4, "seed": 3, **options}
    return kc.fit(
        model(options.pop("width", 8)),
        options.pop("data", data()),
        callback=None if stop_at is None else lambda record, *_: record.step >= stop_at,
        checkpoint=folder,
        progress=False,
        **options,
    )


def arrays(result: kc.FitResult) -> list[np.ndarray]:
    leaves = jax.tree.leaves(eqx.filter((result.model, result.state), eqx.is_array))
    return [np.asarray(leaf) for leaf in leaves]


def assert_same(one: kc.FitResult, other: kc.FitResult) -> None:
    for a, b in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.losses, other.losses)
    assert one.train == other.train
    for a, b in zip(one.history, other.history, strict=True):
        assert (a.step, a.loss, a.train_accuracy) == (b.step, b.loss, b.train_accuracy)


@pytest.mark.parametrize("optimizer", ["adam", "kfac"])
def test_a_continued_run_is_the_uninterrupted_one(optimizer: str, tmp_path: Path) -> None:
    # Fixed damping, so that K-FAC is compiled once.
    chosen = optax.adam(1e-2) if optimizer == "adam" else kc.kfac(0.03, damping=0.1)
    whole = run(None, optimizer=chosen)
    stopped = run(tmp_path, stop_at=4, optimizer=chosen)
    assert stopped.steps == 4
    continued = run(tmp_path, optimizer=chosen)
    assert_same(continued, whole)
    assert continued.seconds > stopped.seconds
    # A finished run has nothing left to do.
    assert_same(run(tmp_path, optimizer=chosen), whole)


def test_a_run_goes_on_beyond_where_it_was_to_end(tmp_path: Path) -> None:
    run(tmp_path, steps=8)
    assert_same(run(tmp_path, steps=12), run(None, steps=12))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 4}, "seed 3 for 4"),
        ({"batch_size": 10}, "batch size 20 for 10"),
        ({"data": (data()[0] + 1, data()[1])}, "data "),
        ({"width": 9}, "arrays "),
        ({"optimizer": optax.sgd(0.1)}, "arrays "),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_another_run_is_refused(stored: Path, options: dict, told: str) -> None:
    with pytest.raises(kc.LoadError, match=told):
        run(stored, **options)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    run(folder, stop_at=4)
    return folder


@pytest.fixture
def copied(stored: Path, tmp_path: Path) -> Path:
    """A run of one's own to damage."""
    return shutil.copytree(stored, tmp_path / "copied")


def test_a_file_cut_short_is_told_by_folder(copied: Path) -> None:
    (text,) = (copied / "4" / "log").glob("metadata")
    text.write_text(text.read_text()[:40])
    with pytest.raises(kc.LoadError, match="step 4"):
        run(copied)


READ = """
import sys
from pathlib import Path
import kernelc as kc
from test_training_checkpoint import run
try:
    run(Path(sys.argv[1]))
except kc.LoadError as error:
    print(error)
"""


def test_arrays_cut_short_are_told_by_folder(copied: Path) -> None:
    for path in (copied / "4" / "carry").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:50])
    # In a process of its own: Orbax leaves reads behind that complain once nobody waits for them.
    done = subprocess.run(
        [sys.executable, "-c", READ, str(copied)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "step 4" in done.stdout
    assert "delete the folder 4" in done.stdout
