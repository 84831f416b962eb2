"""The shape of the code itself: who imports whom, and what importing costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kernelc"
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "nets").rglob("*.py")])
LONGEST = 400

LEVEL = {
    "_errors": 0,
    "_registration": 0,
    "activations": 1,
    "modules": 1,
    "data": 1,
    "ir": 2,
    "approximation": 2,
    "algebra": 3,
    "layers": 3,
    "lowering": 3,
    "curvature": 3,
    "symbolic": 4,
    "shaping": 4,
    "numeric": 4,
    "training": 4,
    "diagnosis": 5,
    "prediction": 5,
    "cli": 6,
    "__init__": 7,
    "__main__": 8,
}
"""A package imports from lower levels only."""


def home(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, tuple[str, ...], bool]]:
    """(package, rest of the module path, inside a function) of each import of our own code."""
    tree = ast.parse(path.read_text())
    inner = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    parents = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            if node.module is None:
                modules = [(*module, alias.name) for alias in node.names]
            else:
                modules = [module]
        elif isinstance(node, ast.Import):
            modules = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        for parts in modules:
            if parts and parts[0] in ("kernelc", "nets"):
                target = parts[1] if len(parts) > 1 else "__init__"
                found.append((target, parts[2:], id(node) in inner))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST
    assert not any(word in path.stem for word in ("util", "misc", "helper", "common"))
    for target, rest, inside in imports(path):
        assert not inside, f"imports {target} inside a function"
        if path.is_relative_to(ROOT / "nets"):
            continue
        mine = home(path)
        if target in LEVEL and target != mine:
            assert LEVEL[target] < LEVEL[mine], f"{mine} imports {target}"
            assert not rest, f"reaches into {target}.{'.'.join(rest)}"


def test_every_package_has_a_level() -> None:
    found = {home(path) for path in FILES if path.is_relative_to(PACKAGE)}
    assert found <= set(LEVEL)


IMPORT = """
import json, sys
import jax
def settings():
    return {k: repr(v) for k, v in jax.config.values.items()}
before = settings()
import kernelc
heavy = [m for m in ("kfac_jax", "matplotlib", "sklearn") if m in sys.modules]
print(json.dumps({"same": settings() == before, "heavy": heavy, "x64": jax.config.jax_enable_x64}))
"""


def test_importing_changes_no_setting_and_loads_nothing_heavy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {"same": True, "heavy": [], "x64": False}
