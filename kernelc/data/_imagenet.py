"""ImageNet from its usual folders on disk."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
from jaxtyping import Int

from kernelc._errors import DataError, shown

from ._photographs import Photographs, pillow
from ._search import locate
from ._stream import Stream


_ENDINGS = (".jpeg", ".jpg", ".png")
_LAYOUT = "ImageNet lies in train/<class>/*.JPEG and val/<class>/*.JPEG, with the same classes"


def imagenet(
    directory: str | os.PathLike[str] | None = None,
    *,
    size: int = 224,
    threads: int | None = None,
) -> Stream:
    """ImageNet, or any photographs in folders of that layout, decoded while training.

    Classes are the sorted names of the folders. Training examples are random parts of an image,
    8 to 100 % of its area at a ratio of 3/4 to 4/3, scaled to `size` and mirrored with
    probability 1/2; examples that are measured are the middle, 87.5 % of the shorter side.
    Colors are centered and scaled by the usual constants of ImageNet (the recipe of Szegedy et
    al. 2015, Going deeper with convolutions, section 6).

    Arguments:
        directory: the folder with train and val, or one that holds it as `imagenet`; when None,
            the folder KERNELC_DATA names.
        size: side of the square examples, in pixels.
        threads: images decoded at a time; a few more than there are cores when None.

    Returns: a `Stream` of float32 images of shape (size, size, 3). File names are read at once,
        files when they are needed.

    Raises: DataError when a folder is missing or has no class, a class has no image, or the
        classes of both parts differ, and while training for a file that is no complete image;
        PackageError without Pillow (`pip install 'kernelc[data]'`).
    """
    for name, value in (("size", size), ("threads", 1 if threads is None else threads)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise DataError(
                where=f"imagenet: {name}",
                found=shown(value),
                law=f"{name} is a whole number of at least 1",
                remedy="Pass such a number",
            )
    pillow()
    folder = locate(directory, "imagenet", ("train",))
    classes, test_classes = (_classes(folder / part) for part in ("train", "val"))
    if classes != test_classes:
        raise _differ(folder, classes, test_classes)
    parts = []
    for part in ("train", "val"):
        names, y = _files(folder / part, classes)
        parts.append(Photographs(classes, names, y, folder / part, size, threads))
    train, test = parts
    known = hashlib.sha256()
    for text in (*classes, *train.names, *test.names):
        known.update(f"{text}/".encode())
    return Stream(
        train,
        train.y,
        shape=(size, size, 3),
        name="imagenet",
        classes=len(classes),
        test=test,
        test_y=test.y,
        depends=(known.hexdigest(),),
    )


def _classes(folder: Path) -> tuple[str, ...]:
    found: list[str] = []
    if folder.is_dir():
        with os.scandir(folder) as entries:
            found = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not found:
        raise DataError(
            where=str(folder),
            found="no folder of a class" if folder.is_dir() else "no such folder",
            law=_LAYOUT,
            remedy="Unpack that part of the data set there, each class in a folder of its own",
        )
    return tuple(found)


def _files(folder: Path, classes: tuple[str, ...]) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    names: list[str] = []
    counts: list[int] = []
    for each in classes:
        # Sorted: the order in which a disk lists files is nobody's, and runs depend on it.
        found = sorted(name for name in os.listdir(folder / each) if _is_image(name))
        if not found:
            raise DataError(
                where=str(folder / each),
                found=f"no file that ends in {', '.join(_ENDINGS)}",
                law="Every class has at least one image",
                remedy="Unpack the data set again, or remove the class from both parts",
            )
        names += found
        counts.append(len(found))
    return tuple(names), np.repeat(np.arange(len(classes), dtype=np.int32), counts)


def _is_image(name: str) -> bool:
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def _differ(folder: Path, train: tuple[str, ...], test: tuple[str, ...]) -> DataError:
    one = min(set(train) ^ set(test))
    where = "train but not in val" if one in train else "val but not in train"
    return DataError(
        where=str(folder),
        found=f"{len(train)} classes in train and {len(test)} in val; {one} is in {where}",
        law=_LAYOUT,
        remedy="Sort the validation images into the folders of their classes",
    )
