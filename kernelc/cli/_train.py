"""`kernelc train`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import kernelc as kc

from ._console import output, table
from ._data import Data, DataDir, dataset
from ._load import Spec, load_network
from ._shape import print_shaped
from ._targets import Dks, Edge, Mode, Pln, TatEta, TatTau, chosen_pln, chosen_target
from ._write import write_text, written


class Optimizer(StrEnum):
    """Optimisers by name."""

    sgd = "sgd"
    adam = "adam"
    muon = "muon"
    sophia = "sophia"
    kfac = "kfac"


# Muon's updates have a size of their own, whatever that of the gradient.
_RATES = {Optimizer.muon: 2e-2}
_RATE = 1e-3
# To these a weight is a matrix: a loop would stack those of its layers in one array.
_ONE_BY_ONE = (Optimizer.kfac, Optimizer.muon)


def train_command(
    spec: Spec,
    data: Annotated[Data, typer.Option(help="What to train on.")] = Data.digits,
    data_dir: DataDir = None,
    centred: Annotated[
        bool, typer.Option("--centred", help="Take the mean example off: shaped nets train faster.")
    ] = False,
    optimizer: Annotated[Optimizer, typer.Option(help="How.")] = Optimizer.adam,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; left out: 0.001, 0.02 (muon), adaptive (kfac).", min=0.0),
    ] = None,
    steps: Annotated[int, typer.Option(help="Optimiser steps.", min=1)] = 1000,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples in a step; 128 when left out, 256 with kfac.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and batches.", min=0)] = 0,
    shaped: Annotated[
        bool, typer.Option("--shape/--no-shape", help="Shape (and rewrite) the network first.")
    ] = False,
    dks: Dks = None,
    tat_eta: TatEta = None,
    tat_tau: TatTau = None,
    edge_of_chaos: Edge = False,
    pln: Pln = Mode.one,
    plot: Annotated[Path | None, typer.Option(help="Draw the curves into this file.")] = None,
    history: Annotated[Path | None, typer.Option(help="Write the run as JSON.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Store the run in this folder, or go on from it.")
    ] = None,
) -> None:
    """Train on a data set of this machine."""
    import jax  # seconds, which help and mistakes need not wait for

    target = chosen_target(dks, tat_eta, tat_tau, edge_of_chaos)
    network = load_network(spec)
    console = output()
    if shaped:
        result = kc.shape(network, target, rewrite=True, pln=chosen_pln(pln))
        print_shaped(console, result)
        console.print()
        network = result.network
    found = dataset(data, data_dir)
    examples = _fitting(found.centred() if centred else found, network)
    policy = kc.Policy(layers="unrolled") if optimizer in _ONE_BY_ONE else None
    run = kc.fit(
        kc.lower(network, key=jax.random.key(seed), policy=policy),
        examples,
        optimizer=_chosen(optimizer, lr),
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        checkpoint=checkpoint,
    )
    if history is not None:
        write_text(history, json.dumps(run.to_dict(), indent=2))
    if plot is not None:
        written(plot, lambda: run.plot(plot))
    console.print(_records(run))
    console.print(f"\n{run.message}")


def _chosen(optimizer: Optimizer, rate: float | None) -> Any:
    if optimizer is Optimizer.kfac:
        return kc.kfac("adaptive" if rate is None else rate)
    import optax.contrib

    home = optax if optimizer in (Optimizer.sgd, Optimizer.adam) else optax.contrib
    made = getattr(home, optimizer)
    return made(_RATES.get(optimizer, _RATE) if rate is None else rate)


def _fitting(found: kc.data.Dataset, network: kc.Network) -> kc.data.Dataset:
    found = found.flat() if len(network.input_shape) == 1 else found
    shape_, wanted = found.train_x.shape[1:], network.input_shape
    if shape_ != wanted or network.output_shape != (found.classes,):
        raise kc.DataError(
            where=f"{network.name} on {found.name}",
            found=f"a network {wanted} -> {network.output_shape} for examples {shape_} of "
            f"{found.classes} classes",
            law="the network takes the examples and gives one logit for each class",
            remedy=f"use Input({shape_}) and end with Dense({found.classes})",
        )
    return found


def _records(run: kc.FitResult):
    rows = table("step", "loss", "train acc", "test loss", "test acc", "seconds", numbers=6)
    for record in run.history:
        rows.add_row(
            str(record.step),
            f"{record.loss:.4f}",
            f"{record.train_accuracy:.4f}",
            f"{record.test_loss:.4f}",
            f"{record.test_accuracy:.4f}",
            f"{record.seconds:.1f}",
        )
    return rows
