"""ImageNet from its usual folders on disk, decoded, cropped and standardized when it is needed."""

from __future__ import annotations

import hashlib
import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
from jaxtyping import Float, Int

from kernelc._arguments import integer
from kernelc._errors import DataError, PackageError
from kernelc._packages import needed

from ._files import locate
from ._stream import Stream


_ENDINGS = (".jpeg", ".jpg", ".png")
_LAYOUT = "ImageNet lies in train/<class>/*.JPEG and val/<class>/*.JPEG, with the same classes"
_ATTEMPTS = 10
# One image may take this many pixels; Pillow begins to warn of hostile files here.
_LARGEST = 2**30 // 12
# Of the training part, by red, green and blue, with pixels in [0, 1]: the usual constants.
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
# What the center of an image keeps of its shorter side: 224 pixels of 256.
_CENTRAL = 0.875

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""


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
    size = integer(size, "imagenet: size", most=_LARGEST)
    threads = None if threads is None else integer(threads, "imagenet: threads")
    pillow()
    folder = locate(directory, "imagenet", ("train",))
    classes, test_classes = (_classes(folder / part) for part in ("train", "val"))
    if classes != test_classes:
        raise _differ(folder, classes, test_classes)
    train, test = (
        Photographs(classes, *_files(folder / part, classes), folder / part, size, threads)
        for part in ("train", "val")
    )
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


@dataclass(frozen=True, eq=False)
class Photographs:
    """Image files, called as the `make` of a `Rows`.

    Arguments:
        folders: names of the folders of classes.
        names: name of each file.
        y: which of the folders it is in.
        root: where those folders are.
        size: side of the square images that come out.
        threads: how many files are decoded at a time.
    """

    folders: tuple[str, ...] = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    y: Int[np.ndarray, " n"]
    root: Path
    size: int
    threads: int | None

    def __call__(
        self, rows: Int[np.ndarray, " batch"], draw: np.random.Generator | None
    ) -> Float[np.ndarray, "batch size size 3"]:
        """Random crops and mirror images with `draw`, centers without."""
        out = np.empty((len(rows), self.size, self.size, 3), np.float32)
        # Every image has its numbers before any thread starts: which one is first is no matter.
        numbers = [None] * len(rows) if draw is None else draw.random((len(rows), _ATTEMPTS + 1, 4))

        def one(place: int) -> None:
            row = rows[place]
            path = self.root / self.folders[self.y[row]] / self.names[row]
            _decode(path, numbers[place], out[place])

        # Pillow lets go of Python's lock while it decodes and scales, so threads are enough. The
        # first error ends the loop, and with it those that have not begun.
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(one, range(len(rows))):
                pass
        return out


def pillow() -> ModuleType:
    """The module PIL.Image; PackageError where there is none."""
    return needed("PIL.Image", extra="data", use="kernelc.data.imagenet")


def _decode(
    path: Path, numbers: Float[np.ndarray, "attempts 4"] | None, out: Float[np.ndarray, "s s 3"]
) -> None:
    try:
        # ImageNet has a PNG and some CMYK files among its JPEGs; nothing else is parsed.
        with pillow().open(path, formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > _LARGEST:
                raise ValueError(f"{width} by {height} pixels, more than {_LARGEST} in all")
            box = center(width, height) if numbers is None else crop(width, height, numbers)
            image = image.convert("RGB").resize(out.shape[:2], pillow().Resampling.BICUBIC, box)
    except PackageError:
        raise
    except Exception as error:
        # The file may be anything, and the parsers of its format may then raise anything.
        raise DataError(
            where=str(path),
            found=f"no image that can be read to its end ({error})",
            law="Every file of the data set is a complete JPEG or PNG image",
            remedy="Fetch the file again, or remove it",
        ) from error
    pixels = np.asarray(image)
    if numbers is not None and numbers[-1, 0] < 0.5:
        pixels = pixels[:, ::-1]
    np.divide(pixels, np.float32(255), out=out)
    out -= _MEAN
    out /= _DEVIATION


def center(width: int, height: int) -> Box:
    """The square in the middle, of 87.5 % of the shorter side."""
    side = _CENTRAL * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def crop(width: int, height: int, numbers: Float[np.ndarray, "attempts 4"]) -> Box:
    """A part of random area, shape and place (Szegedy et al. 2015, Going deeper, section 6).

    Its share of the area is uniform from 8 to 100 %, the logarithm of width / height uniform
    between those of 3/4 and 4/3. What does not fit into the image is drawn again; after ten
    attempts it is the largest part in the middle with a ratio in that range.

    Arguments:
        width, height: of the image.
        numbers: uniform in [0, 1), a row for each attempt.
    """
    steep, flat = math.log(3 / 4), math.log(4 / 3)
    for share, shape, across, down in numbers[:_ATTEMPTS]:
        area = (0.08 + 0.92 * share) * width * height
        ratio = math.exp(steep + (flat - steep) * shape)
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(across * (width - w + 1)), int(down * (height - h + 1))
            return left, top, left + w, top + h
    w, h = min(width, height * 4 / 3), min(height, width * 4 / 3)
    left, top = (width - w) / 2, (height - h) / 2
    return left, top, left + w, top + h


def _classes(folder: Path) -> tuple[str, ...]:
    found: list[str] = []
    if os.path.isdir(folder):
        with os.scandir(folder) as entries:
            found = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
    if not found:
        raise DataError(
            where=str(folder),
            found="no folder of a class" if os.path.isdir(folder) else "no such folder",
            law=_LAYOUT,
            remedy="Unpack that part of the data set there, each class in a folder of its own",
        )
    return tuple(found)


def _files(folder: Path, classes: tuple[str, ...]) -> tuple[tuple[str, ...], Int[np.ndarray, " n"]]:
    """The names of the image files, and the class of each."""
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
