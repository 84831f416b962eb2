"""Data sets of small images, held in memory: handwritten digits, Fashion-MNIST, CIFAR-10."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kernelc._arguments import integer, number
from kernelc._deprecated import renamed_arguments
from kernelc._errors import DataError
from kernelc._packages import needed

from ._arrays import labels
from ._dataset import Dataset
from ._files import damaged, locate, read_idx


_IMAGES = "train-images-idx3-ubyte"
_BATCHES = (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
_RECORD = 1 + 3 * 32 * 32


@renamed_arguments(standardise="standardize")
def digits(
    test_fraction: float = 1 / 6, seed: int = 0, *, flat: bool = False, standardize: bool = True
) -> Dataset:
    """Handwritten digits, 8 by 8 pixels, ten classes (UCI optical digits, via scikit-learn).

    Arguments:
        test_fraction: share of every class that goes to the test part, between 0 and 1.
        seed: seed of the split and of the order of examples.
        flat: whether examples are vectors of 64 instead of images of shape (8, 8, 1).
        standardize: whether to center and scale by the mean and deviation of all training
            pixels; otherwise pixels lie in [0, 1].

    Returns: a data set with float32 examples.

    Raises:
        DataError: the fraction leaves a class without training or test examples.
        PackageError: scikit-learn is missing (`pip install 'kernelc[data]'`).

    Example:
        >>> digits().train_x.shape[1:], digits(flat=True).test_x.shape[1:]
        ((8, 8, 1), (64,))
    """
    fraction = number(test_fraction, "digits: test_fraction", above=0, below=1)
    seed = integer(seed, "digits: seed", least=0)
    # Imported here: scikit-learn takes about a second to load, and only this needs it.
    source = needed("sklearn.datasets", extra="data", use="kernelc.data.digits")
    pixels, y = source.load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    train, test = _stratified(np.asarray(y), fraction, seed)
    data = Dataset(x[train], y[train], x[test], y[test], "digits", 10)
    data = data.standardized() if standardize else data
    return data.flat() if flat else data


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
        (_IMAGES, f"{_IMAGES}.gz"),
        system=("/usr/share/datasets/fashion-mnist",),
        remedy="Install the Debian package dataset-fashion-mnist. ",
    )
    data = Dataset(*_idx_part(folder, "train"), *_idx_part(folder, "t10k"), "fashion-mnist", 10)
    return data.standardized() if standardize else data


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
    records = integer(records, "cifar10: records")
    folder = locate(directory, "cifar-10-batches-bin", _BATCHES[:1])
    *train, test = (_records(folder / name, records) for name in _BATCHES)
    train_x, train_y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    data = Dataset(train_x, train_y, *test, "cifar-10", 10)
    return data.standardized() if standardize else data


def _stratified(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        cut = round(fraction * len(rows))
        if not 0 < cut < len(rows):
            raise DataError(
                where="digits: test_fraction",
                found=f"{fraction}, which puts {cut} of {len(rows)} examples in the test part",
                law="Every class has training and test examples",
                remedy="Choose a fraction further from 0 and 1",
            )
        test.append(rows[:cut])
        train.append(rows[cut:])
    # Mixed again, so that the first n examples are a fair sample of all classes.
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _idx_part(folder: Path, stem: str) -> tuple[np.ndarray, np.ndarray]:
    path = _existing(folder, f"{stem}-images-idx3-ubyte")
    images = read_idx(path, 3)
    if images.shape[1:] != (28, 28):
        law = "Images of Fashion-MNIST are 28 by 28 pixels"
        raise damaged(path, f"images of shape {images.shape[1:]}", law)
    y = read_idx(_existing(folder, f"{stem}-labels-idx1-ubyte"), 1)
    return images[..., None].astype(np.float32) / np.float32(255), y


def _existing(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    law = "Fashion-MNIST is four files: images and labels to train and to test"
    raise damaged(folder, f"neither {name} nor {name}.gz", law)


def _records(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a file of CIFAR-10: a byte for the label, then three color planes."""
    size = path.stat().st_size if path.is_file() else None
    if size != count * _RECORD:
        found = "no such file" if size is None else f"{size} bytes"
        law = f"A file of {count} CIFAR-10 records has {count * _RECORD} bytes"
        raise damaged(path, found, law)
    rows = np.fromfile(path, np.uint8).reshape(count, _RECORD)
    x = rows[:, 1:].reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)
    y = labels(rows[:, 0], str(path), 10)
    return x.astype(np.float32, order="C") / np.float32(255), y
