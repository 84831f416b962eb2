"""`kernelc shape`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import kernelc as kc

from ._console import output, table, written
from ._load import Own, Spec, load_network
from ._targets import Dks, Edge, Mode, Pln, TargetText, TatEta, TatTau, chosen_pln, chosen_target


def shape_command(
    spec: Spec,
    own: Own = None,
    target: TargetText = None,
    dks: Dks = None,
    tat_eta: TatEta = None,
    tat_tau: TatTau = None,
    edge_of_chaos: Edge = False,
    tokens: Annotated[
        str | None,
        typer.Option(
            help="Covariance of tokens behind attention: 'SPA(end_cosine=0.5)' or 'RowScale'."
        ),
    ] = None,
    rewrite: Annotated[
        bool, typer.Option(help="Change layers that break a requirement of shaping.")
    ] = False,
    pln: Pln = Mode.one,
    shortcut_weight: Annotated[
        float | None, typer.Option(help="Weight of shortcuts whose sums a rewrite normalizes.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the shaped network as JSON.")] = None,
) -> None:
    """Solve the activations' constants, or weights and biases, for a target (default DKS)."""
    wanted = chosen_target(target, dks, tat_eta, tat_tau, edge_of_chaos)
    network = load_network(spec, own)
    shaped = kc.shape(
        network,
        wanted(),
        tokens=None if tokens is None else kc.TokenTarget.from_text(tokens),
        rewrite=rewrite,
        pln=chosen_pln(pln),
        shortcut_weight=shortcut_weight,
    )
    if out is not None:
        written(out, lambda: shaped.network.save(out))
    print_shaped(output(), shaped)


def print_shaped(console: Console, shaped: kc.ShapedNetwork) -> None:
    """Constants, residuals, changes and assumptions."""
    console.print(f"{shaped.network.name} shaped by {shaped.target_text}\n")
    if shaped.transforms:
        console.print(_constants(shaped))
        console.print()
    residuals = table("condition", "residual", numbers=1)
    for condition, value in shaped.residuals.items():
        residuals.add_row(condition, f"{value:.1e}")
    console.print(residuals)
    for line in (*shaped.target.lines(shaped.constants), *shaped.remarks):
        console.print(f"  {line}")


def _constants(shaped: kc.ShapedNetwork) -> Table:
    constants = table("activation", "alpha", "beta", "gamma", "delta", "negative slope", numbers=5)
    for name, t in shaped.transforms.items():
        values = (t.alpha, t.beta, t.gamma, t.delta, t.negative_slope)
        constants.add_row(name, *("" if v is None else f"{v:.12g}" for v in values))
    return constants
