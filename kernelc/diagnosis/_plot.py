"""The figure of a diagnosis, drawn without a display and without global state."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ._measure import COSINES, Level


_MOST_CURVES = 7


def draw(name: str, levels: Sequence[Level], path: str | os.PathLike[str]) -> None:
    """Writes C maps at several depths on the left, slope and q value over depth on the right."""
    # Imported here: matplotlib takes long to load, and nothing else needs it.
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    picked = np.unique(np.linspace(0, len(levels) - 1, _MOST_CURVES).round().astype(int))
    for place, i in zip(np.linspace(0.1, 0.9, len(picked)), picked, strict=True):
        level = levels[int(i)]
        colour = colormaps["viridis"](place)
        left.plot(COSINES, level.c_map, "o-", ms=3, color=colour, label=f"depth {level.depth}")
    left.set(xlabel="cosine of the inputs", ylabel="cosine at the node", ylim=(-1.05, 1.05))

    depth = [level.depth for level in levels]
    # A logarithmic axis cannot show what has underflowed or overflowed: gaps there.
    slope, q = (
        np.where((values > 0) & np.isfinite(values), values, np.nan)
        for values in (
            np.array([level.slope for level in levels]),
            np.array([level.q for level in levels]),
        )
    )
    right.plot(depth, slope, label="C_f'(1)")
    right.plot(depth, q, label="q value")
    right.set(xlabel="nonlinearities passed", yscale="log")
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8)
    figure.suptitle(name)
    figure.savefig(path)
