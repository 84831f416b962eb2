"""Training loss against steps and time, from the logs of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arms import ARMS
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from outcomes import Outcome
from training import WINDOW


# The plot cuts off losses of diverged runs this far above guessing.
_ABOVE = 1.5


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Draws training loss against steps and time: a line and its range over seeds for each cell."""
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
    guessing = max(np.log(outcome.cell.body().classes) for outcome in found)
    against_steps.set_ylim(top=_ABOVE * guessing)
    against_time.set(xscale="log", xlabel="seconds, without compilation")
    handles, labels = against_steps.get_legend_handles_labels()
    # The types of Matplotlib omit locations outside the axes.
    beside: Any = "outside right"
    figure.legend(handles, labels, fontsize=7, loc=beside)
    figure.savefig(path, dpi=110)


def _line(axes: Axes, at: np.ndarray, outcome: Outcome, style: dict[str, Any]) -> None:
    # Infinite after a run diverged, so that medians include it; lines end there.
    low, middle, high = (
        np.where(np.isfinite(row), row, np.nan)
        for row in np.quantile(outcome.curve, (0, 0.5, 1), 0, method="nearest")
    )
    cell = outcome.cell
    label = f"{ARMS[cell.arm].title}, {cell.activation}, {cell.optimizer}"
    axes.plot(at, middle, label=label, linewidth=1.4, **style)
    axes.fill_between(at, low, high, alpha=0.15, color=style["color"])
