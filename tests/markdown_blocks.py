"""Runs the code of a Markdown file and compares its output with the text that the file shows.

Blocks fenced as python run in order in one namespace. A block fenced as text right after one
shows its output.
"""

from __future__ import annotations

import contextlib
import io
import math
import re
from pathlib import Path
from typing import Any


_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")

Block = tuple[int, str, str | None]


def blocks(path: Path) -> list[Block]:
    """(line, code, shown output or None) of every python block."""
    text = path.read_text(encoding="utf-8")
    fences = list(_FENCE.finditer(text))
    found: list[Block] = []
    for fence, following in zip(fences, [*fences[1:], None], strict=True):
        if fence[1] != "python":
            continue
        shown = None
        if following is not None and following[1] == "text":
            between = text[fence.end() : following.start()]
            shown = following[2] if not between.strip() else None
        found.append((text.count("\n", 0, fence.start()) + 2, fence[2], shown))
    return found


def execute(block: Block, path: Path, namespace: dict[str, Any]) -> str:
    """The output of the block; line numbers in a traceback are those of the file."""
    line, code, _ = block
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)
    return out.getvalue()


def check(path: Path, namespace: dict[str, Any]) -> int:
    """Run every block of the file; returns how many outputs were compared."""
    compared = 0
    for block in blocks(path):
        printed = execute(block, path, namespace)
        if block[2] is not None:
            assert same(printed, block[2]), f"{path.name}:{block[0]} prints\n{printed}"
            compared += 1
    return compared


def same(printed: str, shown: str) -> bool:
    """Equal text; equal numbers up to the last digits, which depend on the machine."""
    skeletons = [_NUMBER.sub("#", text).split() for text in (printed, shown)]
    numbers = [[float(n) for n in _NUMBER.findall(text)] for text in (printed, shown)]
    # Residuals near rounding (1e-11 and below) differ wholly from one machine to the next.
    return skeletons[0] == skeletons[1] and all(
        math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-11) for a, b in zip(*numbers, strict=True)
    )
