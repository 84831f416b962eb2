"""Writing results to files, with an explanation where that fails."""

from __future__ import annotations

import os
from collections.abc import Callable

from ._errors import KernelcError, shown


def written(path: object, write: Callable[[], object]) -> None:
    """Call `write`, which writes to `path`, the name of a file or an open one.

    Raises:
        KernelcError: it cannot, or the ending names no format.

    Example:
        >>> try:
        ...     written("a.xyz", lambda: open("no/such/folder/a.xyz", "w"))
        ... except KernelcError as error:
        ...     print(error.where, "|", error.found)
        a.xyz | No such file or directory
    """
    known = isinstance(path, str | os.PathLike) or hasattr(path, "write")
    cause, found = None, f"a path of type {type(path).__name__}"
    if known:
        try:
            write()
            return
        except (OSError, ValueError) as error:
            cause, found = error, getattr(error, "strerror", None) or str(error)
    raise KernelcError(
        where=str(path) if known else shown(path),
        found=found,
        law="results are written where you may write, in the format the ending names",
        remedy="choose another path",
    ) from cause
