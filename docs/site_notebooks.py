"""Pages of the site for the notebooks of the repository, made from their stored outputs."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


FOLDER = Path(__file__).parents[1] / "examples/notebooks"
_FROM_PAGES = re.compile(r"\]\(\.\./((?:\.\./)*)examples/notebooks/([\w-]+)\.ipynb")
_PROGRAM = re.compile(r"\]\(\.\./(\w+)\.py")
_BETWEEN = re.compile(r"\]\(([\w-]+)\.ipynb")


def on_files(files: Files, *, config: MkDocsConfig, **_: object) -> Files:
    """Adds a page for each notebook, and a file for each of its figures."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        parts: list[str] = []
        for part in _parts(json.loads(path.read_text(encoding="utf-8"))):
            if isinstance(part, bytes):
                name = f"{path.stem}-{len(parts)}.png"
                files.append(File.generated(config, f"notebooks/{name}", content=part))
                part = f"![Figure of the cell above]({name})"
            parts.append(part)
        source = f"The notebook is `examples/notebooks/{path.name}` in the repository."
        page = "\n\n".join([*parts, source])
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=page))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Leads links to notebooks to the pages of these."""
    return _FROM_PAGES.sub(r"](\1notebooks/\2.md", markdown)


def _parts(notebook: dict[str, Any]) -> Iterator[str | bytes]:
    """The notebook as pieces of Markdown and as PNG files, in order."""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield _relinked(source)
            continue
        yield f"```python\n{source}\n```"
        for output in cell["outputs"]:
            yield _output(output)


def _relinked(source: str) -> str:
    """Links of a notebook as links of its page; programs are named as in other pages."""
    source = _BETWEEN.sub(r"](\1.md", source)
    return _PROGRAM.sub(r"](../examples/\1.py", source).replace("](../../docs/", "](../")


def _output(output: dict[str, Any]) -> str | bytes:
    """The richest form of an output that a page can show."""
    if output["output_type"] == "stream":
        return f"```text\n{''.join(output['text']).rstrip()}\n```"
    data = output["data"]
    if "image/png" in data:
        return base64.b64decode("".join(data["image/png"]))
    if "text/latex" in data:
        return f"$$\n{''.join(data['text/latex']).strip()}\n$$"
    return f"```text\n{''.join(data['text/plain'])}\n```"
