"""Panels drawn into files or text, without a display and without global state."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from typing import Any

from .._errors import KernelcError
from .._packages import needed
from .._writing import written
from ._panels import Panel


_SIDE = 3.8
_SETTINGS: Any = {
    # Text as text: smaller than its outlines, and it can be searched.
    "svg.fonttype": "none",
    "svg.hashsalt": "kernelc",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw(title: str, panels: Sequence[Panel], path: str | os.PathLike[str]) -> None:
    """Write panels side by side into a picture file.

    Arguments:
        title: above all of them.
        panels: what to draw.
        path: a file ending in .png, .svg or .pdf.

    Raises:
        KernelcError: the file cannot be written, or its ending names no format.
        PackageError: matplotlib is missing (`pip install 'kernelc[plot]'`).
    """
    figure, places = _figure(sum(panel.columns for panel in panels))
    for panel in panels:
        _fill(panel, [places.pop(0) for _ in range(panel.columns)])
    figure.suptitle(title, parse_math=False)
    try:
        _save(figure, path)
    except (OSError, ValueError, TypeError) as error:
        raise KernelcError(
            where=str(path),
            found=f"a picture that cannot be written ({error})",
            law="pictures are written where you may write, in the format the ending names",
            remedy="choose another path, such as 'report.png'",
        ) from error


def as_svg(panel: Panel) -> str:
    """One panel as the text of an SVG file."""
    figure, places = _figure(panel.columns)
    _fill(panel, places)
    buffer = io.StringIO()
    _save(figure, buffer, format="svg", metadata=_NO_METADATA, transparent=True)
    return buffer.getvalue()


def _figure(columns: int) -> tuple[Any, list[Any]]:
    # Imported here: matplotlib takes long to load, and nothing else needs it.
    needed("matplotlib", extra="plot", use="pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(columns * 4.5, 5.2), _SIDE), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(1, columns, squeeze=False)[0])


def _fill(panel: Panel, places: list[Any]) -> None:
    panel.draw(*places)
    for axes in places:
        if axes.get_legend_handles_labels()[0]:
            legend = axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")
            for text in legend.get_texts():
                # Names of networks and activations may hold dollars.
                text.set_parse_math(False)


def _save(figure: Any, target: Any, **options: Any) -> None:
    from matplotlib import rc_context

    with rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        written(target, lambda: figure.savefig(target, **options))
