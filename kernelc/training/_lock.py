"""One run at a time in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelc._errors import KernelcError, LoadError, reason


try:
    import fcntl
except ImportError:  # Windows: runs there are not told apart
    fcntl = None

_NAME = "run.lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and holds it; the system lets go of it when the process ends, killed or not.

    Raises:
        LoadError: another run holds the folder.
        KernelcError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        _hold(file, folder)
        yield
    finally:
        os.close(file)


def _hold(file: int, folder: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
    except BlockingIOError as error:
        raise LoadError(
            where=f"checkpoint {folder}",
            found=f"another run that is under way, in process {os.read(file, 20).decode().strip()}",
            law="A folder holds one run, and one process writes it",
            remedy="Wait for its end, or choose another folder",
        ) from error
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: BaseException) -> KernelcError:
    """What is said where a checkpoint cannot be written."""
    said = getattr(error, "strerror", None) or reason(error)[:200]
    return KernelcError(
        where=f"checkpoint {folder}",
        found=f"{type(error).__name__}: {said}",
        law="A checkpoint is written to a folder that takes it, whole or not at all",
        remedy="Free space or choose another folder; what was stored before is kept",
    )
