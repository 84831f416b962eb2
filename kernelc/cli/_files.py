"""Arrays in files: one in an .npy file, the parts of a data set in an .npz file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np

import kernelc as kc


if TYPE_CHECKING:
    from jaxtyping import Num


# Names in .npz files: those of `kernelc.data.arrays`, and those of files made for Keras.
_PARTS = {
    "train_x": ("x", "train_x", "x_train", "X_train"),
    "train_y": ("y", "train_y", "y_train"),
    "test_x": ("test_x", "x_test", "X_test"),
    "test_y": ("test_y", "y_test"),
    "validation_x": ("validation_x", "x_val", "X_val"),
    "validation_y": ("validation_y", "y_val"),
}
_NEEDED = "an .npz file holds arrays x and y, and for a test part test_x and test_y"
_MOST_BYTES = 2**31
# Zeros compress a thousandfold; so does an archive made to fill memory.
_MOST_RATIO = 100


def array(path: str) -> Num[np.ndarray, "n ..."]:
    """The array of an .npy file, not yet read into memory.

    Raises:
        DataError: no such file, or a file of something else than numbers.
    """
    try:
        # Mapped, so that a false size in the header reserves no memory; pickles run code.
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        # The file may be anything, and numpy's parser of headers may then raise anything.
        raise kc.DataError(
            where=path,
            found=_why(error, "no array that can be read"),
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


def arrays(path: str) -> kc.data.Dataset:
    """The data set of an .npz file.

    Raises:
        DataError: no such file, arrays of other names, or values that make no data set.
    """
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as archive:
            given = _parts(path, archive.files)
            found = {part: archive[name] for part, name in given.items()}
    except kc.KernelcError:
        raise
    except FileNotFoundError as error:
        raise kc.DataError(
            where=path,
            found=error.strerror or "no such file",
            law="paths are relative to the current folder",
            remedy="check the path",
        ) from error
    except Exception as error:
        # As for .npy files; an archive adds the errors of zipfile and zlib.
        _refuse(path, _why(error, "no arrays that can be read"))
    return kc.data.arrays(**found, name=Path(path).stem)


def _check_size(path: str) -> None:
    """Refuse an archive that is much larger than the file it comes in, before it is read."""
    with zipfile.ZipFile(path) as archive:
        total = sum(each.file_size for each in archive.infolist())
    if total > max(_MOST_BYTES, _MOST_RATIO * Path(path).stat().st_size):
        _refuse(path, f"{total:.2g} bytes in a file of {Path(path).stat().st_size}")


def _parts(path: str, names: list[str]) -> dict[str, str]:
    """The name of the array for each part that there is."""
    found: dict[str, str] = {}
    for part, known in _PARTS.items():
        name = next((name for name in known if name in names), None)
        if name is not None:
            found[part] = name
    used = set(found.values())
    pairs = all((f"{p}_x" in found) == (f"{p}_y" in found) for p in ("test", "validation"))
    if not {"train_x", "train_y"} <= set(found) or not pairs or not used >= set(names):
        _refuse(path, f"arrays {', '.join(sorted(names)) or 'none'}"[:200])
    return found


def _why(error: Exception, otherwise: str) -> str:
    return getattr(error, "strerror", None) or f"{otherwise} ({error})"


def _refuse(path: str, found: str) -> NoReturn:
    raise kc.DataError(
        where=path,
        found=found,
        law=f"{_NEEDED}; pickles are never read",
        remedy="write the file with numpy.savez(path, x=..., y=...)",
    )
