"""Runs the notebooks and stores their outputs, or compares new outputs with the stored ones.

`python examples/notebooks/run.py` runs all of them and writes them anew, `run.py training` one;
`--check` writes nothing and fails if a text differs. Stored notebooks hold nothing that changes
from run to run: no times, no versions, no states of widgets.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode


FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What depends on the machine: seconds, and residuals near rounding (1e-11 and below). Two texts
# that differ in these alone count as equal.
_MACHINE = re.compile(r" *\b\d+(?:\.\d+)?(?: s\b|e-(?:1[1-9]|[2-9]\d|\d{3})\b)")

Texts = list[tuple[str, str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the notebooks; returns 1 if `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks without .ipynb; all if none is given")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    options = parser.parse_args(argv)
    found = 0
    for path in [FOLDER / f"{name}.ipynb" for name in options.names] or notebooks():
        print(path.name, flush=True)
        stored = read(path)
        new = executed(stored)
        if options.check:
            for line in differences(stored, new):
                print(line)
                found = 1
        else:
            nbformat.write(new, path)
    return found


def notebooks() -> list[Path]:
    """The notebooks, by name."""
    return sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> NotebookNode:
    """The stored notebook, validated."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def executed(stored: NotebookNode, timeout: int = 600) -> NotebookNode:
    """The notebook with new outputs, run in a fresh kernel in an empty folder.

    Raises: CellExecutionError at the first cell that raises.
    """
    notebook = nbformat.from_dict(stored)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        ).execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def texts(cell: NotebookNode) -> Texts:
    """(kind, text) of each output of a code cell; a figure counts as present."""
    found: Texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append((output.name, output.text))
            continue
        for kind, value in sorted(output.data.items()):
            found.append((kind, value if kind.startswith("text/") else ""))
    return found


def differences(stored: NotebookNode, new: NotebookNode) -> Iterator[str]:
    """A message for each cell whose text outputs differ, apart from seconds and rounding."""
    for number, (old, cell) in enumerate(zip(stored.cells, new.cells, strict=True)):
        if cell.cell_type == "code" and _compared(old) != _compared(cell):
            yield f"cell {number} gives\n{texts(cell)}\nand the stored one is\n{texts(old)}"


def _compared(cell: NotebookNode) -> Texts:
    return [(kind, _MACHINE.sub(" #", text)) for kind, text in texts(cell)]


if __name__ == "__main__":
    sys.exit(main())
