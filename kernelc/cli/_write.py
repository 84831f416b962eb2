"""Writing results to files, with an explanation where that fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import kernelc as kc


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        KernelcError: the file cannot be written.
    """
    written(path, lambda: path.write_text(text, encoding="utf-8"))


def written(path: Path, write: Callable[[], object]) -> None:
    """Call `write`, which writes `path`.

    Raises:
        KernelcError: it cannot, or the ending names no format.
    """
    try:
        write()
    except (OSError, ValueError) as error:
        raise kc.KernelcError(
            where=str(path),
            found=getattr(error, "strerror", None) or str(error),
            law="results are written where you may write, in the format the ending names",
            remedy="choose another path",
        ) from error
