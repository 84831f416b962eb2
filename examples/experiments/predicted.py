"""Predictions of `kernelc.diagnose` compared with training runs."""

from __future__ import annotations

import collections
import dataclasses
from pathlib import Path
from typing import Any

from defaults import Default
from drawn import Drawn
from matplotlib.figure import Figure
from scipy.stats import spearmanr

import kernelc as kc


LABELS = {
    "set": ("x", "limit set on these"),
    "judged": ("o", "judged: as drawn, on digits"),
    "defaults": ("s", "judged: initializations of frameworks, on other data"),
}
HALF = 0.5
"""Share of the loss of the best constant below which a network counts as one that trains."""


@dataclasses.dataclass(frozen=True)
class Point:
    """The prediction for a network and its training.

    Arguments:
        draw: a key of `LABELS`.
        name: its name in logs.
        verdict: with the data given.
        loss: final training loss divided by that of the best constant; None if it diverged.
        mean: mean loss during training, divided by the same.
    """

    draw: str
    name: str
    verdict: kc.Verdict
    loss: float | None
    mean: float

    @property
    def by_difficulty(self) -> bool | None:
        """The verdict without targets."""
        difficulty = self.verdict.difficulty
        return None if difficulty is None else difficulty < kc.Verdict.LIMIT

    @property
    def trained(self) -> bool:
        """Whether its final loss is well below that of the best constant."""
        return self.loss is not None and self.loss < HALF


def built(line: dict[str, Any]) -> Drawn | Default:
    """The network of a line in the log."""
    kind = Default if line["draw"] == "defaults" else Drawn
    return kind(**{field.name: line[field.name] for field in dataclasses.fields(kind)})


def point(line: dict[str, Any], data: Any, guessing: float) -> Point:
    """The prediction for the network of a line, from the data that it was trained on."""
    network = built(line).build()
    loss = line["loss"]
    return Point(
        line["draw"],
        line["name"],
        kc.diagnose(network, data).verdict,
        None if loss is None else loss / guessing,
        min(line["mean_loss"] / guessing, 1.0),
    )


def table(role: str, points: list[Point]) -> str:
    """The confusion table, the rank correlation and every network of one draw."""
    count = collections.Counter((p.verdict.trains, p.trained) for p in points)
    right = sum(p.verdict.trains is p.trained for p in points)
    blind = sum(p.by_difficulty is p.trained for p in points)
    known = [p for p in points if p.verdict.difficulty is not None]
    rank = spearmanr([_difficulty(p) for p in known], [p.mean for p in known])
    rows = [
        f"{len(points)} networks ({role}): {right} right, {right / len(points):.0%}; "
        f"{blind} without targets",
        "",
        "| | trained | did not train |",
        "| --- | --- | --- |",
        *(
            f"| predicted {told} | {count[trains, True]} | {count[trains, False]} |"
            for trains, told in ((True, "to train"), (False, "not to train"), (None, "unknown"))
            if trains is not None or count[None, True] + count[None, False]
        ),
        "",
        f"rank correlation of difficulty and mean loss: {rank.statistic:.2f}",
        "",
        "| network | difficulty | reached | predicted | final loss | mean loss |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(p) for p in sorted(known, key=_difficulty)),
        *(_row(p) for p in points if p not in known),
    ]
    return "\n".join([*rows, ""])


def _row(p: Point) -> str:
    predicted = {True: "trains", False: "does not train", None: "unknown"}[p.verdict.trains]
    missed = " (miss)" if p.verdict.trains is not p.trained else ""
    reached = "" if p.verdict.reached is None else f"{p.verdict.reached:.0%}"
    loss = "diverged" if p.loss is None else f"{p.loss:.3g}"
    cells = (p.name, f"{_difficulty(p):.2f}", reached, predicted + missed, loss, f"{p.mean:.3g}")
    return f"| {' | '.join(cells)} |"


def picture(points: list[Point], path: Path) -> None:
    """Difficulty against the mean loss, of all draws."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    for role, (marker, label) in LABELS.items():
        chosen = [p for p in points if p.draw == role]
        x, y = [_difficulty(p) for p in chosen], [p.mean for p in chosen]
        axes.plot(x, y, marker, ms=5, alpha=0.8, ls="", label=f"{len(chosen)} networks, {label}")
    axes.axhline(1.0, color="gray", lw=0.8, ls=":")
    axes.set(xlabel="difficulty that kernelc.diagnose gives")
    axes.set(ylabel="mean loss in 300 steps over that of guessing")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def _difficulty(p: Point) -> float:
    return float("nan") if p.verdict.difficulty is None else p.verdict.difficulty
