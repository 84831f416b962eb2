"""Image files to arrays of one size: decoded, cropped and standardized."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from kernelc._errors import DataError, PackageError
from kernelc._packages import needed


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


def pillow() -> Any:
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
