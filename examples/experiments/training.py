"""One run: data, network, training, and its entry in the log."""

from __future__ import annotations

import dataclasses
import functools
import importlib.metadata
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np
from arms import ARMS
from optimizers import optimizer
from records import append, finished, read
from settings import DATA, Cell, Run

import kernelc as kc


WINDOW = 10
"""Steps whose mean loss is one point of a curve."""
ONE_BY_ONE = ("sgd-unitwise", "muon")
"""Optimizers that treat a parameter by its axes: the weights of a loop have one more."""
_EVALUATIONS = 5
_DIGITS = 5


def _halved(data: kc.data.Dataset) -> kc.data.Dataset:
    """Images of half the height and width: means over four pixels."""

    def means(x: np.ndarray) -> np.ndarray:
        n, height, width, colors = x.shape
        return x.reshape(n, height // 2, 2, width // 2, 2, colors).mean((2, 4))

    name = f"{data.name}, halved"
    return dataclasses.replace(
        data, train_x=means(data.train_x), test_x=means(data.test_x), name=name
    )


READERS: dict[str, Callable[[str | None], kc.data.Dataset]] = {
    "digits": lambda folder: kc.data.digits(),
    "fashion_mnist": kc.data.fashion_mnist,
    "fashion_mnist_centered": lambda folder: kc.data.fashion_mnist(folder).centered(),
    "python_text": lambda folder: kc.data.text(kc.data.python_text(), *DATA["python_text"][0]),
    "cifar10": kc.data.cifar10,
    "cifar10_16": lambda folder: _halved(kc.data.cifar10(folder)),
    "cifar10_16_centered": lambda folder: _halved(kc.data.cifar10(folder)).centered(),
}


@functools.lru_cache(maxsize=1)
def dataset(
    name: str, examples: int | None, augment: bool, folder: str | None
) -> kc.data.Dataset | kc.data.Stream:
    """The data, standardized; the first `examples` of the training part."""
    if name == "imagenet":
        return kc.data.imagenet(folder)
    data = READERS[name](folder)
    data = data if examples is None else data.subset(examples, len(data.test_x))
    return _moving(data) if augment else data


def _moving(data: kc.data.Dataset) -> kc.data.Stream:
    """Shifts by up to an eighth of the image, the usual four pixels of 32."""
    return kc.data.augmented(data, pad=data.train_x.shape[1] // 8)


def synthetic(cell: Cell, count: int) -> kc.data.Dataset | kc.data.Stream:
    """Random examples of the shape of the cell, to test that it runs."""
    shape, classes = DATA[cell.data]
    draw = np.random.default_rng(0)
    x = draw.normal(size=(count, *shape)).astype(np.float32)
    y = (np.arange(count) % classes).astype(np.int32)
    if cell.family == "decoder":
        x, y = draw.integers(0, classes, (2, count, *shape))
    data = kc.data.Dataset(x, y, x[:1], y[:1], f"synthetic {cell.data}", classes)
    return _moving(data) if cell.augment else data


@functools.lru_cache(maxsize=1)
def network(cell: Cell) -> kc.Network | kc.ShapedNetwork:
    """The network of the cell, shared by its runs, because shaping is deterministic."""
    return ARMS[cell.arm].build(cell.body())


def train(
    run: Run,
    log: Path,
    data_folder: str | None,
    checkpoints: Path | None = None,
    progress: bool | None = None,
) -> dict:
    """The entry of the run in the log; trains if there is none.

    Arguments:
        run: its settings.
        log: the file where runs are recorded.
        data_folder: folder of the data; None for the default folders of kernelc.
        checkpoints: folder of checkpoints, from which an interrupted run continues; or None.
        progress: as in `kernelc.fit`.
    """
    done = finished(read(log), run)
    if done is not None:
        return done
    cell = run.cell
    data = dataset(cell.data, cell.examples, cell.augment, data_folder)
    model = kc.lower(network(cell), key=jax.random.key(run.seed), layers=layers(cell))
    result = kc.fit(
        model,
        data,
        optimizer=optimizer(cell.optimizer, run.rate, cell.steps),
        steps=cell.steps,
        batch_size=cell.batch,
        key=run.seed,
        loss=kc.CrossEntropy(cell.label_smoothing),
        eval_every=max(1, cell.steps // _EVALUATIONS),
        progress=progress,
        checkpoint=None if checkpoints is None else checkpoints / run.name,
    )
    return append(log, run, _found(model, result))


def rehearse(cell: Cell, batch: int) -> kc.FitResult:
    """Two steps of the cell on synthetic batches of this size, without a log entry."""
    model = kc.lower(network(cell), key=jax.random.key(0), layers=layers(cell))
    return kc.fit(
        model,
        synthetic(cell, batch),
        optimizer=optimizer(cell.optimizer, cell.rates[0], cell.steps),
        steps=2,
        batch_size=batch,
        loss=kc.CrossEntropy(cell.label_smoothing),
        progress=False,
    )


def layers(cell: Cell) -> Literal["auto", "scan", "unrolled"]:
    """Unrolled layers for optimizers that need a separate array for every weight."""
    if cell.optimizer.startswith("kfac") or cell.optimizer in ONE_BY_ONE:
        return "unrolled"
    # Convolutions are slow in a loop.
    return "scan" if ARMS[cell.arm].sums and cell.family == "mlp" else "auto"


def _found(model: Callable, result: kc.FitResult) -> dict[str, Any]:
    """The entry of a run."""
    history = [
        {
            "step": each.step,
            "loss": _short(each.loss),
            "test_accuracy": _short(each.test_accuracy),
            "seconds": _short(each.seconds),
        }
        for each in result.history
    ]
    return {
        "machine": _machine(model),
        "history": history,
        "steps": result.steps,
        "diverged": bool(result.diverged),
        "seconds": _short(result.seconds),
        "train_loss": _short(result.train.loss),
        "train_accuracy": _short(result.train.accuracy),
        "test_loss": _short(result.test.loss) if result.test else None,
        "test_accuracy": _short(result.test.accuracy) if result.test else None,
        "curve": [_short(mean) for mean in _means(result.losses)],
    }


def _means(losses: np.ndarray) -> list[float]:
    """Mean loss of every window; the last window may be shorter."""
    starts = range(0, len(losses), WINDOW)
    return [float(np.mean(losses[i : i + WINDOW])) for i in starts]


def _short(value: float) -> float | None:
    """A loss with a few digits; None for NaN, which JSON does not have."""
    return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None


def _machine(model: Any) -> dict[str, Any]:
    packages = ("jax", "equinox", "optax", "kfac-jax")
    leaves = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    return {
        "device": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "parameters": sum(leaf.size for leaf in leaves),
        **{package: importlib.metadata.version(package) for package in packages},
    }
