"""Runs, cells of a matrix, and the JSON files that define them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arms import ARMS
from bodies import Body


DATA = {
    "digits": ((8, 8, 1), 10),
    "fashion_mnist": ((28, 28, 1), 10),
    "fashion_mnist_centered": ((28, 28, 1), 10),
    "cifar10": ((32, 32, 3), 10),
    "cifar10_16": ((16, 16, 3), 10),
    "cifar10_16_centered": ((16, 16, 3), 10),
    "python_text": ((64,), 256),
    "imagenet": ((224, 224, 3), 1000),
}
"""Shape of an example, and classes."""
TUNING_SEED = 100


@dataclasses.dataclass(frozen=True)
class Cell:
    """One entry of a table: an arm with an optimizer and an activation, at several rates.

    Arguments:
        arm: a key of `ARMS`.
        optimizer: a key of `OPTIMIZERS`.
        activation: a registered name.
        rates: the one number that is tuned: the peak learning rate, or the initial damping of
            adaptive K-FAC.
        family, depth, width, options: of the architecture, see `Body`.
        data: a key of `DATA`; `examples` of its training part, all when None.
        steps, batch: of training.
        seeds: of the final runs, which take the rate with the lowest training loss at the end
            of a run with another seed.
        label_smoothing: share of the target that is spread over all classes.
        augment: whether training images are shifted by up to an eighth of their height and
            mirrored at random;
            those of ImageNet are cropped and mirrored in any case.
    """

    arm: str
    optimizer: str
    activation: str
    rates: tuple[float, ...]
    family: str = "mlp"
    depth: int = 50
    width: int = 128
    options: tuple[tuple[str, Any], ...] = ()
    data: str = "fashion_mnist"
    examples: int | None = None
    steps: int = 1000
    batch: int = 250
    seeds: tuple[int, ...] = (0, 1, 2)
    label_smoothing: float = 0.0
    augment: bool = False

    def __post_init__(self) -> None:
        if self.arm not in ARMS:
            raise SystemExit(f"no arm {self.arm!r}; there are {', '.join(ARMS)}")
        if self.data not in DATA:
            raise SystemExit(f"no data set {self.data!r}; there are {', '.join(DATA)}")
        if self.data == "imagenet" and (self.augment or self.examples):
            raise SystemExit(
                "ImageNet is read whole and always cropped: leave out examples and augment"
            )

    @property
    def name(self) -> str:
        """Its name in files."""
        net = f"{self.family}{self.depth}x{self.width}"
        data = f"{self.data}-augmented" if self.augment else self.data
        return f"{data}-{net}-{self.arm}-{self.activation}-{self.optimizer}"

    @property
    def applies(self) -> bool:
        """Whether the arm serves the activation."""
        return ARMS[self.arm].serves(self.activation)

    def body(self) -> Body:
        """The architecture."""
        shape, classes = DATA[self.data]
        return Body(
            self.family, self.depth, self.width, shape, classes, self.activation, self.options
        )


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run of a cell."""

    cell: Cell
    rate: float
    seed: int

    @property
    def tuning(self) -> bool:
        """Whether the run only chooses the rate."""
        return self.seed == TUNING_SEED

    @property
    def name(self) -> str:
        """Its name in logs."""
        return f"{self.cell.name}-rate{self.rate:g}-seed{self.seed}"


def cells(path: Path) -> Iterator[Cell]:
    """The cells of a JSON file: {"defaults": {...}, "cells": [{...}]}.

    A list of activations or of optimizers in a cell stands for a cell for each. Rates may be
    given by optimizer, as {"rates": {"sgd": [...]}} among the defaults.
    """
    read = json.loads(path.read_text())
    for entry in read["cells"]:
        merged = {**read.get("defaults", {}), **entry}
        rates = merged.pop("rates")
        optimizers, activations = (_listed(merged.pop(k)) for k in ("optimizer", "activation"))
        merged["options"] = tuple(sorted(merged.pop("options", {}).items()))
        if "seeds" in merged:
            merged["seeds"] = tuple(merged["seeds"])
        for optimizer in optimizers:
            chosen = rates[optimizer] if isinstance(rates, dict) else rates
            for activation in activations:
                yield Cell(
                    optimizer=optimizer, activation=activation, rates=tuple(chosen), **merged
                )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
