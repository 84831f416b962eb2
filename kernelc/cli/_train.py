"""`kernelc train`."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import kernelc as kc

from ._console import check_folder, output, table, write_text, written
from ._data import DataDir, dataset
from ._load import Own, Spec, load_network
from ._shape import print_shaped
from ._targets import Dks, Edge, Mode, Pln, TargetText, TatEta, TatTau, chosen_pln, chosen_target


if TYPE_CHECKING:
    import optax


class Optimizer(StrEnum):
    """Optimizers by name."""

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
    own: Own = None,
    data: Annotated[
        str,
        typer.Option(
            help="What to train on: digits, fashion-mnist, cifar10, or FILE.npz with arrays x and "
            "y, and test_x and test_y for a test part."
        ),
    ] = "digits",
    data_dir: DataDir = None,
    centered: Annotated[
        bool,
        typer.Option(
            "--centered", "--centred", help="Take the mean example off: shaped nets train faster."
        ),
    ] = False,
    optimizer: Annotated[Optimizer, typer.Option(help="How.")] = Optimizer.adam,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; left out: 0.001, 0.02 (muon), adaptive (kfac)."),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="Name of a loss; cross_entropy for labels, else squared_error."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Optimizer steps.", min=1)] = 1000,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples in a step; 128 when left out, 256 with kfac.", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights and batches.", min=0)] = 0,
    shaped: Annotated[
        bool, typer.Option("--shape/--no-shape", help="Shape (and rewrite) the network first.")
    ] = False,
    target: TargetText = None,
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
    out: Annotated[
        Path | None, typer.Option(help="Write the trained model, for kernelc.load.")
    ] = None,
) -> None:
    """Train on a data set of this machine."""
    for path in (plot, history, out):
        if path is not None:
            check_folder(path)
    _check_rate(lr)
    wanted = chosen_target(target, dks, tat_eta, tat_tau, edge_of_chaos)
    network = load_network(spec, own)
    goal = wanted()
    console = output()
    if shaped:
        result = kc.shape(network, goal, rewrite=True, pln=chosen_pln(pln))
        print_shaped(console, result)
        console.print()
        network = result.network
    found = dataset(data, data_dir)
    by_name: Any = loss or _usual_loss(found, network)
    examples = _fitting(found.centered() if centered else found, network, by_name)
    run = kc.fit(
        _model(network, optimizer, seed),
        examples,
        optimizer=_chosen(optimizer, lr),
        steps=steps,
        batch_size=batch_size,
        key=seed,
        loss=by_name,
        checkpoint=checkpoint,
    )
    if out is not None:
        kc.save(out, run.model, run.state)
    if history is not None:
        write_text(history, json.dumps(run.to_dict(), indent=2))
    if plot is not None:
        written(plot, lambda: run.plot(plot))
    console.print(_records(run))
    console.print(f"\n{run.message}")


def _check_rate(rate: float | None) -> None:
    if rate is not None and not 0 < rate < math.inf:
        raise kc.DataError(
            where="--lr",
            found=f"{rate:g}",
            law="a learning rate is a number above zero, or nothing is learned",
            remedy="give one, such as --lr 1e-3, or leave it out",
        )


def _model(network: kc.Network, optimizer: Optimizer, seed: int) -> kc.Model:
    return kc.lower(network, key=seed, layers="unrolled" if optimizer in _ONE_BY_ONE else "auto")


def _chosen(optimizer: Optimizer, rate: float | None) -> kc.KFAC | optax.GradientTransformation:
    if optimizer is Optimizer.kfac:
        return kc.kfac("adaptive" if rate is None else rate)
    import optax.contrib

    home = optax if optimizer in (Optimizer.sgd, Optimizer.adam) else optax.contrib
    made = getattr(home, optimizer)
    return made(_RATES.get(optimizer, _RATE) if rate is None else rate)


def _usual_loss(found: kc.data.Dataset, network: kc.Network) -> str:
    """Cross-entropy for labels of examples, or of each location of the outputs."""
    y = found.train_y
    located = y.ndim > 1 and y.dtype.kind == "i" and y.shape[1:] == network.output_shape[:-1]
    return "cross_entropy" if found.classes or located else "squared_error"


def _fitting(found: kc.data.Dataset, network: kc.Network, loss: str) -> kc.data.Dataset:
    """The examples as the network takes them, or DataError; `fit` looks at all else."""
    takes = network.input_format
    found = found.flat() if len(takes.shape) == 1 else found
    shape_, wanted = found.train_x.shape[1:], takes.shape
    outputs = _outputs(found, loss)
    misfit = bool(outputs) and network.output_shape not in outputs
    if shape_ != wanted or misfit:
        classes, numbers = found.classes, found.train_y.shape[1:] or (1,)
        told = f"of {classes} classes" if classes else f"with targets {numbers}"
        ways = [] if shape_ == wanted else [takes.reshaping(found.train_x.shape)]
        ways += [f"end with Dense({outputs[0][-1]})"] if misfit else []
        if misfit and not classes and numbers == (1,):
            ways.append("store y as integers where it holds class numbers")
        raise kc.DataError(
            where=f"{network.name} on {found.name}",
            found=f"a network {wanted} -> {network.output_shape} for examples {shape_} {told}",
            law="the network takes the examples and gives one logit for each class, or the shape "
            "of a target",
            remedy="; ".join(ways),
        )
    return found


def _outputs(found: kc.data.Dataset, loss: str) -> list[tuple[int, ...]]:
    """Shapes of outputs that go with the targets; none where `fit` is to judge."""
    logits = [(found.classes,)] if found.classes else []
    if loss == "squared_error":
        # Labels are numbers, or the ones in rows of zeros.
        return [*logits, found.train_y.shape[1:] or (1,)]
    return logits if loss == "cross_entropy" else []


def _records(run: kc.FitResult):
    shown = ("loss", "train_accuracy", "test_loss", "test_accuracy")
    rows = table("step", "loss", "train acc", "test loss", "test acc", "seconds", numbers=6)
    for record in run.history:
        rows.add_row(
            str(record.step),
            *(_number(record, name) for name in shown),
            f"{record.seconds:.1f}",
        )
    return rows


def _number(record: kc.Record, name: str) -> str:
    """A dash where there is no test part, or no labels to be right about."""
    value = getattr(record, name)
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"
