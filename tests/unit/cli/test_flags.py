"""Remedies on the command line name its options, not arguments of Python functions."""

from __future__ import annotations

import re
import sys

import pytest
import typer
from typer.testing import CliRunner

import kernelc as kc
from kernelc.cli import app
from kernelc.cli._flags import arguments_of, as_flags


COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("command", "said", "shown"),
    [
        ("shape", "pass rewrite=True", "pass --rewrite"),
        ("train", "pass rewrite=True", "pass --shape"),
        ("shape", "or eta='largest', use more layers", "or --tat-eta largest, use more layers"),
        ("shape", "TAT(eta=0.9) or kernelc.TAT(tau=0.3)", "--tat-eta 0.9 or --tat-tau 0.3"),
        ("shape", "TAT(eta=...) is for leaky_relu", "--tat-eta is for leaky_relu"),
        ("train", "choose batch_size=64", "choose --batch-size 64"),
        (
            "kernel",
            "kernelc.shape(network, ..., rewrite=True) does",
            "kernelc shape SPEC --rewrite",
        ),
        ("inspect", "use delta=False", "use delta=False"),
        ("inspect", "write Input((784,)) for vectors", "write Input((784,)) for vectors"),
    ],
)
def test_arguments_are_named_as_options(command, said, shown):
    assert as_flags(said, arguments_of(COMMANDS[command].params)).startswith(shown)


@pytest.fixture
def run(tmp_path, monkeypatch):
    x = kc.Input((8, 8, 1))
    block = kc.chain(kc.Conv(8, 3), kc.BatchNorm(), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(block, kc.GlobalMeanPool(), kc.Dense(10))(x), name="net")
    net.save(tmp_path / "net.json")
    strange = (tmp_path / "net.json").read_text().replace('"BatchNorm"', '"lab.Norm"')
    (tmp_path / "strange.json").write_text(strange)
    x = kc.Input((64,))
    block = kc.chain(kc.Dense(8), kc.Activation("relu"))
    kc.Network(x, kc.chain(kc.repeat(block, 30), kc.Dense(10))(x)).save(tmp_path / "relu.json")
    tanh = kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(10))
    kc.Network(x, tanh(x)).save(tmp_path / "tanh.json")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("shape", "net.json"), "--rewrite"),
        (("shape", "tanh.json", "--tat-eta", "0.9"), "use --tat-tau for smooth ones"),
        (("kernel", "net.json"), "kernelc shape SPEC --rewrite"),
        (("diagnose", "relu.json"), "kernelc shape relu.json"),
        (("train", "strange.json"), "--import MODULE"),
    ],
)
def test_commands_print_remedies_that_can_be_typed(run, words, shown):
    told = run(*words).output
    assert shown in told
    assert not re.search(r"kernelc\.\w+\(|rewrite=|TAT\(|DKS\(\)", told)
