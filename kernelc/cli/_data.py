"""The data sets that commands know by name, and arrays in files."""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

import kernelc as kc


if TYPE_CHECKING:
    from jaxtyping import Num


class Data(StrEnum):
    """Data sets by name."""

    digits = "digits"
    fashion_mnist = "fashion-mnist"
    cifar10 = "cifar10"


DataDir = Annotated[
    Path | None, typer.Option(help="Folder with the files of fashion-mnist or cifar10.")
]


def dataset(name: Data, folder: Path | None) -> kc.data.Dataset:
    """The data set of that name.

    Raises:
        DataError: its files are not there, or a folder is given where none is needed.
    """
    if name is Data.digits and folder is not None:
        raise kc.DataError(
            where="--data-dir",
            found=str(folder),
            law="digits ship with scikit-learn and need no folder",
            remedy="leave it out, or choose --data fashion-mnist or cifar10",
        )
    if name is Data.digits:
        return kc.data.digits()
    read = kc.data.fashion_mnist if name is Data.fashion_mnist else kc.data.cifar10
    return read(folder)


def training_inputs(source: str, folder: Path | None) -> Num[np.ndarray, "n ..."]:
    """Training examples of a data set, or the array of an .npy file, not yet read into memory.

    Raises:
        DataError: no such data set or file, or a file of something else than numbers.
    """
    if source.endswith(".npy"):
        return _array(source, folder)
    if source in tuple(Data):
        return dataset(Data(source), folder).train_x
    near = difflib.get_close_matches(source, [name.value for name in Data], n=1)
    raise kc.DataError(
        where="--data",
        found=repr(source),
        law=f"inputs are a data set ({', '.join(Data)}) or an .npy file",
        remedy=f"did you mean {near[0]}?" if near else "name one of these",
    )


def _array(path: str, folder: Path | None) -> Num[np.ndarray, "n ..."]:
    if folder is not None:
        raise kc.DataError(
            where="--data-dir",
            found=str(folder),
            law="an .npy file is named by its path",
            remedy="leave it out",
        )
    try:
        # Mapped, so that a false size in the header reserves no memory; pickles run code.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # The file may be anything, and numpy's parser of headers may then raise anything.
        raise kc.DataError(
            where=path,
            found=getattr(error, "strerror", None) or f"no array that can be read ({error})",
            law="inputs are one array of numbers, as numpy.save writes it; pickles are never read",
            remedy="check the path, or write the file again with numpy.save",
        ) from error
    if not isinstance(found, np.ndarray) or found.ndim < 1 or found.dtype.kind not in "fiub":
        shown = f"shape {found.shape}, type {found.dtype}" if hasattr(found, "dtype") else "archive"
        raise kc.DataError(
            where=path,
            found=shown,
            law="inputs are an array of real numbers with an axis of examples",
            remedy="save one such array with numpy.save",
        )
    return found
