"""Arrays in files, NPY and NPZ, given to the command `kernel`: headers, pickles, bombs, holes."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ..case import Target, Wrong
from ..mutate import damaged
from .command_line import called


_TYPES = ("f8", "f4", ">f8", "f2", "i4", "u1", "?", "c16", "U3", "S3", "M8[s]", "O", "V8", "f8,i4")
_SHAPES = ((3, 4), (3, 4), (3, 4), (2, 2, 2), (0, 4), (3, 0), (4,), (), (3, 5), (1, 4), (2, 1, 4))
_HEADERS = (
    *("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", "{}", "(" * 500, "x", "[1]"),
    *(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**n}, 4), }}" for n in (31, 62, 80)),
    *("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "{'descr': __import__('os')}"),
    *("{'descr': '<f8', 'fortran_order': True, 'shape': (-3, 4), }", "9" * 5000),
)


def draw(generator: Random) -> bytes:
    """The first byte is 1 for an archive."""
    kind = generator.random()
    if kind < 0.6:
        data = _plain(generator)
        return b"\0" + (damaged(generator, data) if generator.random() < 0.6 else data)
    data = _archive(generator)
    return b"\1" + (damaged(generator, data) if generator.random() < 0.5 else data)


def _plain(generator: Random) -> bytes:
    if generator.random() < 0.25:
        text = generator.choice(_HEADERS).encode()
        head = b"\x93NUMPY\x01\x00" + min(len(text), 65535).to_bytes(2, "little") + text
        return head + generator.randbytes(96)
    out = io.BytesIO()
    np.save(out, _array(generator), allow_pickle=True)
    return out.getvalue()


def _array(generator: Random) -> Any:
    shape, kind = generator.choice(_SHAPES), generator.choice(_TYPES[:7] * 2 + _TYPES)
    count = int(np.prod(shape))
    numbers = [generator.gauss(0, 1) for _ in range(count)]
    if numbers and generator.random() < 0.3:
        numbers[0] = generator.choice((np.nan, np.inf, 1e300, 1e-320, 1e39))
    if kind in ("O", "V8", "f8,i4", "M8[s]"):
        return np.zeros(shape, kind)
    with np.errstate(all="ignore"):
        return np.array(numbers).reshape(shape).astype(kind)


def _archive(generator: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        names = generator.choice((("x", "y"), ("arr_0",), ("x", "x"), (), ("../x",), ("x", "z")))
        for name in names:
            data = _plain(generator)
            if generator.random() < 0.05:
                head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**22}, 4), }}"
                size = len(head).to_bytes(2, "little")
                data = b"\x93NUMPY\x01\x00" + size + head.encode() + bytes(2**27)
            archive.writestr(f"{name}.npy", data)
    return out.getvalue()


def run(case: bytes, folder: Path) -> None:
    archive, data = case[:1] == b"\1", case[1:]
    path = folder / ("data.npz" if archive else "data.npy")
    path.write_bytes(data)
    written = folder / "kernel.npz"
    called(["kernel", "nets:net", "--data", str(path), "--out", str(written)], folder)
    with np.load(written) as found:
        if not all(np.isfinite(found[name]).all() for name in found):
            raise Wrong("a kernel that is not finite")


TARGET = Target("arrays", draw, run)
