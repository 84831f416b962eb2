"""Writing results to files, with an explanation where that fails."""

from __future__ import annotations

from pathlib import Path

import kernelc as kc
from kernelc._writing import written as written


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        KernelcError: the file cannot be written.
    """
    written(path, lambda: path.write_text(text, encoding="utf-8"))


def check_folder(path: Path) -> None:
    """What would only be found out after the work: a folder that is not there.

    Raises:
        KernelcError: there is none for this path, or the path is a folder itself.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise kc.KernelcError(
            where=str(path),
            found="a folder" if path.is_dir() else "no folder of that name",
            law="results are written into a folder that exists",
            remedy="choose another path",
        )
