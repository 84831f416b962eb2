"""Curves of a training run, drawn without a display and without global state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Float

from kernelc._packages import needed
from kernelc._writing import written


if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Curves(Protocol):
    """A run as its curves see it: a `FitResult`, which is drawn without knowing its file."""

    @property
    def history(self) -> Sequence[Any]:
        """A `Record` for each point of the curves."""
        ...

    @property
    def losses(self) -> Float[np.ndarray, " steps"]:
        """The loss of every step."""
        ...

    @property
    def message(self) -> str:
        """The title."""
        ...


def loss_curves(result: Curves, path: str | os.PathLike[str]) -> None:
    """Writes a figure of the losses, and of the accuracies if there are any."""
    # Imported here: matplotlib takes long to load, and training does not need it.
    needed("matplotlib", extra="plot", use="pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Figure with its own canvas: pyplot would keep every figure and may ask for a display.
    scored = any(record.train_accuracy is not None for record in result.history)
    figure = Figure(figsize=(9 if scored else 5, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    panels[0].plot(np.arange(1, len(result.losses) + 1), result.losses, lw=0.7, label="batch")
    for part in ("validation", "test"):
        _curve(panels[0], result, f"{part}_loss", part)
    panels[0].set(xlabel="step", ylabel="loss")
    # A logarithmic axis shows loss over decades, and cannot show zero.
    finite = result.losses[np.isfinite(result.losses)]
    if finite.size and finite.min() > 0:
        panels[0].set_yscale("log")
    for part in ("train", "validation", "test") if scored else ():
        _curve(panels[1], result, f"{part}_accuracy", part)
        panels[1].set(xlabel="step", ylabel="accuracy", ylim=(-0.02, 1.02))
    for axes in panels:
        axes.legend(frameon=False)
    figure.suptitle(result.message, fontsize=9)
    written(path, lambda: figure.savefig(path))


def _curve(axes: Axes, result: Curves, name: str, label: str) -> None:
    """One number of the records against steps, where there is one."""
    found = [(record.step, getattr(record, name)) for record in result.history]
    found = [(step, value) for step, value in found if value is not None]
    if found:
        axes.plot(*zip(*found, strict=True), "o-", ms=3, label=label)
