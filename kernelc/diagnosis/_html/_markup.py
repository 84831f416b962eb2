"""Elements as text: whatever is not marked as safe is escaped."""

from __future__ import annotations

import html
import re


# Not allowed in HTML or XML text, escaped or not: controls, lone surrogates, non-characters.
_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Any text as HTML that shows it.

    Example:
        >>> escaped("<script>")
        '&lt;script&gt;'
    """
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_FORBIDDEN.sub("\ufffd", text)))


def tag(name: str, *children: str, **attributes: str) -> Markup:
    """An element; children and attributes are escaped unless they are `Markup`.

    Arguments:
        name: of the element.
        children: its content.
        attributes: `class_` stands for class, other underscores for hyphens.

    Example:
        >>> tag("p", "a < b", class_="note")
        '<p class="note">a &lt; b</p>'
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
    )
    if not children:
        return Markup(f"<{name}{shown}></{name}>")
    return Markup(f"<{name}{shown}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Pieces one after the other, each escaped unless it is `Markup`."""
    return Markup("".join(escaped(child) for child in children))
