"""Panels drawn into picture files and as figures inside a page, without a display."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from .._packages import needed
from .._writing import written
from ._panels import Panel


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


_SIDE = 3.8
_SETTINGS: Any = {
    # Text as text: smaller than its outlines, and it can be searched.
    "svg.fonttype": "none",
    "svg.hashsalt": "kernelc",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],
}
_IN_PAGE: Any = {
    "format": "svg",
    "transparent": True,
    "metadata": {"Date": None, "Creator": None, "Format": None, "Type": None},
}


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
    canvas, places = _canvas(sum(panel.columns for panel in panels))
    for panel in panels:
        _fill(panel, [places.pop(0) for _ in range(panel.columns)])
    canvas.suptitle(title, parse_math=False)
    _save(canvas, path)


@dataclasses.dataclass(frozen=True)
class Figure:
    """A panel as an element of a page.

    Arguments:
        panel: what it shows.
        box: the attribute `viewBox` of the SVG element.
        content: of the SVG element. It asks for nothing and shares no name with other figures.
    """

    panel: Panel
    box: str
    content: str


def page_figures(panels: Sequence[Panel]) -> Iterator[Figure]:
    """A figure for each panel of a page, one after the other, since each takes a while."""
    for i, panel in enumerate(panels):
        canvas, places = _canvas(panel.columns)
        _fill(panel, places)
        buffer = io.StringIO()
        _save(canvas, buffer, svg=True)
        svg = buffer.getvalue()
        opening, rest = svg[svg.index("<svg") :].split(">", 1)
        box = re.search(r'viewBox="[^"]*"', opening)
        # Styles in <style> would leak into the page, whose template has those of the element.
        rest = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
        content = _renamed(rest, f"figure{i}-").replace("xlink:href", "href").strip()
        yield Figure(panel, box.group() if box else "", content)


def _renamed(svg: str, prefix: str) -> str:
    """Ids that something refers to get the prefix; the others go, some of which repeat."""
    used = set(re.findall(r'(?:href="|url\()#([^")]*)', svg))
    seen: set[str] = set()

    def changed(found: re.Match[str]) -> str:
        name = found[1]
        if name not in used or name in seen:
            return ""
        seen.add(name)
        return f' id="{prefix}{name}"'

    svg = re.sub(r' id="([^"]*)"', changed, svg)
    return re.sub(r'(href="|url\()#', rf"\g<1>#{prefix}", svg)


def _canvas(columns: int) -> tuple[Canvas, list[Axes]]:
    # Imported here: matplotlib takes long to load, and nothing else needs it.
    needed("matplotlib", extra="plot", use="pictures")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(max(columns * 4.5, 5.2), _SIDE), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas, list(canvas.subplots(1, columns, squeeze=False)[0])


def _fill(panel: Panel, places: list[Axes]) -> None:
    panel.draw(*places)
    for axes in places:
        if axes.get_legend_handles_labels()[0]:
            legend = axes.legend(fontsize=8, framealpha=0.8, edgecolor="none")
            for text in legend.get_texts():
                # Names of networks and activations may hold dollars.
                text.set_parse_math(False)


def _save(canvas: Canvas, target: str | os.PathLike[str] | IO[str], svg: bool = False) -> None:
    from matplotlib import rc_context

    options = _IN_PAGE if svg else {}
    with rc_context(_SETTINGS), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        written(target, lambda: canvas.savefig(target, **options))
