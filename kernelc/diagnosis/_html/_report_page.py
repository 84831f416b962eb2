"""The page of one report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from .._panels import Panel
from ._diagnosed import Diagnosed
from ._figures import figures
from ._formulas import formulas
from ._markup import Markup, joined, tag
from ._page import Section, page
from ._sections import bullets, finding_cards, level_table


def report_page(report: Diagnosed, panels: Sequence[Panel], progress: bool | None) -> str:
    """The whole page.

    Arguments:
        report: what `diagnose` found.
        panels: its pictures.
        progress: whether to show a bar for work over two seconds; None: on a terminal only.
    """
    hidden = None if progress is None else not progress
    steps = _steps(report, panels)
    # disable=None is how tqdm is told to show the bar on a terminal only.
    parts = list(tqdm(steps, total=len(panels) + 1, disable=hidden, delay=2, unit="part"))
    shown = tag("div", *parts[1:], class_="figures")
    sections = [
        Section("findings", "Findings", finding_cards(report.findings)),
        Section("levels", "Along the graph", level_table(report.levels)),
        Section("formulas", "The derived kernel", parts[0]),
        Section("figures", "Figures", shown),
        Section("assumptions", "What this takes for granted", granted(report)),
    ]
    return page(f"Diagnosis of {report.network}", lead(report), sections)


def _steps(report: Diagnosed, panels: Sequence[Panel]) -> Iterator[Markup]:
    """Whatever takes time, one by one."""
    yield formulas(report.source)
    yield from figures(panels, "figure")


def lead(report: Diagnosed) -> Markup:
    """One paragraph: how many findings, the worst, and the network's size."""
    parts = [tag("p", tag("strong", report.summary.capitalize()), ".", class_="lead")]
    if report.findings:
        worst = report.findings[0]
        parts.append(
            tag("p", f"First: {worst.kind.replace('_', ' ')} at ", tag("code", worst.node))
        )
    parts.append(tag("p", f"Prediction: {report.verdict}."))
    size = f"{len(report.source)} nodes, {report.levels[-1].depth} nonlinearities deep."
    return joined(*parts, tag("p", size, class_="soft"))


def granted(report: Diagnosed) -> Markup:
    """What the figures rest on."""
    lines = [f"{line[0].upper()}{line[1:]}." for line in report.assumptions]
    return joined(
        bullets(lines),
        tag(
            "p",
            "Figures describe the network at initialization. A finite network differs from them "
            "by terms of order depth over width.",
            class_="soft",
        ),
    )
