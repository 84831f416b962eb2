"""The frame of a page: head, policy, headings and the way to its sections."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ._markup import Markup, joined, tag
from ._style import STYLE


# Nothing is fetched and nothing runs, whatever a name in the page holds.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page.

    Arguments:
        id: where links to it lead; unique in the page.
        title: its heading.
        body: its content.
    """

    id: str
    title: str
    body: Markup


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """A whole HTML document.

    Arguments:
        title: of the page.
        lead: what comes first below it.
        sections: the rest.
    """
    links = [tag("li", tag("a", s.title, href=f"#{s.id}")) for s in sections]
    head = joined(
        Markup('<meta charset="utf-8" />'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}" />'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1" />'),
        Markup('<meta name="referrer" content="no-referrer" />'),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    body = joined(
        tag(
            "header",
            tag("h1", title),
            lead,
            tag("nav", tag("ul", *links), aria_label="sections"),
        ),
        tag("main", *(_section(section) for section in sections)),
    )
    text = tag("html", tag("head", head), tag("body", body), lang="en")
    return f"<!DOCTYPE html>\n{text}\n"


def _section(section: Section) -> Markup:
    heading = f"{section.id}-title"
    return tag(
        "section",
        tag("h2", section.title, id=heading),
        section.body,
        id=section.id,
        aria_labelledby=heading,
    )
