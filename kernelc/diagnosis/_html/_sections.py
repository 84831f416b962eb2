"""The parts of a diagnosis in words and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from .._findings import Finding
from .._numbers import cosine, number
from .._profile import Level
from .._thinning import thinned
from ._markup import Markup, escaped, joined, tag


_MOST_ROWS = 40


def finding_cards(findings: Sequence[Finding]) -> Markup:
    """A card for each finding, the worst first.

    Arguments:
        findings: of one report.
    """
    if not findings:
        return tag("p", "Nothing was found that stands in the way of training.", class_="card fine")
    return joined(*(_card(finding) for finding in findings))


def _card(finding: Finding) -> Markup:
    rows = (
        ("measured", escaped(finding.measured)),
        ("because", escaped(finding.law)),
        ("prediction", escaped(finding.prediction)),
        ("remedy", tag("pre", tag("code", finding.remedy), class_="copy", tabindex="0")),
    )
    heading = tag(
        "h3",
        tag("b", finding.severity.capitalize()),
        f": {finding.kind.replace('_', ' ')} at ",
        tag("code", finding.node),
    )
    listed = [joined(tag("dt", label), tag("dd", text)) for label, text in rows]
    return tag("article", heading, tag("dl", *listed), class_=f"card {finding.severity}")


def level_table(levels: Sequence[Level]) -> Markup:
    """q values, cosines, slopes and gradients at the nodes all paths pass through.

    Arguments:
        levels: of one report; evenly chosen ones where there are more than forty.
    """
    columns = ("node", "depth", "q value", "C_f(0)", "C_f'(1)", "gradient")
    rows = [
        (
            level.node,
            str(level.depth),
            number(level.q),
            cosine(level.c_at_zero),
            number(level.slope),
            number(level.backward),
        )
        for level in thinned(levels, _MOST_ROWS)
    ]
    caption = "C_f(0): cosine of inputs that were unrelated. C_f'(1): slope at like inputs. "
    caption += "Gradient: its mean square over that at the output."
    if len(levels) > _MOST_ROWS:
        caption += f" {_MOST_ROWS} of {len(levels)} nodes, evenly chosen."
    return table(caption, columns, rows)


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], words: bool = False
) -> Markup:
    """A table that scrolls sideways where it must.

    Arguments:
        caption: what it shows.
        columns: their names.
        rows: as many cells each; the first heads the row.
        words: whether the last column holds words, not a number.
    """
    head = tag("tr", *(tag("th", name, scope="col") for name in columns))
    kinds = ["number"] * (len(columns) - 1)
    if words:
        kinds[-1] = "text"
    body = [
        tag(
            "tr",
            tag("th", first, scope="row"),
            *(tag("td", cell, class_=kind) for cell, kind in zip(cells, kinds, strict=True)),
        )
        for first, *cells in rows
    ]
    shown = tag("table", tag("thead", head), tag("tbody", *body), aria_label=caption)
    # No <caption>: it would scroll sideways with the table on a phone.
    wide = tag("div", shown, class_="wide", tabindex="0", role="group", aria_label="table")
    return joined(tag("p", caption, class_="soft"), wide)


def bullets(lines: Sequence[str]) -> Markup:
    """A list."""
    return tag("ul", *(tag("li", line) for line in lines))
