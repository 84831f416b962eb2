"""The notebooks: they run without a warning, give the text that they show, and hold no traces."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest


ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples/notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def run() -> ModuleType:
    """The program that writes the notebooks."""
    spec = importlib.util.spec_from_file_location("run_notebooks", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_cells_give_what_is_stored(run, path):
    stored = run.read(path)
    new = run.executed(stored)
    assert [text for cell in _code(new) for kind, text in run.texts(cell) if kind == "stderr"] == []
    assert list(run.differences(stored, new)) == []


@pytest.mark.parametrize(
    ("new", "stored", "equal"),
    [
        ("took 12.1 s", "took 9 s", True),
        ("took 12.1 s, 91 %", "took 9 s, 92 %", False),
        ("residual 3.1e-15", "residual 4e-16", True),
        ("residual 3.1e-15", "residual 4e-6", False),
        ("psi = 1.25", "psi = 1.26", False),
        ("10 steps", "11 steps", False),
    ],
)
def test_texts_are_compared_but_for_seconds_and_rounding(run, new, stored, equal):
    def notebook(text: str) -> nbformat.NotebookNode:
        output = nbformat.v4.new_output("stream", name="stdout", text=text)
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])

    assert (list(run.differences(notebook(stored), notebook(new))) == []) is equal


def test_a_figure_is_compared_by_its_presence(run):
    def notebook(**data: str) -> nbformat.NotebookNode:
        outputs = [nbformat.v4.new_output("display_data", data=data)]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])

    one = notebook(**{"image/png": "AAAA", "text/plain": "<Figure>"})
    other = notebook(**{"image/png": "BBBB", "text/plain": "<Figure>"})
    assert list(run.differences(one, other)) == []
    assert len(list(run.differences(one, notebook(**{"text/plain": "<Figure>"})))) == 1


def test_cells_were_run_in_order_and_each_shows_or_defines_something(run, path):
    cells = _code(run.read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        body = ast.parse(cell.source).body
        defines = any(
            isinstance(each, ast.Assign | ast.Import | ast.ImportFrom | ast.FunctionDef)
            for each in body
        )
        assert cell.outputs or defines, cell.source


def test_nothing_stored_changes_from_run_to_run(run, path):
    notebook = run.read(path)
    assert notebook.metadata == run.METADATA
    for cell in notebook.cells:
        assert cell.metadata == {}
        for output in cell.get("outputs", []):
            assert output.get("metadata", {}) == {}
            assert output.get("name") != "stderr"
            # Addresses of objects.
            assert not any(" at 0x" in text for _, text in run.texts(cell))


def test_no_paths_of_this_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w:/.\\)}])/(?:home|root|tmp|usr|Users|work|var|opt)/", text)
    assert len(text) < 300_000


def test_code_uses_public_names_alone(run, path):
    for cell in _code(run.read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module), *(alias.name for alias in node.names)]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            assert not [name for name in names if re.search(r"(^|\.)_", name)], cell.source


def test_links_lead_somewhere_and_readers_find_each_notebook(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (FOLDER / target).exists(), target
    start = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    assert f"(../examples/notebooks/{path.name})" in start
    assert "`examples/notebooks`" in (ROOT / "README.md").read_text(encoding="utf-8")
