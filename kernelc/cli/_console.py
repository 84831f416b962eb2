"""Where commands print: as wide as a terminal is, and unwrapped into files and pipes."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table


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
