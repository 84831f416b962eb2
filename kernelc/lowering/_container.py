"""A file of named arrays and short texts in the safetensors format, which holds no code.

Eight bytes hold the length of a JSON header, little-endian; the header says of each array its
type, its shape and where its bytes lie, without gaps, behind the header
(https://github.com/huggingface/safetensors). Any reader of that format gets at the arrays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np

from .._errors import KernelcError, LoadError, shown
from ..ir import strict_json, write_whole


LONGEST_HEADER = 2**25
_METADATA, _DIGEST = "__metadata__", "sha256"
REMEDY = "write the file again with kernelc.save"
LAW = "a model file is what kernelc.save wrote, whole and unchanged"
_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
_CODES = {name: code for code, name in _TYPES.items()}


@dataclasses.dataclass(frozen=True)
class Container:
    """What a file holds: texts and arrays by name."""

    metadata: Mapping[str, str]
    arrays: Mapping[str, np.ndarray]


class _Entry(NamedTuple):
    name: str
    dtype: np.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


def write_container(path: str | os.PathLike[str], content: Container) -> None:
    """Write texts and arrays into one file, whole or not at all.

    Raises:
        KernelcError: a place that cannot be written to, a header over 32 MiB, an array of
            another type than the format knows.
    """
    order = sorted(content.arrays, key=lambda name: -content.arrays[name].dtype.itemsize)
    table: dict[str, object] = {}
    start = 0
    for name in order:
        array = content.arrays[name]
        offsets = [start, start + array.nbytes]
        code = _code(name, array.dtype)
        table[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": offsets}
        start += array.nbytes
    blocks = [_bytes(content.arrays[name]) for name in order]
    digest = _digest(content.metadata, table, blocks)
    header = json.dumps({_METADATA: {**content.metadata, _DIGEST: digest}, **table}).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > LONGEST_HEADER:
        raise KernelcError(
            where=str(path),
            found=f"a header of {len(header):,} bytes",
            law=f"the description of a model takes at most {LONGEST_HEADER:,} bytes",
            remedy="store the network with Network.save, and its weights with equinox",
        )
    parts = [struct.pack("<Q", len(header)), header, *blocks]
    write_whole(path, parts, "models")


def read_container(path: str | os.PathLike[str]) -> Container:
    """Read what `write_container` wrote; memory is bounded by the length of the file.

    Raises:
        LoadError: a file that cannot be read, is cut short, changed, or of another format.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = _header(path, file, size)
            data = file.read()
    except (OSError, TypeError, ValueError) as error:
        refuse(path, f"a file that cannot be read ({error})", remedy="check the path")
    metadata = header.pop(_METADATA, None)
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        refuse(path, "a file of arrays without the texts of a model")
    entries = _entries(path, header, len(data))
    blocks = [memoryview(data)[entry.start : entry.stop] for entry in entries]
    if metadata.pop(_DIGEST, None) != _digest(metadata, header, blocks):
        refuse(path, "a checksum that is not that of the content")
    arrays = {
        entry.name: np.frombuffer(block, entry.dtype).reshape(entry.shape)
        for entry, block in zip(entries, blocks, strict=True)
    }
    return Container(metadata, arrays)


def _header(path: object, file: IO[bytes], size: int) -> dict[str, object]:
    start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(LONGEST_HEADER, size - 8):
        refuse(path, f"{size:,} bytes that do not begin with the length of a header")
    try:
        text = file.read(length).decode()
    except UnicodeDecodeError:
        refuse(path, "a header that is not UTF-8")
    header = strict_json(text, str(path), LAW, REMEDY)
    if not isinstance(header, dict):
        refuse(path, "a header that is no JSON object")
    return header


def _entries(path: object, table: Mapping[str, object], size: int) -> list[_Entry]:
    """The arrays in the order of their bytes, which they cover from first to last."""
    entries = sorted(
        (_entry(path, name, told) for name, told in table.items()),
        key=lambda entry: entry[3:],
    )
    reached = 0
    for entry in entries:
        if entry.start != reached:
            refuse(path, f"array {entry.name[:80]!r} at byte {entry.start}, not {reached}")
        reached = entry.stop
    if reached != size:
        refuse(path, f"{size:,} bytes of arrays where the header describes {reached:,}")
    return entries


def _entry(path: object, name: str, told: object) -> _Entry:
    if isinstance(told, dict) and set(told) == {"dtype", "shape", "data_offsets"}:
        code, shape, offsets = told["dtype"], told["shape"], told["data_offsets"]
        whole = all(_sizes(value) for value in (shape, offsets))
        if isinstance(code, str) and code in _TYPES and whole and len(offsets) == 2:
            dtype = jnp.dtype(_TYPES[code])
            if offsets[1] - offsets[0] == math.prod(shape) * dtype.itemsize and len(shape) <= 32:
                return _Entry(name, dtype, tuple(shape), *offsets)
    refuse(path, f"a malformed description of array {name[:80]!r}")


def _sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(size) is int and size >= 0 for size in value)


def _digest(
    metadata: Mapping[str, str], table: Mapping[str, object], blocks: Iterable[memoryview]
) -> str:
    total = hashlib.sha256()
    described = [dict(metadata), dict(table)]
    total.update(json.dumps(described, sort_keys=True, separators=(",", ":")).encode())
    for block in blocks:
        total.update(block)
    return total.hexdigest()


def _bytes(array: np.ndarray) -> memoryview:
    # bfloat16 arrays do not support the buffer protocol; their bytes do.
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _code(name: str, dtype: np.dtype) -> str:
    if dtype.name in _CODES:
        return _CODES[dtype.name]
    raise KernelcError(
        where=name,
        found=f"an array of type {dtype.name}",
        law=f"model files hold arrays of {', '.join(_CODES)}",
        remedy="convert the array",
    )


def refuse(where: object, found: str, law: str = LAW, remedy: str = REMEDY) -> NoReturn:
    """Raise `LoadError` for a file that is not what `save` wrote."""
    place = str(where) if isinstance(where, str | os.PathLike) else shown(where)
    raise LoadError(where=place, found=found, law=law, remedy=remedy)
