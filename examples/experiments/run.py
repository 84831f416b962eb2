"""Runs a matrix of experiments, or one cell of it, and skips the runs in its log.

python examples/experiments/run.py examples/experiments/dense50.json --jobs 2
python examples/experiments/run.py examples/experiments/dense50.json --only vanilla-dks-sigmoid
"""

from __future__ import annotations

import concurrent.futures
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from settings import TUNING_SEED, Cell, Run, cells
from tqdm import tqdm
from training import rehearse, train


HERE = Path(__file__).parent
LOGS = HERE / "logs"


def log_of(matrix: Path, logs: Path = LOGS) -> Path:
    """The file where the runs of a matrix are recorded."""
    return logs / f"{matrix.stem}.jsonl"


def main(
    matrix: Annotated[Path, typer.Argument(help="A JSON file of cells.", exists=True)],
    only: Annotated[str, typer.Option(help="Only cells whose name contains this.")] = "",
    jobs: Annotated[int, typer.Option(help="Cells at a time, a process each.", min=1)] = 1,
    log: Annotated[
        Path | None, typer.Option(help="Where runs go; logs/<matrix>.jsonl when not said.")
    ] = None,
    data_dir: Annotated[str | None, typer.Option(help="Where the data are.")] = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Store runs here, so that they can be cut off.")
    ] = None,
    dry_run: Annotated[
        int, typer.Option(help="Only two steps of each cell, on this many synthetic examples.")
    ] = 0,
    show: Annotated[bool, typer.Option("--list", help="List the cells and stop.")] = False,
) -> None:
    """Tune the rate of every cell with the same budget, then run its seeds."""
    log = log or log_of(matrix)
    chosen = _selected(list(cells(matrix)), only)
    skipped = [cell.name for cell in chosen if not cell.applies]
    chosen = [cell for cell in chosen if cell.applies]
    if skipped:
        print(f"do not apply: {', '.join(skipped)}")
    if show:
        print("\n".join(cell.name for cell in chosen))
    elif not chosen:
        raise SystemExit(f"no cell of {matrix} has {only!r} in its name")
    elif dry_run:
        for cell in chosen:
            losses = rehearse(cell, dry_run).losses
            print(f"{cell.name}: losses {', '.join(f'{loss:.4g}' for loss in losses)}", flush=True)
    elif jobs == 1:
        for cell in chosen:
            run_cell(cell, log, data_dir, checkpoints)
    else:
        _side_by_side(matrix, chosen, jobs, log, data_dir, checkpoints)


def _selected(found: list[Cell], only: str) -> list[Cell]:
    """The cell of this name, or else all whose names contain it."""
    exact = [cell for cell in found if cell.name == only]
    return exact or [cell for cell in found if only in cell.name]


def run_cell(cell: Cell, log: Path, data_dir: str | None, checkpoints: Path | None = None) -> None:
    """Every rate with the tuning seed, then the final seeds at the best rate."""
    found = {}
    for rate in cell.rates:
        found[rate] = train(Run(cell, rate, TUNING_SEED), log, data_dir, checkpoints)
        print(f"{cell.name} rate {rate:g}: {_outcome(found[rate])}", flush=True)
    best = min(found, key=lambda rate: last_loss(found[rate]))
    for seed in cell.seeds:
        done = train(Run(cell, best, seed), log, data_dir, checkpoints)
        print(f"{cell.name} rate {best:g} seed {seed}: {_outcome(done)}", flush=True)


def last_loss(done: dict) -> float:
    """Training loss at the end, infinite for a run that diverged."""
    loss = done["train_loss"]
    return math.inf if done["diverged"] or loss is None else loss


def _outcome(done: dict) -> str:
    if done["diverged"]:
        return f"diverged at step {done['steps']}"
    return (
        f"training loss {done['train_loss']:.4g}, test accuracy {done['test_accuracy']:.1%}, "
        f"{done['seconds']:.0f} s"
    )


def _side_by_side(
    matrix: Path,
    chosen: list[Cell],
    jobs: int,
    log: Path,
    data_dir: str | None,
    checkpoints: Path | None,
) -> None:
    """Runs each cell in its own process, so that cells do not share the lock of Python."""

    def one(cell: Cell) -> str:
        command = [sys.executable, str(HERE / "run.py"), str(matrix), "--only", cell.name]
        command += ["--log", str(log)] + (["--data-dir", data_dir] if data_dir else [])
        command += ["--checkpoints", str(checkpoints)] if checkpoints else []
        # OpenBLAS would start a thread per core in every process for matrices this small.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        return done.stdout if done.returncode == 0 else f"{cell.name} failed:\n{done.stderr}"

    failed = False
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(one, cell) for cell in chosen]
        done = concurrent.futures.as_completed(waiting)
        for each in tqdm(done, total=len(waiting), unit="cell"):
            text = each.result()
            failed |= " failed:\n" in text
            tqdm.write(text.rstrip())
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
