"""`kernelc read`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import kernelc as kc

from ._console import check_folder, output, written
from ._load import Own, Shape, Spec, Tokens, load_carrier


def read_command(
    spec: Spec,
    own: Own = None,
    shape: Shape = None,
    tokens: Tokens = False,
    save: Annotated[
        Path | None, typer.Option(help="Write the network, without weights, into this .json file.")
    ] = None,
) -> None:
    """Read a model of PyTorch or Equinox as a network, and say how well each node is known."""
    if save is not None:
        check_folder(save)
    found = load_carrier(spec, own, shape, tokens)
    if save is not None:
        network = found if isinstance(found, kc.Network) else found.network
        written(save, lambda: network.save(save))
    output().print(str(found))
