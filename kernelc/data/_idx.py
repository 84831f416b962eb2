"""A strict reader of idx files, plain or gzipped: the format of the MNIST family."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from kernelc._errors import DataError


# A gzip file can claim and deliver far more than it weighs; the largest member of the family
# (EMNIST by class) holds 640 MB.
_LARGEST = 2**30
_CHUNK = 2**22


def read_idx(path: Path, ndim: int) -> UInt8[np.ndarray, "..."]:
    """The unsigned bytes of an idx file with `ndim` axes.

    The file is two zero bytes, the type 0x08, the number of axes, the axes as big-endian
    32-bit numbers, then exactly their product in bytes (Y. LeCun, the MNIST database).

    Raises: DataError when the file cannot be read, is not that, is cut short or goes on.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            return _parse(file, path, ndim)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            where=str(path),
            found=f"it cannot be read to its end ({error})",
            law="A data file is complete and readable",
            remedy="Fetch the file again",
        ) from error


def _parse(file: BufferedIOBase, path: Path, ndim: int) -> UInt8[np.ndarray, "..."]:
    head = _take(file, 4 + 4 * ndim)
    if len(head) < 4 + 4 * ndim or head[:4] != bytes([0, 0, 8, ndim]):
        raise DataError(
            where=str(path),
            found=f"the header {head[:4].hex(' ') or '(nothing)'} in {len(head)} bytes",
            law=f"An idx file of bytes with {ndim} axes begins 00 00 08 {ndim:02x}, then them",
            remedy="Check that this is the file its name says",
        )
    shape = struct.unpack(f">{ndim}I", head[4:])
    size = math.prod(shape)
    if not 0 < size <= _LARGEST:
        raise DataError(
            where=str(path),
            found=f"the shape {shape}",
            law=f"An idx file holds from 1 to {_LARGEST} bytes",
            remedy="Fetch the file again",
        )
    body = _take(file, size + 1)
    if len(body) != size:
        raise DataError(
            where=str(path),
            found=f"{'more than' if len(body) > size else 'only'} {min(len(body), size)} bytes",
            law=f"The shape {shape} takes exactly {size} bytes",
            remedy="Fetch the file again",
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


def _take(file: BufferedIOBase, size: int) -> bytes:
    # Piece by piece, so that a false size in the header reserves no memory.
    parts = bytearray()
    while len(parts) < size:
        part = file.read(min(_CHUNK, size - len(parts)))
        if not part:
            break
        parts += part
    return bytes(parts)
