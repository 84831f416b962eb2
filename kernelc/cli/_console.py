"""Where commands print and write: as wide as a terminal is, and unwrapped into files and pipes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import kernelc as kc
from kernelc._writing import written as written


_UNWRAPPED = 200


def output() -> Console:
    """Standard output. Nothing printed is read as markup: names may hold brackets."""
    return _console(error=False)


def errors() -> Console:
    """Standard error."""
    return _console(error=True)


def table(*columns: str, numbers: int = 0) -> Table:
    """A table whose last `numbers` columns are numbers, never cut short."""
    made = Table(box=None, pad_edge=False)
    for i, column in enumerate(columns):
        right = i >= len(columns) - numbers
        made.add_column(column, justify="right" if right else "left", no_wrap=right)
    return made


def _console(error: bool) -> Console:
    # Nor are :names: of emoji, which MODULE:NAME: would be.
    # Streams are looked up at each call: they are replaced while commands are tested.
    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else _UNWRAPPED
    return Console(
        file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=True
    )


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        KernelcError: the file cannot be written.
    """
    written(path, lambda: path.write_text(text, encoding="utf-8"))


def check_folder(path: Path) -> None:
    """What would only be found out after the work: a folder that is not there.

    Raises:
        KernelcError: there is none for this path, or the path is a folder itself.
    """
    if os.path.isdir(path) or not os.path.isdir(path.parent):
        raise kc.KernelcError(
            where=str(path),
            found="a folder" if os.path.isdir(path) else "no folder of that name",
            law="results are written into a folder that exists",
            remedy="choose another path",
        )
