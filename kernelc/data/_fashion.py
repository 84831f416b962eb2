"""Fashion-MNIST from files on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kernelc._deprecated import renamed_arguments
from kernelc._errors import DataError

from ._dataset import Dataset
from ._idx import read_idx
from ._search import locate


_MARKER = "train-images-idx3-ubyte"


@renamed_arguments(standardise="standardize")
def fashion_mnist(
    directory: str | os.PathLike[str] | None = None, *, standardize: bool = True
) -> Dataset:
    """Fashion-MNIST: 60 000 training and 10 000 test images of clothes, 28 by 28, ten classes.

    Arguments:
        directory: folder with the four idx files, plain or gzipped. When None, the folder
            KERNELC_DATA names is tried, then where the Debian package puts them.
        standardize: whether to center and scale by the mean and deviation of all training
            pixels; otherwise pixels lie in [0, 1].

    Returns: a data set with float32 images of shape (28, 28, 1) (Xiao et al. 2017).

    Raises: DataError when a file is missing, cut short or not what its name says.
    """
    folder = locate(
        directory,
        "fashion-mnist",
        (_MARKER, f"{_MARKER}.gz"),
        system=("/usr/share/datasets/fashion-mnist",),
        remedy="Install the Debian package dataset-fashion-mnist. ",
    )
    parts = [_part(folder, stem) for stem in ("train", "t10k")]
    (train_x, train_y), (test_x, test_y) = parts
    data = Dataset(train_x, train_y, test_x, test_y, "fashion-mnist", 10)
    return data.standardized() if standardize else data


def _part(folder: Path, stem: str) -> tuple[np.ndarray, np.ndarray]:
    images = read_idx(_existing(folder, f"{stem}-images-idx3-ubyte"), 3)
    labels = read_idx(_existing(folder, f"{stem}-labels-idx1-ubyte"), 1)
    if images.shape[1:] != (28, 28):
        raise DataError(
            where=f"{folder}: {stem} images",
            found=f"images of shape {images.shape[1:]}",
            law="Images of Fashion-MNIST are 28 by 28 pixels",
            remedy="Check that the folder holds this data set",
        )
    return images[..., None].astype(np.float32) / np.float32(255), labels


def _existing(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(
        where=str(folder),
        found=f"neither {name} nor {name}.gz",
        law="Fashion-MNIST is four files: images and labels to train and to test",
        remedy="Fetch the missing file",
    )
