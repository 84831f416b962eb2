"""Curves of a training run, drawn without a display and without global state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from kernelc._packages import needed


if TYPE_CHECKING:
    from kernelc.training._result import FitResult


def loss_curves(result: FitResult, path: str | os.PathLike[str]) -> None:
    """Writes a figure with the losses on the left and the accuracies on the right."""
    # Imported here: matplotlib takes long to load, and training does not need it.
    needed("matplotlib", extra="plot", use="pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Figure with its own canvas: pyplot would keep every figure and may ask for a display.
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    steps = [record.step for record in result.history]

    left.plot(np.arange(1, len(result.losses) + 1), result.losses, lw=0.7, label="batch")
    left.plot(steps, [record.test_loss for record in result.history], "o-", ms=3, label="test")
    left.set(xlabel="step", ylabel="loss")
    # A logarithmic axis shows loss over decades, and cannot show zero.
    finite = result.losses[np.isfinite(result.losses)]
    if finite.size and finite.min() > 0:
        left.set_yscale("log")

    for name, values in (
        ("train", [record.train_accuracy for record in result.history]),
        ("test", [record.test_accuracy for record in result.history]),
    ):
        right.plot(steps, values, "o-", ms=3, label=name)
    right.set(xlabel="step", ylabel="accuracy", ylim=(-0.02, 1.02))
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.suptitle(result.message, fontsize=9)
    figure.savefig(path)
