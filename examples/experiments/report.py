"""Turns logs into tables and figures: python examples/experiments/report.py dense50.json."""

from __future__ import annotations

import dataclasses
import itertools
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from arms import ARMS
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from run import LOGS, last_loss
from settings import TUNING_SEED, Cell, Run, cells, finished
from training import WINDOW


TARGETS = (1.0, 0.5, 0.2, 0.1, 0.03)
BASELINE = "bn-skip"
# A batch's loss is noisy: what has been reached is read off means over this many windows.
SMOOTHED = 5
# A net has trained when it came this share of the way from guessing to the baseline's last loss.
TRAINED = 0.5
_ABOVE = 1.5


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A cell's final runs, and what the rates gave that were tried."""

    cell: Cell
    rate: float
    runs: tuple[dict[str, Any], ...]
    tuned: dict[float, float]

    @property
    def curve(self) -> np.ndarray:
        """(seeds, windows) smoothed training loss; infinite where a run had diverged."""
        length = -(-self.cell.steps // WINDOW)
        rows = []
        for run in self.runs:
            values = [np.inf if value is None else value for value in run["curve"]]
            values += [np.inf] * (length - len(values))
            rows.append([np.mean(values[max(0, i - SMOOTHED + 1) : i + 1]) for i in range(length)])
        return np.array(rows)

    def steps_to(self, loss: float) -> float | None:
        """Median over seeds of the steps to this loss; None when most never reach it."""
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
        """Median wall time of a step once all is compiled; infinite when there was none."""
        found = [1e3 * seconds for run in self.runs for seconds in _seconds_a_step(run["history"])]
        return statistics.median(found) if found else np.inf


def _crossing(curve: np.ndarray, loss: float) -> float:
    """Steps at which a curve falls to a loss, on straight lines of log loss between its points."""
    reached = np.flatnonzero(curve <= loss)
    if not reached.size:
        return np.inf
    after = int(reached[0])
    if after == 0:
        return float(WINDOW)
    above, below = np.log(curve[after - 1] / loss), np.log(loss / curve[after])
    return float(WINDOW * (after + above / (above + below)))


def _seconds_a_step(history: Sequence[dict[str, Any]]) -> list[float]:
    """Between records one after the other; what comes before the first one compiles."""
    pairs = itertools.pairwise(history)
    return [(b["seconds"] - a["seconds"]) / (b["step"] - a["step"]) for a, b in pairs]


def outcomes(matrix: Path, logs: Path) -> list[Outcome]:
    """Every cell with complete logs, in the order of the matrix."""
    found = []
    for cell in cells(matrix):
        tuned = {}
        for rate in cell.rates:
            done = finished(Run(cell, rate, TUNING_SEED).log(logs), Run(cell, rate, TUNING_SEED))
            if done is not None:
                tuned[rate] = last_loss(done)
        if len(tuned) < len(cell.rates) or not cell.applies:
            continue
        rate = min(tuned, key=lambda each: tuned[each])
        runs = [finished(run.log(logs), run) for run in (Run(cell, rate, s) for s in cell.seeds)]
        complete = tuple(run for run in runs if run is not None)
        if len(complete) == len(cell.seeds):
            found.append(Outcome(cell, rate, complete, tuned))
    return found


def best_baseline(found: Sequence[Outcome]) -> Outcome | None:
    """The baseline with the optimiser that ends lowest."""
    there = [outcome for outcome in found if outcome.cell.arm == BASELINE]
    return min(there, key=lambda outcome: outcome.final, default=None)


def targets_of(matrix: Path) -> tuple[float, ...]:
    """The losses whose steps are counted: "targets" of the file, where it names its own."""
    return tuple(json.loads(matrix.read_text()).get("targets", TARGETS))


def table(found: Sequence[Outcome], targets: Sequence[float] = TARGETS) -> str:
    """Markdown: steps to each loss, in brackets relative to the best baseline."""
    baseline = best_baseline(found)
    names = [f"loss {target:g}" for target in targets]
    header = ["net", "activation", "optimiser", "rate", *names, "final loss", "test", "ms/step"]
    lines = [header, ["---"] * len(header)]
    for outcome in found:
        cell = outcome.cell
        lines.append(
            [
                ARMS[cell.arm].title,
                cell.activation,
                cell.optimizer,
                f"{outcome.rate:g}",
                *(_relative(outcome, baseline, target) for target in targets),
                f"{outcome.final:.3g}" if np.isfinite(outcome.final) else "diverged",
                f"{outcome.accuracy:.1%}",
                _rounded(outcome.milliseconds),
            ]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _relative(outcome: Outcome, baseline: Outcome | None, target: float) -> str:
    steps = outcome.steps_to(target)
    if steps is None:
        return "-"
    theirs = baseline.steps_to(target) if baseline is not None else None
    return f"{steps:.0f}" if theirs is None else f"{steps:.0f} ({steps / theirs:.2f})"


def _rounded(number: float) -> str:
    return f"{number:.0f}" if np.isfinite(number) else "-"


def failures(found: Sequence[Outcome]) -> list[str]:
    """The cells that did not train: less than half of the way from guessing to the baseline."""
    baseline = best_baseline(found)
    lines = []
    for outcome in found:
        guessing = np.log(outcome.cell.body().classes)
        reached = 0.0 if baseline is None else baseline.final
        if not outcome.final < guessing + TRAINED * (reached - guessing):
            tried = ", ".join(f"{rate:g}: {loss:.3g}" for rate, loss in outcome.tuned.items())
            lines.append(
                f"{ARMS[outcome.cell.arm].title}, {outcome.cell.activation}, "
                f"{outcome.cell.optimizer}: final loss {outcome.final:.3g} (guessing "
                f"{guessing:.3g}); rates tried, with their losses: {tried}"
            )
    return lines


def told(matrix: Path, found: Sequence[Outcome]) -> str:
    """The table of a matrix, and what did not train."""
    text, failed = table(found, targets_of(matrix)), failures(found)
    if failed:
        text += "\nDid not train:\n\n" + "".join(f"- {line}\n" for line in failed)
    return text


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Training loss against steps and time, one line a cell, its range over seeds behind."""
    figure = Figure(figsize=(15, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    against_steps, against_time = figure.subplots(1, 2, sharey=True)
    for index, outcome in enumerate(found):
        style = {"color": f"C{index % 10}", "linestyle": ("-", "--", ":")[index // 10 % 3]}
        steps = WINDOW * np.arange(1, outcome.curve.shape[1] + 1)
        _line(against_steps, steps, outcome, style)
        if np.isfinite(outcome.milliseconds):
            _line(against_time, 1e-3 * outcome.milliseconds * steps, outcome, style)
    against_steps.set(yscale="log", xlabel="step", ylabel="training loss, mean over 50 steps")
    # A run that diverges goes up to anything: what lies far above guessing is not shown.
    guessing = max(np.log(outcome.cell.body().classes) for outcome in found)
    against_steps.set_ylim(top=_ABOVE * guessing)
    against_time.set(xscale="log", xlabel="seconds, without compilation")
    handles, labels = against_steps.get_legend_handles_labels()
    # Matplotlib's types leave out places outside the axes.
    beside: Any = "outside right"
    figure.legend(handles, labels, fontsize=7, loc=beside)
    figure.savefig(path, dpi=110)


def _line(axes: Axes, at: np.ndarray, outcome: Outcome, style: dict[str, Any]) -> None:
    # Infinite where a run had diverged, so that medians count it; lines end there.
    low, middle, high = (
        np.where(np.isfinite(row), row, np.nan)
        for row in np.quantile(outcome.curve, (0, 0.5, 1), 0, method="nearest")
    )
    cell = outcome.cell
    label = f"{ARMS[cell.arm].title}, {cell.activation}, {cell.optimizer}"
    axes.plot(at, middle, label=label, linewidth=1.4, **style)
    axes.fill_between(at, low, high, alpha=0.15, color=style["color"])


def main(
    matrix: Annotated[Path, typer.Argument(help="A JSON file of cells.", exists=True)],
    logs: Annotated[Path | None, typer.Option(help="Where logs are.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for table and figure.")] = Path("out"),
) -> None:
    """Write <matrix>.md and <matrix>.png from the logs that are complete."""
    logs = logs or LOGS / matrix.stem
    found = outcomes(matrix, logs)
    if not found:
        raise SystemExit(f"no complete logs of {matrix} in {logs}")
    text = told(matrix, found)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{matrix.stem}.md").write_text(text)
    draw(found, out / f"{matrix.stem}.png")
    print(text)


if __name__ == "__main__":
    typer.run(main)
