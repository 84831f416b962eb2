"""`kernelc inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kernelc as kc

from ._console import output
from ._load import Own, Spec, load_network


def inspect_command(
    spec: Spec,
    own: Own = None,
    latex: Annotated[
        bool, typer.Option(help="Print the equations as LaTeX, nothing else.")
    ] = False,
    q: Annotated[
        float | None, typer.Option(help="q value of the inputs; a symbol unless given.")
    ] = None,
    expand: Annotated[
        bool, typer.Option(help="Write out named maps and iterations (long for deep networks).")
    ] = False,
    draw: Annotated[Path | None, typer.Option(help="Draw the graph into this .svg file.")] = None,
) -> None:
    """Show the graph, and its kernel as equations."""
    network = load_network(spec, own)
    console = output()
    if draw is not None:
        network.draw(draw)
    if not latex:
        # The graph first: it is there to be read even where its kernel is refused.
        console.print(f"{network}\n")
    kernel = kc.derive(network, q)
    kernel = kernel.expand() if expand else kernel
    if latex:
        console.print(kernel.latex())
        return
    console.print(str(kernel))
    try:
        console.print(f"  C_f'(1) = {kernel.c_slope}\n  mu(psi) = {kernel.max_slope}")
    except kc.KernelcError as error:
        console.print(f"  no slopes: {error.law}")
