"""The forms that people have data in, read as parts: to train on, to choose by, to test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from kernelc._errors import DataError, shown

from ._dataset import Dataset, arrays
from ._parts import Part, Parts, Rows, part
from ._stream import Stream


def parts(data: object) -> Parts:
    """The parts of data in any form that `fit` takes.

    Arguments:
        data: a `Dataset`, a `Stream`, or a tuple of examples and targets, (x, y), (train_x,
            train_y, test_x, test_y), or those of the training, validation and test part, also as
            pairs, ((train_x, train_y), (test_x, test_y)). An array may be a list, a data frame,
            a series, an array of another library, or a `Rows`.

    Raises: DataError for anything else, and when parts do not fit each other.
    """
    if isinstance(data, Dataset | Stream):
        train = data.part("train")
        assert train is not None
        return Parts(train, data.part("validation"), data.part("test"))
    data = _flat(data)
    if not isinstance(data, tuple | list) or len(data) not in (2, 4, 6):
        raise DataError(
            where="data",
            found=_told(data),
            law="Data is a Dataset, a Stream, (x, y), (train_x, train_y, test_x, test_y) or three "
            "such pairs: training, validation, test",
            remedy=_read(data),
        )
    _require_order(data)
    train = part(data[0], data[1], "data: train")
    # A tuple ends with the test part; a validation part stands before it.
    names = ("validation", "test")[3 - len(data) // 2 :]
    others = {
        name: part(x, y, f"data: {name}", like=train)
        for name, x, y in zip(names, data[2::2], data[3::2], strict=True)
    }
    return Parts(train, others.get("validation"), others.get("test"))


def as_dataset(data: object) -> Dataset:
    """The data set of data in any form that `fit` takes, as far as it is in memory.

    Arguments:
        data: a `Dataset`, which is returned as it is, or a tuple of arrays, lists, data frames or
            series: (x, y), (train_x, train_y, test_x, test_y), or six of them with the validation
            part in the middle; or a tuple of pairs, one for each part. Whole numbers y of shape
            (n,) from 0 on are labels; other y are numbers of shape (n, ...).

    Raises: DataError for anything else, for values that are not finite, and for examples made on
        demand.

    Example:
        >>> as_dataset(([[0.0, 1.0], [1.0, 0.0]], [0.5, -0.5])).train_x.shape
        (2, 2)
    """
    if isinstance(data, Dataset):
        return data
    found = parts(data)
    for each in found:
        if each is not None and isinstance(each.x, Rows):
            raise DataError(
                where=each.x.where,
                found="examples that are made on demand",
                law="A Dataset holds its examples in memory",
                remedy="Take some: data.train_x.take(numpy.arange(1000))",
            )
    none = (None, None)
    validation_x, validation_y = found.validation or none
    return arrays(
        *found.train,
        *(found.test or none),
        validation_x=validation_x,
        validation_y=validation_y,
        name="data",
    )


def split(data: Part, fraction: float, seed: int) -> tuple[Part, Part]:
    """The part without a share of its examples, drawn by the seed, and that share.

    Arguments:
        data: examples and targets.
        fraction: the share, strictly between 0 and 1.
        seed: what the draw depends on.

    Raises: DataError when one of the two would be empty.
    """
    count = len(data.y)
    held = round(count * fraction) if 0 < fraction < 1 else 0
    if not 0 < held < count:
        raise DataError(
            where="validation",
            found=f"{fraction} of {count} examples",
            law="A share is strictly between 0 and 1 and leaves examples in both parts",
            remedy="Pass for example 0.2, or a pair (x, y)",
        )
    # A stream of its own: the order of batches is drawn from (seed, epoch).
    order = np.random.default_rng((seed, _HELD_OUT)).permutation(count)
    return _taken(data, np.sort(order[held:])), _taken(data, np.sort(order[:held]))


_HELD_OUT = 2**31
"""Beyond all numbers of epochs, so that no draw is used twice."""


def _taken(data: Part, rows: np.ndarray) -> Part:
    x = data.x
    if not isinstance(x, Rows):
        return Part(x[rows], data.y[rows])
    made = Rows(
        lambda asked, draw: x.take(rows[asked], draw),
        (len(rows), *x.shape[1:]),
        x.where,
        (*x.depends, rows),
    )
    return Part(made, data.y[rows])


def _flat(data: object) -> object:
    """Pairs of examples and targets, which is how Keras loads data, as one tuple."""
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        return data
    if all(isinstance(each, tuple | list) and len(each) == 2 for each in data):
        x, y = data[0]
        # Two lists of two rows are examples and targets themselves.
        if hasattr(x, "shape") and hasattr(y, "shape") and np.shape(x) != np.shape(y):
            return tuple(array for pair in data for array in pair)
    return data


def _require_order(data: Sequence[object]) -> None:
    """DataError for the order of scikit-learn's train_test_split, examples before targets."""
    shapes: list[tuple[int, ...]] = [tuple(getattr(each, "shape", ())) for each in data]
    if len(data) != 4 or not all(shapes):
        return
    (a, b, c, d) = shapes
    if a[1:] == b[1:] and c[1:] == d[1:] and a[1:] != c[1:] and (a[0], b[0]) == (c[0], d[0]):
        raise DataError(
            where="data",
            found=f"arrays of shapes {a}, {b}, {c}, {d}",
            law="Each part has its examples and then its targets: train_x, train_y, test_x, test_y",
            remedy="Pass (data[0], data[2], data[1], data[3])",
        )


def _read(data: object) -> str:
    """How what people have in place of arrays is read."""
    if isinstance(data, Mapping):
        names = ", ".join(f"data[{key!r}]" for key in list(data)[:2])
        return f"Pass the arrays: ({names or 'x, y'})"
    if isinstance(data, str | os.PathLike):
        return (
            "Read it first: file = numpy.load(path) and (file['x'], file['y']) for .npz, a frame "
            "of pandas for tables, kernelc.data.Stream for a folder of images"
        )
    return "Pass for example (x, y), or wrap the arrays with kernelc.data.arrays"


def _told(data: object) -> str:
    if isinstance(data, tuple | list):
        return f"{len(data)} items"
    return f"{type(data).__name__} without targets" if hasattr(data, "shape") else shown(data)
