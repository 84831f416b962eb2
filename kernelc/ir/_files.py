"""Text files, with errors that say which file and why."""

from __future__ import annotations

import os
import pathlib

from .._errors import KernelcError, LoadError


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file; raise `KernelcError` where that is not possible."""
    try:
        pathlib.Path(path).write_text(text, encoding="utf-8")
    except (OSError, TypeError, ValueError) as error:
        raise KernelcError(
            where=str(path),
            found=f"a file that cannot be written ({error})",
            law="networks are written into a folder that can be written to",
            remedy="check the path",
        ) from error


def read_text(path: str | os.PathLike[str], longest: int) -> str:
    """The first `longest` characters of a UTF-8 file; raise `LoadError` when it is none."""
    try:
        with pathlib.Path(path).open(encoding="utf-8") as file:
            return file.read(longest)
    except (OSError, TypeError, ValueError) as error:
        raise LoadError(
            where=str(path),
            found=f"a file that cannot be read ({error})",
            law="a network file is UTF-8 text",
            remedy="check the path",
        ) from error
