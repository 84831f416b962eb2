"""The shape of the code itself: who imports whom, and what importing costs."""

from __future__ import annotations

import ast
import importlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

import kernelc


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kernelc"
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "nets").rglob("*.py")])
LONGEST = 400

LEVEL = {
    "_deprecated": 0,
    "_errors": 0,
    "_limits": 0,
    "_registration": 0,
    "_reshaping": 0,
    "_arguments": 1,
    "_input_format": 1,
    "_needs_number": 1,
    "_writing": 1,
    "_packages": 1,
    "_table": 1,
    "activations": 2,
    "modules": 2,
    "data": 2,
    "ir": 3,
    "gaussian": 3,
    "approximation": 4,
    "algebra": 4,
    "layers": 4,
    "lowering": 4,
    "curvature": 4,
    "symbolic": 5,
    "shaping": 5,
    "numeric": 5,
    "training": 5,
    "reading": 5,
    "diagnosis": 6,
    "prediction": 6,
    "sklearn": 6,
    "extend": 6,
    "__init__": 7,
    "cli": 8,
    "__main__": 9,
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


def test_no_files_of_a_package_import_each_other_in_a_circle() -> None:
    # Imports for type checkers count: a reader follows them too.
    reads = {_module(path): set(_read(path)) for path in PACKAGE.rglob("*.py")}
    reached = {module: _reached(module, reads) for module in reads}
    circles = {
        frozenset(other for other in reached[module] if module in reached[other])
        for module in reads
        if module in reached[module]
    }
    assert circles == set()


def _module(path: Path) -> str:
    """Its dotted name below the package; a folder is its `__init__`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _read(path: Path) -> Iterator[str]:
    """The files of its own package that a file imports, also for type checkers alone."""
    own = path.relative_to(PACKAGE).parts
    if len(own) == 1 or own[1:] == ("__init__.py",):
        return
    known = {_module(each): each for each in (PACKAGE / own[0]).rglob("*.py")}
    base = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            start = base[: len(base) - node.level + 1] if node.level else ()
            module = (*start, *(node.module or "").split("."))
            names = [".".join(filter(None, (*module[1:], alias.name))) for alias in node.names]
            whole = ".".join(filter(None, module[1:]))
            yield from ({name if name in known else whole for name in names} & known.keys()) - {
                own[0]
            }


def _reached(start: str, reads: dict[str, set[str]]) -> set[str]:
    """Whatever can be reached by imports from there, itself where it is in a circle."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = reads[ahead.pop()] - found
        found |= new
        ahead += new
    return found


IMPORT = """
import json, sys
import jax
def settings():
    return {k: repr(v) for k, v in jax.config.values.items()}
before = settings()
import kernelc
for name in kernelc.__all__:
    getattr(kernelc, name)
heavy = [m for m in ("kfac_jax", "matplotlib", "sklearn") if m in sys.modules]
print(json.dumps({"same": settings() == before, "heavy": heavy, "x64": jax.config.jax_enable_x64}))
"""


def test_importing_changes_no_setting_and_loads_nothing_heavy() -> None:
    run = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {"same": True, "heavy": [], "x64": False}


def test_public_names_are_the_same_for_type_checkers_and_at_run_time() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    declared = {
        (alias.asname, node.module or alias.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == set(kernelc._PACKAGES.items())
    for name, package in kernelc._PACKAGES.items():
        module = importlib.import_module(f"kernelc.{package}")
        assert getattr(kernelc, name) is (module if name == package else getattr(module, name))
    assert set(kernelc.__all__) <= set(dir(kernelc))
    with pytest.raises(AttributeError, match="no attribute 'derivee'"):
        kernelc.derivee  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


FIRST_USES = {
    "Network.load": "import kernelc as kc; kc.Network.load('net.json')",
    "Network of ir": "from kernelc.ir import Network; Network.load('net.json')",
    "load": "from kernelc import load; load('model')",
    "pickle": "import pickle; pickle.load(open('net.pickle', 'rb'))",
    "kinds": "import kernelc as kc; assert 'Dense' in kc.Layer.kinds",
}


@pytest.mark.parametrize("use", list(FIRST_USES))
def test_layer_kinds_are_known_whatever_a_program_uses_first(use: str, tmp_path: Path) -> None:
    net = kernelc.Network(x := kernelc.Input((3,)), kernelc.Dense(2)(x))
    net.save(tmp_path / "net.json")
    (tmp_path / "net.pickle").write_bytes(pickle.dumps(net))
    kernelc.save(tmp_path / "model", kernelc.lower(net, key=jax.random.key(0)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", FIRST_USES[use]], cwd=tmp_path, env=environment, check=True
    )


ANSWERS = """
import contextlib, io, json, sys
from kernelc.__main__ import main
codes, heavy = [], []
for words in json.loads(sys.argv[1]):
    sys.argv = ["kernelc", *words]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            codes.append(end.code)
    names = ("jax", "sympy", "equinox", "optax", "scipy")
    heavy += [(words, name) for name in names if name in sys.modules]
print(json.dumps({"codes": codes, "heavy": heavy}))
"""
ASKED = [
    ([], 2),
    (["--help"], 0),
    (["--version"], 0),
    (["train", "--help"], 0),
    (["train"], 2),
    (["traim", "net.json"], 2),
    (["train", "net.json", "--steps", "many"], 2),
    (["shape", "net.json", "--reshape"], 2),
    (["shape", "net.json", "--dks", "1.5", "--tat-tau", "0.2"], 2),
    (["diagnose", "net.json", "--finite"], 2),
    (["kernel", "net"], 2),
]


def test_help_and_wrong_arguments_wait_for_no_heavy_package() -> None:
    asked = json.dumps([words for words, _ in ASKED])
    run = subprocess.run(
        [sys.executable, "-c", ANSWERS, asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # A package that was imported stays for the rows behind: the first is the one to blame.
    assert json.loads(run.stdout) == {"codes": [code for _, code in ASKED], "heavy": []}
