"""A run stopped and continued is the uninterrupted one, bit for bit."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
from kernelc.training._store import WaitingLoop, locked


def model(width: int = 8, seed: int = 0, activation: Any = "tanh", rate: float = 0.2) -> kc.Model:
    """Batch norm has a state, dropout a key."""
    x = kc.Input((6,))
    act = kc.Activation(activation) if isinstance(activation, str) else activation
    layers = kc.chain(kc.Dense(width), kc.BatchNorm(), act, kc.Dropout(rate), kc.Dense(3))
    return kc.lower(kc.Network(x, layers(x)), key=jax.random.key(seed))


def data() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 6)).astype(np.float32)
    return x, np.argmax(x[:, :3], 1)


def run(folder: Path | None, stop_at: int | None = None, **options: Any) -> kc.FitResult:
    options = {"steps": 12, "batch_size": 20, "eval_every": 4, "key": 3, **options}
    made = model(
        options.pop("width", 8),
        options.pop("model", 0),
        options.pop("activation", "tanh"),
        options.pop("rate", 0.2),
    )
    return kc.fit(
        made,
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


def doubled(logits, y):
    return 2 * optax.softmax_cross_entropy_with_integer_labels(logits, y)


X, Y = data()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"key": 4}, "has seed 3 for 4"),
        ({"batch_size": 10}, "has batch size 20 for 10"),
        ({"data": (X + 1, Y)}, "has training examples: .*first 0.12573.* for .*first 1.12573"),
        ({"data": (X, (Y + 1) % 3)}, "has training targets: .*first 2.* for .*first 0"),
        ({"data": (X, Y, X, Y)}, "has test part absent for there"),
        ({"validation": 0.2}, "validation part absent for there"),
        ({"width": 9}, r"dense_1\.weight float32 \(6, 8\) for float32 \(6, 9\)"),
        ({"model": 1}, r"has initial weights: dense_1\.weight differs first \(first entry 0.21"),
        ({"activation": "relu"}, "has model: another computation, with the operations tanh for "),
        ({"activation": kc.Activation("tanh", alpha=2.0)}, "has model: another computation"),
        ({"rate": 0.3}, "has model: another computation, with 0.8 for 0.7"),
        ({"loss": "squared_error"}, "has loss cross_entropy for squared_error"),
        ({"loss": kc.CrossEntropy(0.1)}, r"has loss cross_entropy for CrossEntropy\(label_sm"),
        ({"loss": doubled}, "has loss cross_entropy for doubled"),
        ({"optimizer": optax.sgd(0.1)}, "has optimizer: another computation, with the operations"),
        ({"optimizer": optax.adam(1e-2)}, "has optimizer: another computation, with -0.001 for -0"),
        ({"optimizer": optax.adam(optax.linear_schedule(1e-3, 0, 9))}, "has optimizer: another"),
        ({"optimizer": kc.kfac(0.03, damping=0.1)}, "has optimizer an Optax.* for K-FAC"),
        ({"steps": 2}, "a run of 4 steps, where 2 are asked for(?s:.*)kernelc.restore"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_another_run_is_refused_by_what_differs(stored: Path, options: dict, told: str) -> None:
    with pytest.raises(kc.LoadError, match=told):
        run(stored, **options)


def test_settings_of_the_same_kind_are_told_apart(tmp_path: Path) -> None:
    """Numbers of a user's loss, which no state holds, and of an injected rate."""

    def weighted(weights):
        return lambda f, y: doubled(f, y) * jnp.asarray(weights)[y]

    ones = [{"loss": weighted(np.array(row, np.float32))} for row in ([1, 1, 2], [1, 2, 2])]
    rates = [{"optimizer": optax.inject_hyperparams(optax.sgd)(rate)} for rate in (0.1, 0.2)]
    for name, (one, other), told in (
        ("loss", ones, "loss: another computation"),
        (
            "rate",
            rates,
            "initial optimizer state: hyperparams.learning_rate differs first .*0.1 for 0.2",
        ),
    ):
        run(tmp_path / name, stop_at=4, **one)
        with pytest.raises(kc.LoadError, match=told):
            run(tmp_path / name, **other)


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


def flip(path: Path, at: int) -> None:
    """Turns one bit of a file over."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def test_a_digit_changed_in_the_log_is_told(copied: Path) -> None:
    (text,) = (copied / "4" / "log").glob("metadata")
    flip(text, text.read_text().index('"losses"') + 15)
    with pytest.raises(kc.LoadError, match="the log is not what was written"):
        run(copied)


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(kc.LoadError, match=f"in process {os.getpid()}"):
        run(tmp_path)
    # The folder is free again.
    assert run(tmp_path, stop_at=4).steps == 4


def test_a_path_that_is_no_folder_is_told_before_the_first_step(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for path in (file, file / "below"):
        with pytest.raises(kc.KernelcError, match="written to a folder"):
            run(path)


@pytest.mark.parametrize("reason", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ValueError()])
def test_what_was_stored_survives_a_disk_that_is_full(
    copied: Path, reason: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    import orbax.checkpoint

    def full(*args: Any, **options: Any) -> None:
        raise reason

    with monkeypatch.context() as patch:
        patch.setattr(orbax.checkpoint.CheckpointManager, "save", full)
        with pytest.raises(kc.KernelcError, match="Free space") as caught:
            run(copied)
    assert caught.value.__cause__ is reason
    assert_same(run(copied), run(None))


def test_orbax_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(kc.PackageError, match=r"kernelc\[checkpoint\]"):
        run(tmp_path)


def test_a_model_is_read_out_of_the_folder(stored: Path) -> None:
    stopped = run(None, stop_at=4)
    found = kc.restore(stored, model(seed=7))
    assert (found.steps, found.best_step, found.history[0].step) == (4, None, 4)
    for a, b in zip(arrays(found), arrays(stopped), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(found.losses, stopped.losses)


@pytest.mark.parametrize("folder", [5, None, b"run", "a\0b", "9" * 400])
def test_what_is_no_path_of_a_folder_is_told(folder: Any) -> None:
    with pytest.raises(kc.LoadError, match="checkpoint"):
        kc.restore(folder, model(seed=7))


def test_a_model_is_read_by_its_network_and_no_other(stored: Path, tmp_path: Path) -> None:
    x = kc.Input((6,))
    names = ["tanh", "relu"]
    networks = [
        kc.Network(x, kc.chain(kc.Dense(8), kc.BatchNorm(), kc.Activation(name),
                               kc.Dropout(0.2), kc.Dense(3))(x))
        for name in names
    ]  # fmt: skip
    assert kc.restore(stored, networks[0]).steps == 4
    for other, told in (
        (networks[1], "operations tanh for "),
        (kc.Network(x, kc.Dense(3)(x)), r"array dense_1.weight float32 \(6, 8\)"),
    ):
        with pytest.raises(kc.LoadError, match=told):
            kc.restore(stored, other)
    with pytest.raises(kc.LoadError, match="no checkpoint"):
        kc.restore(tmp_path, networks[0])


def test_arrays_cut_short_are_told_by_folder(
    copied: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for path in (copied / "4" / "model").rglob("*"):
        if path.is_file() and path.parent.name == "d":
            path.write_bytes(path.read_bytes()[:50])
    before = asyncio.new_event_loop
    with pytest.raises(kc.LoadError, match="step 4") as caught:
        run(copied)
    assert "delete the folder 4" in caught.value.remedy
    assert asyncio.new_event_loop is before
    # Reads of the other arrays complain in threads of their own when nobody waits for them.
    assert "Event loop is closed" not in capfd.readouterr().err


def test_reads_that_are_under_way_end_before_their_loop_is_closed() -> None:
    done = []

    async def slow() -> None:
        await asyncio.sleep(0.05)
        done.append(True)
        raise ValueError("damaged as well")

    async def damaged() -> None:
        raise OSError("damaged")

    async def both() -> None:
        await asyncio.gather(slow(), damaged())

    loop = WaitingLoop()
    with pytest.raises(OSError, match="damaged"):
        loop.run_until_complete(both())
    loop.close()
    assert done == [True]
    assert loop.is_closed()


def plain() -> kc.Network:
    x = kc.Input((6,))
    return kc.Network(x, kc.Dense(3)(x))


WRITES = {
    "checkpoint": lambda folder: run(folder / "run"),
    "model": lambda folder: kc.save(folder / "net.kernelc", kc.lower(plain(), key=0)),
    "network": lambda folder: plain().save(folder / "net.json"),
}


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no file system that is read-only")
@pytest.mark.parametrize("what", WRITES)
def test_a_folder_that_cannot_be_written_to_is_told(what):
    """Those of /sys refuse root too."""
    with pytest.raises(kc.KernelcError, match="/sys/kernel"):
        WRITES[what](Path("/sys/kernel"))
