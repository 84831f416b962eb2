"""The results of the cells of a matrix, from its log."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from records import finished, read
from run import last_loss
from settings import TUNING_SEED, Cell, Run, cells
from training import WINDOW


TARGETS = (1.0, 0.5, 0.2, 0.1, 0.03)
BASELINES = ("bn-skip", "preln")
# The loss of a batch is noisy, so losses are means over this many windows.
SMOOTHED = 5


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The final runs of a cell, and the losses at the rates tried."""

    cell: Cell
    rate: float
    runs: tuple[dict[str, Any], ...]
    tuned: dict[float, float]

    @property
    def curve(self) -> np.ndarray:
        """The smoothed training loss, (seeds, windows); infinite after a run diverged."""
        length = -(-self.cell.steps // WINDOW)
        rows = []
        for run in self.runs:
            values = [np.inf if value is None else value for value in run["curve"]]
            values += [np.inf] * (length - len(values))
            rows.append([np.mean(values[max(0, i - SMOOTHED + 1) : i + 1]) for i in range(length)])
        return np.array(rows)

    def steps_to(self, loss: float) -> float | None:
        """Median over seeds of the steps to this loss; None if most seeds do not reach it."""
        middle = statistics.median(_crossing(row, loss) for row in self.curve)
        return middle if np.isfinite(middle) else None

    @property
    def final(self) -> float:
        """Median training loss at the end."""
        return statistics.median(last_loss(run) for run in self.runs)

    @property
    def accuracy(self) -> float:
        """Median test accuracy; 0 for runs that diverged."""
        return statistics.median(run["test_accuracy"] or 0.0 for run in self.runs)

    @property
    def milliseconds(self) -> float:
        """Median wall time of a step after compilation; infinite if there is none."""
        found = [1e3 * seconds for run in self.runs for seconds in _seconds_a_step(run["history"])]
        return statistics.median(found) if found else np.inf


def _crossing(curve: np.ndarray, loss: float) -> float:
    """The step at which a curve falls to a loss, by linear interpolation of the log loss."""
    reached = np.flatnonzero(curve <= loss)
    if not reached.size:
        return np.inf
    after = int(reached[0])
    if after == 0:
        return float(WINDOW)
    above, below = np.log(curve[after - 1] / loss), np.log(loss / curve[after])
    return float(WINDOW * (after + above / (above + below)))


def _seconds_a_step(history: Sequence[dict[str, Any]]) -> list[float]:
    """Seconds per step between consecutive records; the first record includes compilation."""
    pairs = itertools.pairwise(history)
    return [(b["seconds"] - a["seconds"]) / (b["step"] - a["step"]) for a, b in pairs]


def outcomes(matrix: Path, log: Path) -> list[Outcome]:
    """Every cell whose runs are all in the log, in the order of the matrix."""
    records, found = read(log), []
    for cell in cells(matrix):
        tuned = {}
        for rate in cell.rates:
            done = finished(records, Run(cell, rate, TUNING_SEED))
            if done is not None:
                tuned[rate] = last_loss(done)
        if len(tuned) < len(cell.rates) or not cell.applies:
            continue
        rate = min(tuned, key=lambda each: tuned[each])
        runs = [finished(records, Run(cell, rate, seed)) for seed in cell.seeds]
        complete = tuple(run for run in runs if run is not None)
        if len(complete) == len(cell.seeds):
            found.append(Outcome(cell, rate, complete, tuned))
    return found


def best_baseline(found: Sequence[Outcome]) -> Outcome | None:
    """The baseline with the optimizer of the lowest final loss."""
    there = [outcome for outcome in found if outcome.cell.arm in BASELINES]
    return min(there, key=lambda outcome: outcome.final, default=None)
