"""`kernelc diagnose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import kernelc as kc

from ._console import output
from ._flags import as_flags
from ._load import Own, Shape, Spec, Tokens, load_carrier


def diagnose_command(
    spec: Spec,
    own: Own = None,
    shape: Shape = None,
    tokens: Tokens = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw C maps, slope, q value and gradient into this file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write findings, figures and formulas as one .html page.")
    ] = None,
    finite: Annotated[
        bool, typer.Option("--finite", help="On the page, measure finite networks as well.")
    ] = False,
) -> None:
    """Say what is wrong at initialization, and what to do."""
    if finite and html is None:
        raise kc.KernelcError(
            where="--finite",
            found="no page to show finite networks on",
            law="finite networks are measured for the page",
            remedy="add --html report.html",
        )
    report = kc.diagnose(load_carrier(spec, own, shape, tokens))
    if plot is not None:
        report.plot(plot)
    if html is not None:
        report.to_html(html, finite=finite)
    console = output()
    told = json.dumps(report.to_dict(), indent=2) if as_json else as_flags(str(report), {}, spec)
    console.print(told)
