"""Strict readers of data files on this machine. Nothing here downloads."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kernelc._errors import DataError, shown


VARIABLE = "KERNELC_DATA"
# A gzip file can claim and deliver far more than it weighs; the largest member of the family
# (EMNIST by class) holds 640 MB.
_LARGEST = 2**30
_CHUNK = 2**22


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

    Raises: DataError when there is no such folder.
    """
    if directory is None:
        given, others = os.environ.get(VARIABLE), [Path(path) for path in system]
    else:
        given, others = directory, []
    if given is not None and not isinstance(given, str | os.PathLike):
        raise DataError(
            where=f"{folder}: directory",
            found=shown(given),
            law="A directory is the path of a folder",
            remedy="Pass a string or a pathlib.Path",
        )
    tried = [Path(given), Path(given) / folder, *others] if given else others
    for path in tried:
        if any(os.path.exists(path / name) for name in marker):
            return path
    raise DataError(
        where=folder,
        found=f"no {marker[0]} in {', '.join(map(str, tried)) or 'any folder: none was named'}",
        law="The files of a data set are read from disk, never downloaded",
        remedy=f"{remedy}Pass directory=, or set {VARIABLE} to the folder that holds {folder}",
    )


def read_idx(path: Path, ndim: int) -> UInt8[np.ndarray, "..."]:
    """The unsigned bytes of an idx file with `ndim` axes, plain or gzipped.

    The file is two zero bytes, the type 0x08, the number of axes, the axes as big-endian
    32-bit numbers, then exactly their product in bytes (Y. LeCun, the MNIST database).

    Raises: DataError when the file cannot be read, is not that, is cut short or goes on.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            return _parse(file, path, ndim)
    except (OSError, EOFError, zlib.error) as error:
        law = "A data file is complete and readable"
        raise damaged(path, f"it cannot be read to its end ({error})", law) from error


def damaged(path: Path, found: str, law: str) -> DataError:
    """The error for a file that is not what its name says."""
    return DataError(str(path), found, law, "Fetch the file again")


def _parse(file: BufferedIOBase, path: Path, ndim: int) -> UInt8[np.ndarray, "..."]:
    head = _take(file, 4 + 4 * ndim)
    if len(head) < 4 + 4 * ndim or head[:4] != bytes([0, 0, 8, ndim]):
        found = f"the header {head[:4].hex(' ') or '(nothing)'} in {len(head)} bytes"
        law = f"An idx file of bytes with {ndim} axes begins 00 00 08 {ndim:02x}, then the axes"
        raise damaged(path, found, law)
    shape = struct.unpack(f">{ndim}I", head[4:])
    size = math.prod(shape)
    if not 0 < size <= _LARGEST:
        law = f"An idx file holds from 1 to {_LARGEST} bytes"
        raise damaged(path, f"the shape {shape}", law)
    body = _take(file, size + 1)
    if len(body) != size:
        found = f"{'more than' if len(body) > size else 'only'} {min(len(body), size)} bytes"
        raise damaged(path, found, f"The shape {shape} takes exactly {size} bytes")
    return np.frombuffer(body, np.uint8).reshape(shape)


def _take(file: BufferedIOBase, size: int) -> bytes:
    # Piece by piece, so that a false size in the header reserves no memory.
    parts = bytearray()
    while len(parts) < size and (part := file.read(min(_CHUNK, size - len(parts)))):
        parts += part
    return bytes(parts)
