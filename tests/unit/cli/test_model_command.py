"""Models of other frameworks on the command line: read, diagnosed, and refused with a remedy."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

import kernelc as kc
from kernelc.cli import app


MODELS = """
import equinox as eqx
import jax

def mlp():
    return eqx.nn.MLP(4, 3, 16, 2, key=jax.random.key(0))

def conv():
    return eqx.nn.Conv2d(3, 4, 3, padding=1, key=jax.random.key(0))

def normed():
    return eqx.nn.make_with_state(Normed)()

class Normed(eqx.Module):
    norm: eqx.nn.BatchNorm

    def __init__(self):
        self.norm = eqx.nn.BatchNorm(3, axis_name="batch", mode="batch")

    def __call__(self, x, state):
        return self.norm(x, state)

def tokens():
    return eqx.nn.Embedding(11, 8, key=jax.random.key(0))

def number():
    return 3

five = 5
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command in a folder with models_of_mine.py and torch_of_mine.py."""
    (tmp_path / "models_of_mine.py").write_text(MODELS)
    (tmp_path / "torch_of_mine.py").write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def call(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    yield call
    for name in ("models_of_mine", "torch_of_mine"):
        sys.modules.pop(name, None)


def test_a_model_of_equinox_is_diagnosed(run):
    done = run("diagnose", "equinox:models_of_mine:mlp")
    assert done.exit_code == 0
    first = done.stdout.splitlines()[0]
    assert first.startswith("read mlp: 6 of 6 nodes exact; outputs agree to ")


def test_a_network_that_was_read_is_saved(run, tmp_path):
    done = run("read", "equinox:models_of_mine:conv", "--shape", "3,8,8", "--save", "net.json")
    assert done.exit_code == 0
    assert "by location" in done.stdout
    assert kc.Network.load(tmp_path / "net.json").input_shape == (8, 8, 3)
    assert run("read", "net.json").stdout.startswith("conv")


def test_models_with_a_state_are_read(run):
    done = run("read", "equinox:models_of_mine:normed", "--shape", "3")
    assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["equinox:models_of_mine:conv"], "--shape"),
        (["equinox:models_of_mine:mlp", "--shape", "4,x"], "positive integers"),
        (["equinox:models_of_mine:mlp", "--shape", "99999999,99999"], "positive integers"),
        (["equinox:models_of_mine:five"], "FACTORY"),
        (["equinox:models_of_mine:number"], "FACTORY returns"),
        (["equinox:models_of_mine:mpl"], "did you mean mlp"),
        (["equinox:models_of_mine"], "equinox:my_net:make"),
        (["equinox:no_such_module:make"], "no module"),
        (["net.json", "--tokens"], "says itself"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(run, arguments, told):
    done = run("read", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "remedy:" in done.stderr


def test_a_model_of_pytorch_is_diagnosed(run):
    pytest.importorskip("torch")
    done = run("diagnose", "torch:torch_of_mine:make")
    assert done.exit_code == 0
    assert done.stdout.startswith("read make: 4 of 4 nodes exact")


def test_models_of_collections_are_named(run):
    pytest.importorskip("torch")
    pytest.importorskip("timm")
    done = run("read", "torch:timm:resnt18")
    assert done.exit_code == 2
    assert "did you mean resnet18" in done.stderr
