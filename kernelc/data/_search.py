"""Where data files may lie on this machine. Nothing here downloads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kernelc._errors import DataError


VARIABLE = "KERNELC_DATA"


def locate(
    directory: str | os.PathLike[str] | None,
    folder: str,
    marker: Sequence[str],
    system: Sequence[str] = (),
    remedy: str = "",
) -> Path:
    """The folder that holds one of the marked files or folders.

    Arguments:
        directory: where the user says it is; only looked for there when given.
        folder: the usual name of the folder, tried inside `directory` and KERNELC_DATA.
        marker: names of which one must exist in the folder.
        system: folders to try last when `directory` is None.
        remedy: how to get the files.
    """
    roots = [directory] if directory is not None else [os.environ.get(VARIABLE)]
    tried = [path for root in roots if root for path in (Path(root), Path(root) / folder)]
    if directory is None:
        tried += [Path(path) for path in system]
    for path in tried:
        if any((path / name).exists() for name in marker):
            return path
    raise DataError(
        where=folder,
        found=f"no {marker[0]} in {', '.join(map(str, tried)) or 'any folder: none was named'}",
        law="The files of a data set are read from disk, never downloaded",
        remedy=f"{remedy}Pass directory=, or set {VARIABLE} to the folder that holds {folder}",
    )
