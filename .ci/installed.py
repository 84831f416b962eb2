"""Checks kernelc where it is installed: `installed.py core` without extras, `installed.py all`."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import kernelc as kc
import nets


ROOT = Path(__file__).resolve().parents[1]


def main(kind: str) -> None:
    """What every installation has, then what this kind of it has."""
    where = Path(kc.__file__).parents[1]
    assert ROOT not in (where, *where.parents) or where.name == "site-packages", where
    for package in ("kernelc", "nets"):
        assert (importlib.resources.files(package) / "py.typed").is_file(), package
    metadata = importlib.metadata.metadata("kernelc")
    assert metadata["Version"] == kc.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    files = importlib.metadata.files("kernelc") or []
    assert any(file.name == "LICENSE" for file in files)
    trains()
    {"core": without_extras, "all": with_extras}[kind]()
    print(f"kernelc {kc.__version__} is installed as it should be, with {kind}")


def trains() -> None:
    """From a network to a model that has learned something, by the core alone."""
    import jax

    shaped = kc.shape(nets.mlp(10, 16, 2, (3,), "tanh"), rewrite=True)
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)
    run = kc.fit(kc.lower(shaped, key=jax.random.key(0)), (x, y), steps=100, progress=False)
    assert run.train.accuracy > 0.8, run.train
    assert kc.kernel_fn(shaped)(x[:5]).nngp.shape == (5, 5)
    assert kc.diagnose(shaped).ok


def without_extras() -> None:
    """What is missing is told by its extra."""
    needs = {
        "data": kc.data.digits,
        "plot": lambda: kc.diagnose(nets.mlp(2, 4, 2, (3,), "tanh")).plot("report.png"),
    }
    for extra, call in needs.items():
        assert remedy_of(call) == f"pip install 'kernelc[{extra}]'"
    done = subprocess.run(command(), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert "pip install 'kernelc[cli]'" in done.stderr, done


def remedy_of(call: Callable[[], object]) -> str | None:
    """What the error of a missing package says to do; None where nothing is missing."""
    try:
        call()
    except kc.PackageError as error:
        return error.remedy
    return None


def with_extras() -> None:
    """The command, and every block of the README with what it prints."""
    done = subprocess.run([*command(), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"kernelc {kc.__version__}\n"
    sys.path.append(str(ROOT / "tests"))
    from markdown_blocks import check

    assert check(ROOT / "README.md", {"__name__": "readme"}) >= 5


def command() -> list[str]:
    """The script that pip made."""
    return [str(Path(sys.executable).with_name("kernelc"))]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        main(sys.argv[1])
