"""Random crops and mirror images of data in memory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from kernelc._arguments import integer
from kernelc._errors import DataError

from ._forms import as_dataset
from ._stream import Stream


def augmented(data: object, *, pad: int = 4, flip: bool = True) -> Stream:
    """The data, with training images shifted and mirrored anew whenever they are trained on.

    An image gets a border of `pad` zeros, of which a window of its own size is cut at random;
    then left and right change places with probability 1/2 (the augmentation of CIFAR-10 of He
    et al. 2016, Deep residual learning, section 4.2). Zero is the mean of standardized data.
    Training examples that are measured, and test examples, stay as they are.

    Arguments:
        data: images of shape (height, width, channels), in any form that `as_dataset` takes.
        pad: width of the border; 0 for no shifts.
        flip: whether to mirror.

    Returns: a `Stream` that `fit` takes like the data itself.

    Raises: DataError when examples are no images, or the border is no whole number.

    Example:
        >>> from kernelc.data import digits
        >>> data = augmented(digits(), pad=1)
        >>> data.train_x.take(np.arange(5), np.random.default_rng(0)).shape
        (5, 8, 8, 1)
    """
    data = as_dataset(data)
    shape = data.train_x.shape[1:]
    if len(shape) != 3:
        raise DataError(
            where=f"{data.name}: augmented",
            found=f"examples of shape {shape}",
            law="Images, of shape (height, width, channels), are shifted and mirrored",
            remedy="Augment before flat(), or give each image a last axis of channels",
        )
    pad = integer(pad, f"{data.name}: augmented, pad", least=0, remedy="Pass for example pad=4")

    def train(rows: Int[np.ndarray, " batch"], draw: np.random.Generator | None) -> np.ndarray:
        x = data.train_x[rows]
        return x if draw is None else _moved(x, pad, flip, draw)

    test, validation = (data.part(name) for name in ("test", "validation"))
    return Stream(
        train,
        data.train_y,
        shape=shape,
        name=data.name,
        classes=data.classes,
        test=test and (lambda rows, draw: test.x[rows]),
        test_y=test and test.y,
        depends=(f"augmented(pad={pad}, flip={bool(flip)})", data.train_x),
        validation=validation and (lambda rows, draw: validation.x[rows]),
        validation_y=validation and validation.y,
    )


def _moved(
    x: Float[np.ndarray, "batch height width channels"],
    pad: int,
    flip: bool,
    draw: np.random.Generator,
) -> Float[np.ndarray, "batch height width channels"]:
    count, height, width, _ = x.shape
    top, left = draw.integers(0, 2 * pad + 1, (2, count, 1))
    mirrored = draw.integers(0, 2, (count, 1)) == 1 if flip else np.zeros((count, 1), bool)
    border = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    across = np.arange(width)
    lines, columns = top + np.arange(height), left + np.where(mirrored, across[::-1], across)
    which = np.arange(count)[:, None, None]
    return np.pad(x, border)[which, lines[:, :, None], columns[:, None, :]]
