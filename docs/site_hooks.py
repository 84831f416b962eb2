"""Changes to pages as the site is built: MathML for formulas, names for links that leave docs/."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert


_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
_OUTSIDE = re.compile(r"\[([^]]+)\]\(\.\./(?:examples|benchmarks)/[^)]+\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replaces links to programs of the repository, which are not pages, by their names."""
    return _OUTSIDE.sub(r"`\1`", markdown)


def on_page_content(content: str, **_: object) -> str:
    """Replaces LaTeX that pymdownx.arithmatex marked by MathML, which needs no script."""
    return _FORMULA.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[1] == "div" else "inline"
    return convert(html.unescape(found[2]).strip(), display=display)
