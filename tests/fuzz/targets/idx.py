"""idx files, plain and gzipped, compared with a reader of three lines."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from random import Random

import numpy as np

from kernelc.data._files import read_idx

from ..case import Target, Wrong
from ..mutate import damaged


def draw(generator: Random) -> bytes:
    """The first byte is the number of axes to ask for, with 128 added for a gzipped file."""
    axes = generator.choice((1, 3))
    shape = [generator.choice((1, 2, 5, 28)) for _ in range(axes)]
    body = generator.randbytes(int(np.prod(shape)))
    if generator.random() < 0.3:
        shape[generator.randrange(axes)] = generator.choice((0, 2**16, 2**31, 2**32 - 1, 3))
    data = struct.pack(f">4B{axes}I", 0, 0, 8, axes, *shape) + body
    zipped = generator.random() < 0.5
    inside, outside = generator.random() < 0.8, generator.random() < 0.4
    data = damaged(generator, data) if inside else data
    if zipped:
        bomb = b"\0" * 2**26 if generator.random() < 0.01 else b""
        data = gzip.compress(data + bomb, 6, mtime=0)
        data = damaged(generator, data) if outside else data
    return bytes([axes + 128 * zipped]) + data


def run(case: bytes, folder: Path) -> None:
    head, data = case[:1] or b"\x01", case[1:]
    axes, zipped = head[0] & 127, head[0] > 127
    path = folder / ("data.idx.gz" if zipped else "data.idx")
    path.write_bytes(data)
    found = read_idx(path, min(axes, 8))
    try:
        plain = gzip.decompress(data) if zipped else data
    except (OSError, EOFError, zlib.error) as error:
        raise Wrong("an archive that cannot be unpacked was read") from error
    shape = struct.unpack(f">{plain[3]}I", plain[4 : 4 + 4 * plain[3]])
    expected = np.frombuffer(plain[4 + 4 * plain[3] :], np.uint8).reshape(shape)
    if not np.array_equal(found, expected):
        raise Wrong("other numbers than the file holds")


TARGET = Target("idx", draw, run)
