"""CIFAR-10 folders of a few records: six files, one of them damaged or missing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

import kernelc as kc
from kernelc.data import cifar10

from ..case import Target, Wrong
from ..mutate import damaged


_NAMES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_RECORD = 3073
_RECORDS = 2


def draw(generator: Random) -> bytes:
    """One file of two records; the first byte says which, and whether all six hold it."""
    rows = [bytes([generator.randrange(10)]) + generator.randbytes(_RECORD - 1) for _ in range(2)]
    if generator.random() < 0.3:
        rows[1] = bytes([generator.choice((9, 10, 255))]) + rows[1][1:]
    if generator.random() < 0.15:
        rows = [row[:1] + bytes(_RECORD - 1) for row in rows]
    data = b"".join(rows)
    data = damaged(generator, data, 2) if generator.random() < 0.6 else data
    return bytes([generator.randrange(12)]) + data


def run(case: bytes, folder: Path) -> None:
    which, data = case[0] if case else 0, case[1:]
    usual = bytes(_RECORDS * _RECORD - 1) + b"\x07"
    for i, name in enumerate(_NAMES):
        mine = which >= 6 or i == which
        (folder / name).write_bytes(data if mine else usual)
    found = cifar10(folder, records=_RECORDS, standardize=which % 2 == 0)
    if len(data) != len(usual):
        raise Wrong("a file of another size was read")
    if not all(np.isfinite(part).all() for part in (found.train_x, found.test_x)):
        raise Wrong("pixels that are not finite")
    if which % 2:
        rows = np.frombuffer(data, np.uint8).reshape(_RECORDS, _RECORD)
        pixels = np.moveaxis(rows[:, 1:].reshape(_RECORDS, 3, 32, 32), 1, -1) / np.float32(255)
        read, labels = (found.test_x, found.test_y) if which in (5, 11) else _part(found, which)
        if not np.array_equal(read, pixels) or not np.array_equal(labels, rows[:, 0]):
            raise Wrong("other pixels or labels than the file holds")


def _part(found: kc.data.Dataset, which: int) -> tuple[np.ndarray, np.ndarray]:
    start = which % 6 * _RECORDS
    return found.train_x[start : start + _RECORDS], found.train_y[start : start + _RECORDS]


TARGET = Target("cifar", draw, run)
