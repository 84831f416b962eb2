"""Turns a log into tables and a figure: python examples/experiments/report.py dense50.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from arms import ARMS
from curves import draw
from outcomes import BASELINES, TARGETS, Outcome, best_baseline, outcomes
from run import log_of


# A net has trained if its loss falls by this share of the fall of the baseline from guessing.
TRAINED = 0.5


def targets_of(matrix: Path) -> tuple[float, ...]:
    """The losses whose steps are counted: "targets" of the file, or the defaults."""
    return tuple(json.loads(matrix.read_text()).get("targets", TARGETS))


def table(found: Sequence[Outcome], targets: Sequence[float] = TARGETS) -> str:
    """Markdown: steps to each loss, in brackets relative to the best baseline."""
    baseline = best_baseline(found)
    header = ["rate", *_named(targets), "final loss", "test", "ms/step"]
    lines = [["net", "activation", "optimizer", *header]]
    for outcome in found:
        lines.append(
            [
                *_called(outcome),
                f"{outcome.rate:g}",
                *(_relative(outcome, baseline, target) for target in targets),
                f"{outcome.final:.3g}" if np.isfinite(outcome.final) else "diverged",
                f"{outcome.accuracy:.1%}",
                _rounded(outcome.milliseconds),
            ]
        )
    return _markdown(lines)


def beside(found: Sequence[Outcome], targets: Sequence[float] = TARGETS) -> str | None:
    """Markdown: steps relative to the baseline with the same optimizer, unless it is the best.

    SGD with a clip is compared with SGD without, the usual optimizer of the baseline.
    """
    best = best_baseline(found)
    lines = [["net", "activation", "optimizer", *_named(targets)]]
    for outcome in found:
        root = re.sub("-(clipped|unitwise)$", "", outcome.cell.optimizer)
        same = (o for o in found if o.cell.arm in BASELINES and o.cell.optimizer == root)
        baseline = next(same, None)
        if baseline in (None, best, outcome):
            continue
        ratios = [_ratio(outcome, baseline, target) for target in targets]
        if set(ratios) != {"-"}:
            lines.append([*_called(outcome), *ratios])
    return _markdown(lines) if len(lines) > 1 else None


def _named(targets: Iterable[float]) -> list[str]:
    return [f"loss {target:g}" for target in targets]


def _called(outcome: Outcome) -> list[str]:
    cell = outcome.cell
    return [ARMS[cell.arm].title, cell.activation, cell.optimizer]


def _markdown(lines: Sequence[list[str]]) -> str:
    rows = [lines[0], ["---"] * len(lines[0]), *lines[1:]]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _ratio(outcome: Outcome, baseline: Outcome, target: float) -> str:
    steps, theirs = outcome.steps_to(target), baseline.steps_to(target)
    return "-" if steps is None or theirs is None else f"{steps / theirs:.2f}"


def _relative(outcome: Outcome, baseline: Outcome | None, target: float) -> str:
    steps = outcome.steps_to(target)
    if steps is None:
        return "-"
    theirs = baseline.steps_to(target) if baseline is not None else None
    return f"{steps:.0f}" if theirs is None else f"{steps:.0f} ({steps / theirs:.2f})"


def _rounded(number: float) -> str:
    return f"{number:.0f}" if np.isfinite(number) else "-"


def failures(found: Sequence[Outcome]) -> list[str]:
    """The cells that did not train: their loss stays closer to guessing than to the baseline."""
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
    """The tables of a matrix, and the cells that did not train."""
    targets, failed = targets_of(matrix), failures(found)
    text = table(found, targets)
    compared = beside(found, targets)
    if compared:
        text += "\nSteps relative to the baseline with the same optimizer, without a clip:\n"
        text += f"\n{compared}"
    if failed:
        text += "\nDid not train:\n\n" + "".join(f"- {line}\n" for line in failed)
    return text


def main(
    matrix: Annotated[Path, typer.Argument(help="A JSON file of cells.", exists=True)],
    log: Annotated[Path | None, typer.Option(help="Where runs are recorded.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for table and figure.")] = Path("out"),
) -> None:
    """Write <matrix>.md and <matrix>.png from the cells that are complete."""
    log = log or log_of(matrix)
    found = outcomes(matrix, log)
    if not found:
        raise SystemExit(f"no cell of {matrix} is complete in {log}")
    text = told(matrix, found)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{matrix.stem}.md").write_text(text)
    draw(found, out / f"{matrix.stem}.png")
    print(text)


if __name__ == "__main__":
    typer.run(main)
