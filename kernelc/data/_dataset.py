"""The one container of data: four arrays, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sized
from dataclasses import dataclass
from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from kernelc._errors import DataError

from ._pln import Mode, pln


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification data set: training and test examples with their labels.

    Arguments:
        train_x: training examples, shape (n, ...), channels last; integers become float32.
        train_y: training labels, integers of shape (n,) in [0, classes).
        test_x: test examples, shape (m, ...) with the same axes after the first.
        test_y: test labels, shape (m,).
        name: what reports call the data.
        classes: number of classes.

    The arrays are kept as read-only views; the caller's own arrays are left as they were.

    Raises: DataError when shapes disagree, a value is not finite or a label out of range.

    Example:
        >>> data = arrays(np.zeros((4, 2)), [0, 1, 0, 1], np.ones((2, 2)), [0, 1])
        >>> data.classes, data.subset(2).train_x.shape
        (2, (2, 2))
    """

    train_x: Float[np.ndarray, "n ..."]
    train_y: Int[np.ndarray, " n"]
    test_x: Float[np.ndarray, "m ..."]
    test_y: Int[np.ndarray, " m"]
    name: str
    classes: int

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            x = examples(getattr(self, f"{part}_x"), f"{self.name}: {part}_x")
            y = labels(getattr(self, f"{part}_y"), f"{self.name}: {part}_y", self.classes)
            same_length(x, y, f"{self.name}: {part}")
            object.__setattr__(self, f"{part}_x", x)
            object.__setattr__(self, f"{part}_y", y)
        same_example_shape(self.train_x, self.test_x, self.name)

    def pln(self, mode: Mode = "one") -> Dataset:
        """The data with per-location normalisation applied to every example; see `pln`."""
        return dataclasses.replace(
            self, train_x=pln(self.train_x, mode), test_x=pln(self.test_x, mode)
        )

    def flat(self) -> Dataset:
        """The data with every example as one vector."""
        train, test = (x.reshape(len(x), -1) for x in (self.train_x, self.test_x))
        return dataclasses.replace(self, train_x=train, test_x=test)

    def subset(self, n: int, test: int | None = None) -> Dataset:
        """The first n training examples, and the first `test` test examples (None: all)."""
        m = len(self.test_x) if test is None else test
        for what, asked, there in (("n", n, self.train_x), ("test", m, self.test_x)):
            if not 1 <= asked <= len(there):
                raise DataError(
                    where=f"{self.name}: subset, {what}",
                    found=str(asked),
                    law=f"A subset takes from 1 to all {len(there)} examples",
                    remedy="Ask for fewer examples, or for at least one",
                )
        return dataclasses.replace(
            self,
            train_x=self.train_x[:n],
            train_y=self.train_y[:n],
            test_x=self.test_x[:m],
            test_y=self.test_y[:m],
        )

    def standardised(self) -> Dataset:
        """x ↦ (x − mean) / std, both from the training part, one pair per last-axis entry.

        That entry is a channel of an image or a feature of a vector. One that is constant in
        training keeps its scale and is only centred.
        """
        # One entry at a time: NumPy reduces over leading axes a few numbers at a step, and
        # float64 sums because float32 loses digits over millions of pixels.
        columns = np.moveaxis(self.train_x, -1, 0).reshape(self.train_x.shape[-1], -1)
        mean = np.array([column.mean(dtype=np.float64) for column in columns])
        spread = np.array([column.std(dtype=np.float64) for column in columns])
        # Not spread == 0: the rounded mean of a constant leaves it a tiny false spread.
        constant = columns.min(axis=1) == columns.max(axis=1)
        spread = np.where(constant, 1.0, spread)
        dtype = self.train_x.dtype
        mean, spread = mean.astype(dtype), spread.astype(dtype)
        return dataclasses.replace(
            self, train_x=(self.train_x - mean) / spread, test_x=(self.test_x - mean) / spread
        )

    def centred(self) -> Dataset:
        """x ↦ (x − mean example) / rms, both from the training part, rms over all its numbers.

        Every pixel or feature is centred by itself, but all are scaled alike: cosines between
        examples then tell how they differ, not what all have in common. Training examples that
        are all the same keep their scale.
        """
        dtype = self.train_x.dtype
        mean = self.train_x.mean(axis=0, dtype=np.float64).astype(dtype)
        train, test = self.train_x - mean, self.test_x - mean
        # One example at a time: float32 loses digits over millions of numbers.
        squares = [np.mean(x * x, dtype=np.float64) for x in train]
        alike = (self.train_x == self.train_x[0]).all()
        rms = np.asarray(1.0 if alike else np.sqrt(np.mean(squares)), dtype)
        return dataclasses.replace(self, train_x=train / rms, test_x=test / rms)


def arrays(
    train_x: Shaped[np.ndarray, "n ..."],
    train_y: Int[np.ndarray, " n"],
    test_x: Shaped[np.ndarray, "m ..."],
    test_y: Int[np.ndarray, " m"],
    *,
    name: str = "arrays",
    classes: int | None = None,
) -> Dataset:
    """A data set out of the caller's own arrays.

    Arguments:
        train_x, train_y, test_x, test_y: as in `Dataset`.
        name: what reports call the data.
        classes: number of classes; one more than the largest label when None.

    Returns: the checked data set. Raises: DataError as `Dataset` does.
    """
    if classes is None:
        parts = (labels(train_y, f"{name}: train_y"), labels(test_y, f"{name}: test_y"))
        classes = 1 + max(int(part.max()) for part in parts)
    return Dataset(train_x, train_y, test_x, test_y, name, classes)


def examples(x: Shaped[np.ndarray, "n ..."], where: str) -> Float[np.ndarray, "n ..."]:
    """A read-only floating view (or float32 copy) of examples, or DataError."""
    x = np.asarray(x)
    if x.ndim < 1 or x.size == 0 or not is_real(x):
        raise DataError(
            where=where,
            found=f"shape {x.shape}, dtype {x.dtype}",
            law="Examples are a non-empty array of real numbers, one example per row",
            remedy="Pass numbers of shape (n, ...)",
        )
    if not jnp.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float32)
    if not np.isfinite(x).all():
        rows = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))
        raise DataError(
            where=where,
            found=f"NaN or infinity in {len(rows)} of {len(x)} examples, first {rows[0]}",
            law="Every value of the data is finite",
            remedy="Remove those examples or fill in the values",
        )
    return _read_only(x)


def labels(
    y: Int[np.ndarray, " n"], where: str, classes: int | None = None
) -> Int[np.ndarray, " n"]:
    """A read-only int32 view or copy of labels in [0, classes), or DataError."""
    y = np.asarray(y)
    if y.ndim != 1 or y.size == 0 or not jnp.issubdtype(y.dtype, np.integer):
        raise DataError(
            where=where,
            found=f"shape {y.shape}, dtype {y.dtype}",
            law="Labels are a non-empty row of integers, one per example",
            remedy="Pass class numbers of shape (n,), not one-hot rows or floats",
        )
    low, high = int(y.min()), int(y.max())
    top = np.iinfo(np.int32).max if classes is None else classes - 1
    if low < 0 or high > top:
        raise DataError(
            where=where,
            found=f"labels from {low} to {high}",
            law=f"Labels lie from 0 to {top}",
            remedy="Number the classes from 0, and give as many classes as there are",
        )
    return _read_only(y.astype(np.int32, copy=False))


def same_length(x: Sized, y: Sized, where: str) -> None:
    """DataError unless there is one target per example."""
    if len(x) != len(y):
        raise DataError(
            where=where,
            found=f"{len(x)} examples and {len(y)} labels",
            law="Every example has one label",
            remedy="Pass arrays of one length",
        )


def same_example_shape(train_x: _Shaped, test_x: _Shaped, where: str) -> None:
    """DataError unless training and test examples have one shape."""
    if train_x.shape[1:] != test_x.shape[1:]:
        raise DataError(
            where=where,
            found=f"training examples {train_x.shape[1:]}, test examples {test_x.shape[1:]}",
            law="Training and test examples have one shape",
            remedy="Apply the same preparation to both parts",
        )


def is_real(x: np.ndarray) -> bool:
    """Whether an array holds real numbers: floats, integers or truth values."""
    kinds = (np.floating, np.integer, np.bool_)
    return any(jnp.issubdtype(x.dtype, kind) for kind in kinds)


def _read_only(x: np.ndarray) -> np.ndarray:
    view = x.view()
    view.flags.writeable = False
    return view
