"""The tables of experiments in the page and in the README agree with the logs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest


HERE = Path(__file__).parents[1] / "examples/experiments"
MATRICES = sorted(HERE.glob("*.json"))


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def test_the_tables_of_the_page_are_what_the_logs_say():
    page, report = (importlib.import_module(name) for name in ("page", "report"))
    text = page.PAGE.read_text()
    ran = {path.stem for path in MATRICES if report.outcomes(path, report.log_of(path))}
    assert page.tables(text) == ran
    assert page.rewritten(text) == text


def test_a_page_is_rewritten_between_the_marks_alone(tmp_path):
    page = importlib.import_module("page")
    around = "before\n<!-- table of dense50 -->\n{}<!-- end of dense50 -->\nafter\n"
    found = page.rewritten(around.format("| old |\n"), tmp_path)
    assert "old" not in found
    assert found.startswith("before\n<!-- table of dense50 -->\n\n| net | activation |")
    assert found.endswith("|\n\n<!-- end of dense50 -->\nafter\n")


README_ROWS = {
    "bn-skip-relu-kfac": None,
    "vanilla-dks-sigmoid-kfac": "bn-skip-relu-kfac",
    "bn-skip-relu-sgd": None,
    "weighted98-dks-tanh-sgd-clipped": "bn-skip-relu-sgd",
    "vanilla-dks-tanh-sgd-clipped": "bn-skip-relu-sgd",
    "vanilla-gaussian-sigmoid-adam": None,
}


def test_the_table_of_the_readme_is_what_the_logs_say():
    report = importlib.import_module("report")
    found = {
        outcome.cell.name.split("-", 2)[2]: outcome
        for outcome in report.outcomes(HERE / "dense50.json", report.log_of(HERE / "dense50.json"))
    }
    readme = (HERE.parents[1] / "README.md").read_text()
    table = readme.split("| net | optimizer | loss 0.5 | loss 0.1 | loss 0.03 | test |\n")[1]
    lines = [line.split("|")[3:-1] for line in table.splitlines()[1 : 1 + len(README_ROWS)]]
    for shown, (name, beside) in zip(lines, README_ROWS.items(), strict=True):
        steps = [_steps(found[name], found.get(beside), loss) for loss in (0.5, 0.1, 0.03)]
        assert [cell.strip() for cell in shown] == [*steps, f"{100 * found[name].accuracy:.1f} %"]


def _steps(outcome, beside, loss):
    steps = outcome.steps_to(loss)
    if steps is None:
        return "-"
    theirs = beside.steps_to(loss) if beside else None
    return f"{steps:.0f}" if theirs is None else f"{steps:.0f} ({steps / theirs:.2f})"
