"""`kernelc train` with files and layers of the user: its output and its errors."""

from __future__ import annotations

import json
import sys
import zipfile

import numpy as np
import pytest
from typer.testing import CliRunner

import kernelc as kc
from kernelc.cli import app


LAYERS = """
import dataclasses
import kernelc as kc

@dataclasses.dataclass(frozen=True)
class Doubled(kc.Scale):
    pass
"""


def network(inputs: int, outputs: int) -> kc.Network:
    x = kc.Input((inputs,))
    return kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(outputs))(x))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command in a folder with two networks and files of examples."""
    network(3, 2).save(tmp_path / "net.json")
    network(3, 1).save(tmp_path / "one.json")
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez(tmp_path / "own.npz", x=x, y=(x[:, 0] > 0).astype(int))
    np.savez(
        tmp_path / "keras.npz",
        x_train=x[:30],
        y_train=(x[:30, 0] > 0).astype(int),
        x_test=x[30:],
        y_test=(x[30:, 0] > 0).astype(int),
    )
    np.savez(tmp_path / "numbers.npz", x=x, y=x[:, :1])
    np.savez(tmp_path / "named.npz", a=x, b=x)
    np.savez(tmp_path / "half.npz", x=x, y=x[:, 0], test_x=x)
    np.savez(tmp_path / "pickled.npz", x=x, y=np.array([{}] * 40, object))
    (tmp_path / "text.npz").write_text("x, y\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return lambda *words: CliRunner().invoke(app, ["train", *words])


def test_the_trained_model_is_written_and_read_back(run, tmp_path):
    result = run("net.json", "--data", "own.npz", "--steps", "20", "--lr", "0.1", "--out", "a.kc")
    assert result.exit_code == 0, result.output
    model, state = kc.load(tmp_path / "a.kc", network=network(3, 2))
    assert state is None
    with np.load(tmp_path / "own.npz") as own:
        found = kc.evaluate(model, own["x"].astype(np.float32), own["y"])
    assert found.accuracy > 0.8  # chance is 0.5
    last = result.stdout.splitlines()[-3].split()
    assert last[0] == "20"
    assert last[3:5] == ["-", "-"]


def test_a_test_part_by_the_names_keras_files_have(run):
    result = run("net.json", "--data", "keras.npz", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "-" not in result.stdout.splitlines()[-3].split()


def test_targets_that_are_numbers_are_fitted_by_squared_error(run):
    result = run("one.json", "--data", "numbers.npz", "--steps", "2")
    assert result.exit_code == 0, result.output


def test_own_layers_come_from_a_module(run, tmp_path):
    (tmp_path / "own_layers.py").write_text(LAYERS)
    told = json.loads((tmp_path / "net.json").read_text())
    told["nodes"][2] |= {"kind": "own_layers.Doubled", "fields": {"value": 2.0, "trainable": True}}
    (tmp_path / "doubled.json").write_text(json.dumps(told))
    options = ("--data", "own.npz", "--steps", "1")
    unknown = run("doubled.json", *options)
    assert unknown.exit_code == 2
    assert "own_layers.Doubled" in unknown.stderr
    result = run("doubled.json", "--import", "own_layers", *options)
    assert result.exit_code == 0, result.output
    missing = run("doubled.json", "--import", "no_such_layers", *options)
    assert missing.exit_code == 2
    assert "no module 'no_such_layers'" in missing.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--lr", "0"), "above zero"),
        (("--lr", "-1"), "above zero"),
        (("--lr", "nan"), "above zero"),
        (("--data", "absent.npz"), "No such file"),
        (("--data", "named.npz"), "arrays a, b"),
        (("--data", "half.npz"), "arrays test_x, x, y"),
        (("--data", "pickled.npz"), "pickles are never read"),
        (("--data", "text.npz"), "no arrays that can be read"),
        (("--data", "numbers.npz"), "end with Dense(1)"),
        (("--data", "own.npz", "--data-dir", "."), "named by its path"),
        (("--data", "digit"), "did you mean digits"),
        (("--data", "own.npz", "--loss", "crossentropy"), "cross_entropy"),
        (("--data", "own.npz", "--out", "no/such/model"), "no folder of that name"),
        (("--data", "own.npz", "--history", "no/such/run.json"), "no folder of that name"),
        (("--data", "own.npz", "--out", "."), "a folder"),
    ],
)
def test_mistakes_are_explained_before_anything_is_trained(run, words, message):
    result = run("net.json", *words, "--steps", "1")
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_an_archive_that_would_fill_memory_is_not_unpacked(run, tmp_path):
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("x.npy", b"")
    content = bomb.read_bytes()
    # The size that the directory of the archive tells of its only member, four bytes.
    place = content.index(b"PK\x01\x02") + 24
    bomb.write_bytes(content[:place] + (2**32 - 2).to_bytes(4, "little") + content[place + 4 :])
    result = run("net.json", "--data", "bomb.npz")
    assert result.exit_code == 2
    assert "4.3e+09 bytes" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("one.json", "--loss", "binary_cross_entropy"),
        ("one.json", "--loss", "squared_error"),
        ("net.json", "--loss", "squared_error"),
    ],
)
def test_labels_are_answers_or_numbers_under_other_losses(run, words):
    result = run(*words, "--data", "own.npz", "--steps", "2")
    assert result.exit_code == 0, result.output


def test_tokens_have_a_label_each(run, tmp_path):
    x = kc.Tokens(4, 5)
    kc.Network(x, kc.chain(kc.Embedding(8), kc.Dense(5))(x)).save(tmp_path / "tokens.json")
    tokens = np.random.default_rng(0).integers(0, 5, (12, 5))
    np.savez(tmp_path / "tokens.npz", x=tokens[:, :-1], y=tokens[:, 1:])
    result = run("tokens.json", "--data", "tokens.npz", "--steps", "2", "--history", "log.json")
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "log.json").read_text())["train"]["bits_per_byte"] > 0


def test_channels_first_are_told_as_such(run, tmp_path):
    x = kc.Input((4, 4, 3))
    kc.Network(x, kc.chain(kc.Flatten(), kc.Dense(2))(x)).save(tmp_path / "image.json")
    np.savez(tmp_path / "first.npz", x=np.ones((6, 3, 4, 4)), y=np.arange(6) % 2)
    result = run("image.json", "--data", "first.npz")
    assert result.exit_code == 2
    assert "transpose(0, 2, 3, 1)" in result.stderr
