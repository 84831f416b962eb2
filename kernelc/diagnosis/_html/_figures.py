"""Panels as figures inside a page: SVG that asks for nothing and shares no name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .._panels import Panel
from .._plot import as_svg
from ._markup import Markup, joined, tag


def figures(panels: Sequence[Panel], prefix: str) -> Iterator[Markup]:
    """A figure for each panel, one after the other, since each takes a while.

    Arguments:
        panels: what to draw.
        prefix: of the ids of these figures, unique in the page.
    """
    for i, panel in enumerate(panels):
        svg = inlined(as_svg(panel), f"{prefix}{i}-", f"{panel.title}. {panel.told}")
        caption = tag("figcaption", tag("strong", f"{panel.title}. "), panel.told)
        yield tag("figure", svg, caption, class_="double" if panel.columns > 1 else "single")


def inlined(svg: str, prefix: str, told: str) -> Markup:
    """The SVG file as an element of a page.

    Arguments:
        svg: text of the file.
        prefix: for its ids, which must not meet those of other figures.
        told: the text for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    opening, rest = body.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    # Styles in <style> would leak into the page; this one is what its elements inherit.
    rest = re.sub(r"<style.*?</style>|<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
    rest = _renamed(rest, prefix).replace("xlink:href", "href")
    head = joined(
        Markup(f"<svg {box.group() if box else ''} "),
        Markup('stroke-linejoin="round" stroke-linecap="butt" role="img"'),
    )
    return joined(head, Markup(f' aria-label="{joined(told)}">'), Markup(rest.strip()))


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
