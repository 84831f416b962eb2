"""The examples run, print what they promise and leave their figure."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def quickstart() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quickstart", ROOT / "examples/quickstart.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_quickstart_shapes_trains_and_draws(quickstart, tmp_path, capsys):
    figure = tmp_path / "out" / "figure.png"
    accuracy = quickstart.main(["--smoke", "--out", str(figure)])
    # 60 steps on 12 layers of width 32 reach about 95 %; chance is 10 %, where the sigmoid net
    # without shaping stays.
    assert accuracy["shaped"] > 0.8
    assert accuracy["untreated"] < 0.3
    assert figure.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "C_f = C_sigmoid^12(" in printed
    assert "mu(psi) = psi**12" in printed
    assert "largest residual" in printed
    assert str(figure) in printed


def test_a_diverged_run_is_never_chosen(quickstart):
    class Run:
        def __init__(self, accuracy: float, diverged: bool) -> None:
            self.test = type("Metrics", (), {"accuracy": accuracy})
            self.diverged = diverged

    assert quickstart._chosen({0.1: Run(0.9, True), 0.01: Run(0.2, False)}) == 0.01
