"""The README: its code prints the text that it shows, and its lists and commands are correct."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_blocks import check, same

import kernelc as kc


ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


@pytest.fixture(scope="module")
def text() -> str:
    return README.read_text(encoding="utf-8")


def test_code_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check(README, {"__name__": "readme"}) >= 5


@pytest.mark.parametrize(
    ("printed", "shown", "equal"),
    [
        ("psi = 1.25\n", "psi = 1.25\n", True),
        ("psi = 1.250000000001\n", "psi = 1.25\n", True),
        ("psi = 1.26\n", "psi = 1.25\n", False),
        ("residual 3e-15", "residual 4e-16", True),
        ("psi**100", "psi**99", False),
        ("C_tanh^2(c)", "C_relu^2(c)", False),
    ],
)
def test_outputs_are_compared_as_text_and_numbers(printed, shown, equal):
    assert same(printed, shown) is equal


def test_the_first_two_commands_are_one_line_each_and_ci_runs_the_same_tests(text):
    commands = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    job, tests = (command.splitlines() for command in commands[:2])
    assert len(job) == len(tests) == 1
    assert job[0].startswith("python3 -m venv .venv && ")
    assert tests[0] in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    script = job[0].split()[-1]
    assert (ROOT / script).is_file()


def test_commands_run(text, tmp_path):
    section = text.split("## Command line", 1)[1].split("\n## ", 1)[0]
    block = re.search(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    commands = [shlex.split(line) for line in block[1].splitlines()]
    assert [command[1] for command in commands] == ["inspect", "diagnose", "shape", "train"]
    # Modules are looked for in the current directory; one process, for each takes seconds to start.
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    script = ["import sys, kernelc.cli", "app = kernelc.cli.app"]
    for command in commands:
        words = [word if word != "300" else "3" for word in command[1:]]
        script.append(f"app({words!r}, standalone_mode=False)")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for expected in ("psi**30", "C'(1)-psi", "finished after 3 steps"):
        assert expected in done.stdout


def test_lists_name_every_layer_kind_and_activation():
    text = (ROOT / "docs/covered.md").read_text(encoding="utf-8")

    def listed(title: str) -> set[str]:
        section = re.search(rf"^\*\*{title}\.\*\*(.*?)\n\n", text, re.MULTILINE | re.DOTALL)
        assert section is not None
        return set(re.findall(r"`(\w+)`", section[1]))

    # Kinds of other modules (tests and documents define some) are not the package's.
    kinds = {n for n, kind in kc.Layer.kinds.items() if kind.__module__.startswith("kernelc.")}
    assert listed("Layer kinds") == kinds
    assert listed("Activations") == set(kc.ACTIVATIONS)


def test_nothing_breaks_where_only_the_readme_is_shown(text):
    # A package index has neither the files beside it nor a place that relative links start from.
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)]+)\)", prose)
    assert targets
    assert all(target.startswith("https://") for target in targets)
    assert "<img" not in prose
    assert len(text.splitlines()) <= 200


def test_the_files_it_names_are_there(text):
    named = set(re.findall(r"`((?:docs/)?[\w-]+(?:/[\w-]+)*(?:\.md|\.cff))`", text))
    assert {"docs/tutorial.md", "CHANGELOG.md", "CITATION.cff"} <= named
    for name in (*named, "docs/theory", "LICENSE"):
        assert (ROOT / name).exists(), name
