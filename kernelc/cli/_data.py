"""The data sets that commands know by name, and those in files."""

from __future__ import annotations

import difflib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import kernelc as kc

from ._files import array, arrays


if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Num


class Data(StrEnum):
    """Data sets by name."""

    digits = "digits"
    fashion_mnist = "fashion-mnist"
    cifar10 = "cifar10"


DataDir = Annotated[
    Path | None, typer.Option(help="Folder with the files of fashion-mnist or cifar10.")
]


def dataset(source: str, folder: Path | None) -> kc.data.Dataset:
    """The data set of that name, or in that .npz file.

    Raises:
        DataError: no such data set or file, files that hold something else, or a folder given
            where none is needed.
    """
    if source.endswith(".npz"):
        _refuse_folder(folder, "a file is named by its path", "leave it out")
        return arrays(source)
    if source == Data.digits:
        _refuse_folder(
            folder,
            "digits ship with scikit-learn and need no folder",
            "leave it out, or choose --data fashion-mnist or cifar10",
        )
        return kc.data.digits()
    if source == Data.fashion_mnist:
        return kc.data.fashion_mnist(folder)
    if source == Data.cifar10:
        return kc.data.cifar10(folder)
    near = difflib.get_close_matches(source, [name.value for name in Data], n=1)
    raise kc.DataError(
        where="--data",
        found=repr(source[:80]),
        law=f"data are a data set ({', '.join(Data)}), an .npz file of examples and targets, "
        "or for kernels an .npy file of inputs",
        remedy=f"did you mean {near[0]}?"
        if near
        else "name one of these; write arrays of other files with numpy.savez(path, x=..., y=...)",
    )


def training_inputs(source: str, folder: Path | None) -> Num[np.ndarray, "n ..."]:
    """Training examples of a data set, or the array of an .npy file, not yet read into memory.

    Raises:
        DataError: as `dataset`, or a file of something else than numbers.
    """
    if source.endswith(".npy"):
        _refuse_folder(folder, "an .npy file is named by its path", "leave it out")
        return array(source)
    return dataset(source, folder).train_x


def _refuse_folder(folder: Path | None, law: str, remedy: str) -> None:
    if folder is not None:
        raise kc.DataError(where="--data-dir", found=str(folder), law=law, remedy=remedy)
