"""`kernelc diagnose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..diagnosis import diagnose
from ._console import output
from ._load import Spec, load_network
from ._write import written


def diagnose_command(
    spec: Spec,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw C maps, slope and q value into this file.")
    ] = None,
) -> None:
    """Say what is wrong at initialisation, and what to do."""
    report = diagnose(load_network(spec))
    if plot is not None:
        written(plot, lambda: report.plot(plot))
    console = output()
    console.print(json.dumps(report.to_dict(), indent=2) if as_json else str(report))
