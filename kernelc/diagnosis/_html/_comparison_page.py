"""The page of several reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tqdm import tqdm

from .._panels import Panel
from ._diagnosed import Diagnosed
from ._figures import figures
from ._formulas import formulas
from ._markup import Markup, joined, tag
from ._page import Section, page
from ._report_page import granted, lead
from ._sections import finding_cards, level_table, table


def comparison_page(
    reports: Mapping[str, Diagnosed],
    rows: tuple[Sequence[str], Sequence[Sequence[str]]],
    panels: Sequence[Panel],
    progress: bool | None,
) -> str:
    """The whole page: the table, figures of all networks, then one after the other.

    Arguments:
        reports: what `diagnose` found, by name.
        rows: columns and rows of the table.
        panels: pictures of all networks together.
        progress: whether to show a bar for work over two seconds; None: on a terminal only.
    """
    hidden = None if progress is None else not progress
    total = len(panels) + len(reports)
    # disable=None is how tqdm is told to show the bar on a terminal only.
    steps = tqdm(_steps(reports, panels), total=total, disable=hidden, delay=2, unit="part")
    parts = list(steps)
    drawn, derived = parts[: len(panels)], parts[len(panels) :]
    sections = [
        Section("table", "Side by side", table(_CAPTION, *rows, words=True)),
        Section("figures", "Figures", tag("div", *drawn, class_="figures")),
    ]
    for i, (name, report) in enumerate(reports.items()):
        sections.append(Section(f"network{i}", name, _network(report, derived[i])))
    text = f"{len(reports)} networks at initialization, in the limit of infinite width."
    return page("Comparison", tag("p", text, class_="lead"), sections)


_CAPTION = (
    "Figures of the outputs. NTK condition: condition number of the tangent kernel of ten inputs "
    "that are unrelated to one another."
)


def _steps(reports: Mapping[str, Diagnosed], panels: Sequence[Panel]) -> Iterator[Markup]:
    """Whatever takes time, one by one."""
    yield from figures(panels, "figure")
    for report in reports.values():
        yield formulas(report.source)


def _network(report: Diagnosed, derived: Markup) -> Markup:
    return joined(
        lead(report),
        finding_cards(report.findings),
        _folded("Along the graph", level_table(report.levels)),
        _folded("The derived kernel", derived),
        _folded("What this takes for granted", granted(report)),
    )


def _folded(title: str, body: Markup) -> Markup:
    return tag("details", tag("summary", title), body)
