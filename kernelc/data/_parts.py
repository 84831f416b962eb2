"""The forms that people have data in, read as parts: to train on, to choose by, to test."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kernelc._errors import DataError, shown

from ._checked import examples, same_example_shape, same_kind, same_length, targets
from ._dataset import Dataset, Part, arrays
from ._stream import Rows, Stream


class Parts(NamedTuple):
    """The parts of a data set; validation and test are None where there are none."""

    train: Part
    validation: Part | None
    test: Part | None


def part(x: Any, y: Any, where: str) -> Part:
    """Checked examples and targets; what a `Rows` makes is checked when it is made."""
    found = Part(
        x if isinstance(x, Rows) else examples(x, f"{where}: x"), targets(y, f"{where}: y")
    )
    same_length(found.x, found.y, where)
    return found


def parts(data: Any) -> Parts:
    """The parts of data in any form that `fit` takes.

    Arguments:
        data: a `Dataset`, a `Stream`, or a tuple of examples and targets, (x, y), (train_x,
            train_y, test_x, test_y), or those of the training, validation and test part. An array
            may be a list, a data frame, a series, an array of another library, or a `Rows`.

    Raises: DataError for anything else, and when parts do not fit each other.
    """
    if isinstance(data, Dataset | Stream):
        train = data.part("train")
        assert train is not None
        return Parts(train, data.part("validation"), data.part("test"))
    if not isinstance(data, tuple | list) or len(data) not in (2, 4, 6):
        raise DataError(
            where="data",
            found=_told(data),
            law="Data is a Dataset, a Stream, (x, y), (train_x, train_y, test_x, test_y) or three "
            "such pairs: training, validation, test",
            remedy="Pass for example (x, y), or wrap the arrays with kernelc.data.arrays",
        )
    train = part(data[0], data[1], "data: train")
    others = [
        beside(train, data[i], data[i + 1], f"data: {name}")
        for i, name in _PLACES[len(data)].items()
    ]
    validation, test = [None] * (2 - len(others)) + others
    return Parts(train, validation, test)


# Where each part begins in a tuple of that many arrays.
_PLACES = {2: {}, 4: {2: "test"}, 6: {2: "validation", 4: "test"}}


def beside(train: Part, x: Any, y: Any, where: str) -> Part:
    """A checked part with examples and targets like those of the training part."""
    found = part(x, y, where)
    same_example_shape(train.x, found.x, where)
    same_kind(train.y, found.y, where)
    return found


def as_dataset(data: Any) -> Dataset:
    """The data set of data in any form that `fit` takes, as far as it is in memory.

    Arguments:
        data: a `Dataset`, which is returned as it is, or a tuple of arrays, lists, data frames or
            series: (x, y), (train_x, train_y, test_x, test_y), or six of them with the validation
            part in the middle. Whole numbers y of shape (n,) from 0 on are labels; other y are
            numbers of shape (n, ...).

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
    given: dict[str, Any] = {
        f"{name}_{axis}": values
        for name, each in zip(Parts._fields, found, strict=True)
        if each is not None
        for axis, values in zip("xy", each, strict=True)
    }
    return arrays(**given, name="data")


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


def _told(data: Any) -> str:
    if isinstance(data, tuple | list):
        return f"{len(data)} items"
    return f"{type(data).__name__} without targets" if hasattr(data, "shape") else shown(data)
