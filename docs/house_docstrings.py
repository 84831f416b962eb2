"""A griffe extension that converts the docstrings of kernelc to Markdown, for the reference.

Docstrings are plain text with sections (Arguments, Returns, Raises, Example, Attributes), and some
describe several names at once. The extension escapes all characters of Markdown outside of `code`.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe


_SECTION = re.compile(r"^(Arguments|Attributes|Returns|Raises|Example):[ ]?(.*)$")
_PROGRAM = re.compile(r"^ {4,}.*$", re.MULTILINE)
_ITEM = re.compile(r"^([\w`.*, ]+):\s+(.*)$", re.DOTALL)


class HouseDocstrings(griffe.Extension):
    """Rewrites every docstring before it is rendered."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)


def markdown(docstring: str) -> str:
    """The docstring in Markdown: sections get bold titles, arguments a list, examples a block."""
    title, body, parts = "", [], []
    for line in docstring.splitlines():
        found = _SECTION.match(line)
        if found:
            parts.append(_section(title, "\n".join(body)))
            title, body = found[1], [found[2]]
        else:
            body.append(line)
    parts.append(_section(title, "\n".join(body)))
    return "\n\n".join(part for part in parts if part)


def _section(title: str, body: str) -> str:
    first, _, rest = body.partition("\n")
    text = f"{first}\n{textwrap.dedent(rest)}".strip("\n") if title else body.strip("\n")
    if title == "Example":
        return f"**{title}**\n\n```pycon\n{text}\n```"
    if title in ("Arguments", "Attributes") or (title == "Raises" and not first):
        return f"**{title}**\n\n" + "\n".join(_item(item) for item in _items(text))
    return (f"**{title}:** " if title else "") + _escaped(text)


def _items(text: str) -> list[str]:
    """One string for each item: indented lines belong to the line above."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith(" ") and found:
            found[-1] += " " + line.strip()
        elif line.strip():
            found.append(line)
    return found


def _item(text: str) -> str:
    found = _ITEM.match(text)
    if found is None:
        return f"- {_escaped(text)}"
    names = ", ".join(f"`{name.strip().strip('`')}`" for name in found[1].split(","))
    return f"- {names}: {_escaped(found[2])}"


def _escaped(text: str) -> str:
    """Markdown that shows the text; `code` in it stays code."""
    parts = re.split(r"(`[^`]+`)", text)
    plain = (part.replace("&", "&amp;").replace("<", "&lt;") for part in parts[::2])
    parts[::2] = [re.sub(r"([\\*_>\[\]#])", r"\\\1", part) for part in plain]
    # Lines that are indented in the docstring are formulas or programs.
    return _PROGRAM.sub(lambda line: line[0].replace("\\", ""), "".join(parts))
