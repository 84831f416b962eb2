"""Writes the tables and figures of docs/experiments.md from the logs.

python examples/experiments/page.py

A table stands between `<!-- table of dense50 -->` and `<!-- end of dense50 -->`.
"""

from __future__ import annotations

import re
from pathlib import Path

import typer
from curves import draw
from outcomes import outcomes
from report import told
from run import HERE, LOGS, log_of


PAGE = HERE.parents[1] / "docs" / "experiments.md"
FIGURES = ("dense50", "conv34")
_TABLE = re.compile(r"(<!-- table of (\w+) -->\n).*?(<!-- end of \2 -->\n)", re.DOTALL)


def rewritten(page: str, logs: Path = LOGS) -> str:
    """The page with every table as the logs have it now."""

    def table(found: re.Match[str]) -> str:
        start, name, end = found.groups()
        matrix = HERE / f"{name}.json"
        return f"{start}\n{told(matrix, outcomes(matrix, log_of(matrix, logs)))}\n{end}"

    return _TABLE.sub(table, page)


def tables(page: str) -> set[str]:
    """The matrices that the page has tables of."""
    return {found[2] for found in _TABLE.finditer(page)}


def main() -> None:
    """Write the tables into the page, and the figures beside it."""
    PAGE.write_text(rewritten(PAGE.read_text()))
    for name in FIGURES:
        matrix = HERE / f"{name}.json"
        draw(outcomes(matrix, log_of(matrix)), PAGE.parent / f"{name}.png")


if __name__ == "__main__":
    typer.run(main)
