"""Reading and writing of files: a file is written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import secrets
from collections.abc import Iterable, Iterator

from .._errors import KernelcError, LoadError, shown


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file as `write_whole`."""
    # Encoded inside, where text that has no UTF-8 form gets its error.
    write_whole(path, map(str.encode, [text]), "networks")


def write_whole(
    path: str | os.PathLike[str], parts: Iterable[bytes | memoryview], what: str
) -> None:
    """Write a file that is never half there: beside its place, then moved to it.

    Arguments:
        path: where to; what is there is replaced.
        parts: the bytes, one after the other.
        what: what is written, for the error.

    Raises:
        KernelcError: a place that cannot be written to.
    """
    with _writing(path, what):
        place = pathlib.Path(os.path.realpath(path))
        if place.exists() and not place.is_file():
            # A pipe or a terminal has no place beside it, and cannot be replaced.
            with place.open("wb") as file:
                file.writelines(parts)
            return
        beside = _beside(place)
        try:
            with beside.open("xb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise


def require_place(path: str | os.PathLike[str], what: str) -> None:
    """Raise the error of `write_whole` before the work for what it writes is done."""
    with _writing(path, what):
        place = pathlib.Path(os.path.realpath(path))
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))
        if place.is_file() or not place.exists():
            beside = _beside(place)
            beside.touch(exist_ok=False)
            beside.unlink()


def _beside(place: pathlib.Path) -> pathlib.Path:
    return place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def _writing(path: object, what: str) -> Iterator[None]:
    """Tells errors of a path in the words of kernelc."""
    try:
        yield
    except (OSError, TypeError, ValueError) as error:
        raise KernelcError(
            where=_told(path),
            found=f"a file that cannot be written ({error})",
            law=f"{what} are written into a folder that can be written to",
            remedy="check the path",
        ) from error


def read_text(path: str | os.PathLike[str], longest: int) -> str:
    """The first `longest` characters of a UTF-8 file; raise `LoadError` when it is none."""
    try:
        with pathlib.Path(path).open(encoding="utf-8") as file:
            return file.read(longest)
    except (OSError, TypeError, ValueError) as error:
        raise LoadError(
            where=_told(path),
            found=f"a file that cannot be read ({error})",
            law="a network file is UTF-8 text",
            remedy="check the path",
        ) from error


def _told(path: object) -> str:
    return str(path) if isinstance(path, str | pathlib.PurePath) else shown(path)
