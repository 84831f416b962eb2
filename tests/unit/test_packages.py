"""Optional packages: each belongs to an extra, which the error of a missing one names."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import kernelc as kc
from kernelc import _packages
from kernelc.curvature import _compat
from kernelc.data._imagenet import pillow


ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {
    "kfac_jax": "kfac-jax",
    "orbax": "orbax-checkpoint",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[~ ]", one)[0] for one in requirements}


EXTRAS = {extra: names(found) for extra, found in PROJECT["optional-dependencies"].items()}


@pytest.fixture
def without(monkeypatch):
    """Makes a package look as if it were not installed."""

    def hide(package: str) -> None:
        for name in list(sys.modules):
            if name == package or name.startswith(f"{package}."):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hide


def small() -> kc.Network:
    return kc.Network(x := kc.Input((3,)), kc.Dense(2)(x))


CALLS = {
    "matplotlib": ("plot", lambda folder: kc.diagnose(small()).plot(folder / "a.png")),
    "jinja2": ("plot", lambda folder: kc.diagnose(small()).to_html(folder / "a.html")),
    "sklearn": ("data", lambda folder: kc.data.digits()),
    "PIL": ("data", lambda folder: pillow()),
}


@pytest.mark.parametrize("package", list(CALLS))
def test_a_missing_package_is_told_by_its_extra(package, without, tmp_path):
    extra, call = CALLS[package]
    without(package)
    with pytest.raises(kc.PackageError, match=f"no package '{package}'") as error:
        call(tmp_path)
    assert error.value.remedy == f"pip install 'kernelc[{extra}]'"


def test_kfac_without_its_package_names_its_extra(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(kc.PackageError, match=r"kernelc\[kfac\]"):
        _compat.load.__wrapped__()


def test_what_a_package_itself_lacks_is_not_blamed_on_the_extra(monkeypatch, tmp_path):
    (tmp_path / "needy_package.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed"):
        _packages.needed("needy_package", extra="plot", use="pictures")


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_the_command_says_what_it_lacks(package):
    script = f"import sys; sys.modules[{package!r}] = None; import kernelc.__main__"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "pip install 'kernelc[cli]'" in done.stderr


def test_every_import_is_of_the_core_or_of_the_extra_that_is_named():
    core = names(PROJECT["dependencies"])
    asked = set()
    for path in (ROOT / "kernelc").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        checkers = {
            id(n) for block in ast.walk(tree) if for_checkers(block) for n in ast.walk(block)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "needed":
                module, keywords = node.args[0], {k.arg: k.value for k in node.keywords}
                if isinstance(module, ast.Constant) and isinstance(keywords["extra"], ast.Constant):
                    top = str(module.value).partition(".")[0]
                    extra = str(keywords["extra"].value)
                    assert DISTRIBUTIONS.get(top, top) in EXTRAS[extra], path
                    asked.add(top)
            for module in [] if id(node) in checkers else imported(node):
                top = module.partition(".")[0]
                known = top in sys.stdlib_module_names or top in {"kernelc", *core}
                in_cli = "cli" in path.parts and top in EXTRAS["cli"]
                assert known or in_cli or (top == "matplotlib"), f"{path} imports {module}"
    assert asked >= {"jinja2", "matplotlib", "sklearn", "PIL", "orbax", "threadpoolctl"}


def for_checkers(node: ast.AST) -> bool:
    """Whether nothing runs here: type checkers alone read `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


def test_only_kfac_holds_jax_back():
    everything = {"core": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    capped = {
        extra for extra, found in everything.items() for one in found if re.match(r"jax\b.*<", one)
    }
    assert capped == {"kfac"}
    assert "jax>=0.9" in PROJECT["dependencies"]
    assert EXTRAS["all"] == {"kernelc"}


def test_the_release_has_one_version_and_one_license():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {kc.__version__}\n" in citation
    assert "\nlicense: Apache-2.0\n" in citation
    assert PROJECT["license"] == "Apache-2.0"
    assert f"\n## {kc.__version__}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").count("Apache License") >= 1
    for package in ("kernelc", "nets"):
        assert (ROOT / package / "py.typed").is_file()


def test_the_lowest_versions_are_those_that_are_promised():
    pinned = dict(
        line.split("==")
        for line in (ROOT / ".ci/lowest.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    extras = PROJECT["optional-dependencies"]
    promised = [*PROJECT["dependencies"]]
    for extra in ("cli", "plot", "data", "checkpoint"):
        promised += extras[extra]
    for requirement in promised:
        name, lowest = re.split(r">=|,", requirement)[:2]
        released = [int(part) for part in pinned[name].split(".")]
        wanted = [int(part) for part in lowest.split(".")]
        assert released[: len(wanted)] == wanted
        assert not any(released[len(wanted) :]), requirement
