"""Measures milliseconds per training step of cells alternately: python timing.py dense50.json.

Times in the logs are from machines with other work. Here the cells alternate in one process, so
other work affects their ratios less. Each cell has its first rate.
"""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path
from typing import Annotated

import jax
import typer
from arms import ARMS
from optimizers import optimizer
from settings import Cell, cells
from tqdm import tqdm
from training import layers, network, synthetic

import kernelc as kc


_EVERY, _RECORDS = 10, 3


def milliseconds(cell: Cell) -> list[float]:
    """Milliseconds per step between records; the first record includes compilation."""
    model = kc.lower(network(cell), key=jax.random.key(0), layers=layers(cell))
    result = kc.fit(
        model,
        synthetic(cell, 2 * cell.batch),
        optimizer=optimizer(cell.optimizer, cell.rates[0], cell.steps),
        steps=_EVERY * _RECORDS,
        batch_size=cell.batch,
        eval_every=_EVERY,
        train_examples=1,
        progress=False,
    )
    pairs = itertools.pairwise(record.seconds for record in result.history)
    return [1e3 * (after - before) / _EVERY for before, after in pairs]


def main(
    matrix: Annotated[Path, typer.Argument(help="A JSON file of cells.", exists=True)],
    only: Annotated[list[str], typer.Option(help="Cells whose names contain one of these.")],
    rounds: Annotated[int, typer.Option(help="How often each has its turn.", min=1)] = 5,
) -> None:
    """Print the median of each cell, and its ratio to the first one."""
    chosen = [cell for cell in cells(matrix) if any(part in cell.name for part in only)]
    if not chosen:
        raise SystemExit(f"no cell of {matrix} has one of {', '.join(only)} in its name")
    found: dict[str, list[float]] = {cell.name: [] for cell in chosen}
    for _, cell in tqdm(list(itertools.product(range(rounds), chosen)), unit="run"):
        found[cell.name] += milliseconds(cell)
    print("| net | activation | optimizer | ms/step | ratio |\n| --- | --- | --- | --- | --- |")
    first = statistics.median(found[chosen[0].name])
    for cell in chosen:
        median = statistics.median(found[cell.name])
        title = ARMS[cell.arm].title
        line = (title, cell.activation, cell.optimizer, f"{median:.0f}", f"{median / first:.2f}")
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    typer.run(main)
