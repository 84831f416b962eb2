"""The examples run, print their results and write their figures."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


ROOT = Path(__file__).parents[1]


def _example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, and so Equinox modules, look their module up by its name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def quickstart() -> ModuleType:
    return _example("quickstart")


def test_quickstart_shapes_trains_and_draws(quickstart, tmp_path, capsys):
    figure = tmp_path / "out" / "figure.png"
    accuracy = quickstart.main(["--smoke", "--out", str(figure)])
    # 60 steps on 12 layers of width 32 reach about 95 %; chance is 10 %, where the sigmoid net
    # without shaping stays.
    assert accuracy["shaped"] > 0.8
    assert accuracy["untreated"] < 0.3
    assert figure.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "C_f = C_sigmoid^∘12(" in printed
    assert "mu(psi) = psi**12" in printed
    assert "largest residual" in printed
    assert str(figure) in printed


def test_a_diverged_run_is_never_chosen(quickstart):
    class Run:
        def __init__(self, accuracy: float, diverged: bool) -> None:
            self.test = type("Metrics", (), {"accuracy": accuracy})
            self.diverged = diverged

    assert quickstart._chosen({0.1: Run(0.9, True), 0.01: Run(0.2, False)}) == 0.01


def test_kernel_regression_reaches_its_accuracies_and_explains(capsys):
    found = _example("kernel_regression").main(["--smoke"])
    # 300 digits to train on; chance is 10 %, and a linear kernel reaches about 90 %.
    assert len(found) == 4
    assert min(found.values()) > 0.85
    printed = capsys.readouterr().out
    assert "a function of one variable" in printed
    assert "Gradient flow on digits" in printed


def test_absent_fashion_mnist_is_told_with_the_way_to_get_it(tmp_path, capsys):
    options = ["--smoke", "--data-dir", str(tmp_path)]
    example = _example("kernel_regression")
    assert example._data("fashion-mnist", example._options(options)) is None
    assert "apt-get install dataset-fashion-mnist" in capsys.readouterr().out


def test_kernel_picture_is_drawn(tmp_path, capsys):
    picture = tmp_path / "out" / "kernel.png"
    found = _example("kernel_picture").main(["--smoke", "--out", str(picture)])
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (ROOT / "docs/kernel_1000.png").stat().st_size < 150_000
    shaped = found["sigmoid, shaped"]["NNGP cosine"]
    assert shaped.min() < 0.3
    assert found["sigmoid, untreated"]["NNGP cosine"].min() > 0.99
    assert "a function of one variable" in capsys.readouterr().out


def test_an_equinox_model_trains_with_the_weights_of_its_shaped_twin(capsys):
    best = _example("equinox_transplant").main(["--steps", "120"])
    # 19 % and 97 % after 200 steps; chance is 10 %.
    assert best["as it is"] < 0.3
    assert best["transplanted"] > 0.9
    assert "rate 0.01" in capsys.readouterr().out
