"""Reports and comparisons as pages that need nothing but themselves."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from .._packages import needed
from ..ir import Network, require_place, write_whole
from ._figures import Figure, page_figures
from ._formulas import Formulas, formulas
from ._panels import Panel
from ._profile import Level, number, rounded, thinned


_MOST_ROWS = 40
# Not allowed in HTML or XML text, escaped or not: controls, lone surrogates, non-characters.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPORT = (
    ("findings", "Findings"),
    ("levels", "Along the graph"),
    ("formulas", "The derived kernel"),
    ("figures", "Figures"),
    ("assumptions", "What this takes for granted"),
)
_COMPARISON = (("table", "Side by side"), ("figures", "Figures"))


class Diagnosed(Protocol):
    """What Python reads of a report; the template reads its other attributes."""

    @property
    def network(self) -> str: ...
    @property
    def source(self) -> Network: ...
    @property
    def levels(self) -> Sequence[Level]: ...


@dataclasses.dataclass(frozen=True)
class Levels:
    """The table along the graph: q values, cosines, slopes and gradients."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True)
class Shown:
    """A report with the parts of its page."""

    report: Diagnosed
    levels: Levels
    formulas: Formulas


def write_report(
    path: str | os.PathLike[str],
    report: Diagnosed,
    panels: Sequence[Panel],
    progress: bool | None,
) -> None:
    """Write the page of one report.

    Arguments:
        path: where to; an old page is replaced in one step.
        report: what `diagnose` found.
        panels: its pictures.
        progress: whether to show a bar for work over two seconds; None: on a terminal only.

    Raises:
        KernelcError: the file cannot be written.
        PackageError: Jinja or matplotlib is missing (`pip install 'kernelc[plot]'`).
    """
    _write(path, f"Diagnosis of {report.network}", (report,), panels, progress, _REPORT)


def write_comparison(
    path: str | os.PathLike[str],
    reports: Mapping[str, Diagnosed],
    rows: tuple[Sequence[str], Sequence[Sequence[str]]],
    panels: Sequence[Panel],
    progress: bool | None,
) -> None:
    """Write the page of several reports, by name; `rows` are the columns and rows of its table."""
    networks = [(f"network{i}", name) for i, name in enumerate(reports)]
    sections = (*_COMPARISON, *networks)
    _write(path, "Comparison", tuple(reports.values()), panels, progress, sections, rows)


def _write(
    path: str | os.PathLike[str],
    title: str,
    reports: Sequence[Diagnosed],
    panels: Sequence[Panel],
    progress: bool | None,
    sections: Sequence[tuple[str, str]],
    rows: tuple[Sequence[str], Sequence[Sequence[str]]] | None = None,
) -> None:
    # Before figures and formulas, which take a while.
    jinja2 = needed("jinja2", extra="plot", use="pages")
    require_place(path, "pages")
    total, hidden = len(reports) + len(panels), None if progress is None else not progress
    figures: list[Figure] = []
    found: list[Formulas] = []
    # disable=None is how tqdm is told to show the bar on a terminal only.
    for part in tqdm(_parts(reports, panels), total=total, disable=hidden, delay=2, unit="part"):
        if isinstance(part, Figure):
            figures.append(part)
        else:
            found.append(part)
    shown = [Shown(r, _levels(r.levels), f) for r, f in zip(reports, found, strict=True)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    template = environment.get_template("_page.html.jinja")
    page = template.render(title=title, shown=shown, figures=figures, sections=sections, rows=rows)
    write_whole(path, [_FORBIDDEN.sub("\ufffd", page.strip()).encode()], "pages")


def _parts(reports: Sequence[Diagnosed], panels: Sequence[Panel]) -> Iterator[Figure | Formulas]:
    """Whatever takes time, one by one."""
    for report in reports:
        yield formulas(report.source)
    yield from page_figures(panels)


def _levels(levels: Sequence[Level]) -> Levels:
    caption = "C_f(0): cosine of inputs that were unrelated. C_f'(1): slope at like inputs. "
    caption += "Gradient: its mean square over that at the output."
    if len(levels) > _MOST_ROWS:
        caption += f" {_MOST_ROWS} of {len(levels)} nodes, evenly chosen."
    columns = ("node", "depth", "q value", "C_f(0)", "C_f'(1)", "gradient")
    rows = (
        (
            level.node,
            str(level.depth),
            *map(number, (level.q, rounded(level.c_at_zero), level.slope, level.backward)),
        )
        for level in thinned(levels, _MOST_ROWS)
    )
    return Levels(caption, columns, tuple(rows))
