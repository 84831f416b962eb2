"""CIFAR-10 from the official binary files on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kernelc._deprecated import renamed_arguments
from kernelc._errors import DataError

from ._dataset import Dataset
from ._search import locate


_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"
_RECORD = 1 + 3 * 32 * 32


@renamed_arguments(standardise="standardize")
def cifar10(
    directory: str | os.PathLike[str] | None = None,
    *,
    standardize: bool = True,
    records: int = 10_000,
) -> Dataset:
    """CIFAR-10: 50 000 training and 10 000 test photographs, 32 by 32, ten classes.

    Arguments:
        directory: the folder cifar-10-batches-bin, or one that holds it; when None, the
            folder KERNELC_DATA names. Files: data_batch_1.bin to 5, test_batch.bin.
        standardize: whether to center and scale every color by its mean and deviation over
            the training pixels; otherwise values lie in [0, 1].
        records: images in every file; only an excerpt has other than 10 000.

    Returns: a data set with float32 images of shape (32, 32, 3) (Krizhevsky 2009).

    Raises: DataError when a file is missing, not of its exact size, or has a wrong label.
    """
    folder = locate(directory, "cifar-10-batches-bin", (_TRAIN[0],))
    parts = [_read(folder / name, records) for name in _TRAIN]
    train_x = np.concatenate([x for x, _ in parts])
    train_y = np.concatenate([y for _, y in parts])
    test_x, test_y = _read(folder / _TEST, records)
    data = Dataset(train_x, train_y, test_x, test_y, "cifar-10", 10)
    return data.standardized() if standardize else data


def _read(path: Path, records: int) -> tuple[np.ndarray, np.ndarray]:
    size = path.stat().st_size if path.is_file() else None
    if size != records * _RECORD:
        raise DataError(
            where=str(path),
            found="no such file" if size is None else f"{size} bytes",
            law=f"A file of {records} CIFAR-10 records has {records * _RECORD} bytes",
            remedy="Unpack the binary version of CIFAR-10 again",
        )
    rows = np.fromfile(path, np.uint8).reshape(records, _RECORD)
    y = rows[:, 0]
    if y.max() > 9:
        raise DataError(
            where=f"{path}: record {int(np.argmax(y > 9))}",
            found=f"the label {int(y.max())}",
            law="Labels of CIFAR-10 lie from 0 to 9",
            remedy="Check that this is the ten-class binary version",
        )
    # Stored as three color planes, used with channels last.
    x = rows[:, 1:].reshape(records, 3, 32, 32).transpose(0, 2, 3, 1)
    return x.astype(np.float32, order="C") / np.float32(255), y
