"""The one container of data: arrays of each part, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from kernelc._deprecated import renamed_method
from kernelc._errors import DataError, shown
from kernelc._limits import whole

from ._checked import examples, labels, same_example_shape, same_kind, same_length, targets
from ._pln import Mode, pln


PartName = Literal["train", "validation", "test"]
_ABSENT = np.zeros((0,), np.float32)


class Part(NamedTuple):
    """Examples and targets of one part of the data; the examples are an array, or `Rows`."""

    x: Any
    y: Shaped[np.ndarray, "n ..."]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training examples with their targets, and where there are any a validation and a test part.

    Arguments:
        train_x: training examples, shape (n, ...), channels last; integers become float32.
        train_y: training targets: with `classes`, labels, integers of shape (n,) in
            [0, classes); else numbers of shape (n, ...), whole ones as int32.
        test_x: test examples, shape (m, ...) with the same axes after the first.
        test_y: test targets, with the axes of `train_y` after the first.
        name: what reports call the data.
        classes: number of classes; None when targets are no labels.
        validation_x, validation_y: what `fit` chooses the best step by, of such shapes too.

    A part that is left out has no rows. The arrays are kept as read-only views; the caller's own
    arrays are left as they were.

    Raises: DataError when shapes disagree, a value is not finite or a label out of range.

    Example:
        >>> data = arrays(np.zeros((4, 2)), [0, 1, 0, 1], np.ones((2, 2)), [0, 1])
        >>> data.classes, data.subset(2).train_x.shape, data.part("validation")
        (2, (2, 2), None)
    """

    train_x: Float[np.ndarray, "n ..."]
    train_y: Shaped[np.ndarray, "n ..."]
    test_x: Float[np.ndarray, "m ..."] = dataclasses.field(default_factory=lambda: _ABSENT)
    test_y: Shaped[np.ndarray, "m ..."] = dataclasses.field(default_factory=lambda: _ABSENT)
    name: str = "arrays"
    classes: int | None = None
    validation_x: Float[np.ndarray, "v ..."] = dataclasses.field(default_factory=lambda: _ABSENT)
    validation_y: Shaped[np.ndarray, "v ..."] = dataclasses.field(default_factory=lambda: _ABSENT)

    def __post_init__(self) -> None:
        self._check("train")
        for part in ("validation", "test"):
            given = [getattr(self, f"{part}_{axis}") for axis in "xy"]
            if all(_is_absent(values) for values in given):
                for axis in "xy":
                    like = getattr(self, f"train_{axis}")
                    object.__setattr__(self, f"{part}_{axis}", like[:0])
                continue
            self._check(part)
            same_example_shape(self.train_x, getattr(self, f"{part}_x"), self.name)
            same_kind(self.train_y, getattr(self, f"{part}_y"), self.name)

    def __repr__(self) -> str:
        found = {name: self.part(name) for name in ("train", "validation", "test")}
        parts = [
            f"{name}_{axis}={values.dtype}{list(values.shape)}"
            for name, part in found.items()
            if part is not None
            for axis, values in zip("xy", part, strict=True)
        ]
        return f"Dataset({', '.join(parts)}, name={self.name!r}, classes={self.classes})"

    def _check(self, part: str) -> None:
        where = f"{self.name}: {part}"
        x = examples(getattr(self, f"{part}_x"), f"{where}_x")
        y = getattr(self, f"{part}_y")
        if self.classes is None:
            y = targets(y, f"{where}_y")
        else:
            y = labels(y, f"{where}_y", self.classes)
        same_length(x, y, where)
        object.__setattr__(self, f"{part}_x", x)
        object.__setattr__(self, f"{part}_y", y)

    def part(self, name: PartName) -> Part | None:
        """Examples and targets of a part, or None where the data has no such part."""
        found = Part(getattr(self, f"{name}_x"), getattr(self, f"{name}_y"))
        return found if len(found.x) else None

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
        """The data with the examples of every part changed."""
        changed = {
            f"{name}_x": change(x)
            for name in ("train", "validation", "test")
            if len(x := getattr(self, f"{name}_x"))
        }
        return dataclasses.replace(self, **changed)

    def pln(self, mode: Mode = "one") -> Dataset:
        """The data with per-location normalization applied to every example; see `pln`."""
        return self._each(lambda x: pln(x, mode))

    def flat(self) -> Dataset:
        """The data with every example as one vector."""
        return self._each(lambda x: x.reshape(len(x), -1))

    def subset(self, n: int, test: int | None = None) -> Dataset:
        """The first n training examples, and the first `test` test examples (None: all)."""
        n, m = whole(n), len(self.test_x) if test is None else whole(test)
        for what, asked, there in (("n", n, self.train_x), ("test", m, self.test_x)):
            least = min(1, len(there))
            if type(asked) is not int or not least <= asked <= len(there):
                raise DataError(
                    where=f"{self.name}: subset, {what}",
                    found=shown(asked),
                    law=f"A subset takes a whole number of examples, from {least} to all "
                    f"{len(there)}",
                    remedy="Ask for fewer examples, or for at least one",
                )
        return dataclasses.replace(
            self,
            train_x=self.train_x[:n],
            train_y=self.train_y[:n],
            test_x=self.test_x[:m],
            test_y=self.test_y[:m],
        )

    def standardized(self) -> Dataset:
        """x ↦ (x − mean) / std, both from the training part, one pair per last-axis entry.

        That entry is a channel of an image or a feature of a vector. One that is constant in
        training keeps its scale and is only centered.
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
        return self._each(lambda x: (x - mean) / spread)

    standardised = renamed_method("standardised", "standardized")
    centred = renamed_method("centred", "centered")

    def centered(self) -> Dataset:
        """x ↦ (x − mean example) / rms, both from the training part, rms over all its numbers.

        Every pixel or feature is centered by itself, but all are scaled alike: cosines between
        examples then tell how they differ, not what all have in common. Training examples that
        are all the same keep their scale.
        """
        dtype = self.train_x.dtype
        mean = self.train_x.mean(axis=0, dtype=np.float64).astype(dtype)
        # One example at a time: float32 loses digits over millions of numbers.
        squares = [np.mean(x * x, dtype=np.float64) for x in self.train_x - mean]
        alike = (self.train_x == self.train_x[0]).all()
        rms = np.asarray(1.0 if alike else np.sqrt(np.mean(squares)), dtype)
        return self._each(lambda x: (x - mean) / rms)


def arrays(
    train_x: Any,
    train_y: Any,
    test_x: Any = None,
    test_y: Any = None,
    *,
    validation_x: Any = None,
    validation_y: Any = None,
    name: str = "arrays",
    classes: int | None = None,
) -> Dataset:
    """A data set out of the caller's own arrays, data frames or lists.

    Arguments:
        train_x, train_y, test_x, test_y, validation_x, validation_y: as in `Dataset`; a part
            that is None is left out.
        name: what reports call the data.
        classes: number of classes. When None, whole numbers of shape (n,) that are not negative
            are labels, and there is one class more than the largest.

    Returns: the checked data set. Raises: DataError as `Dataset` does.

    Example:
        >>> arrays([[0.0], [1.0], [2.0]], [0.5, 0.1, 0.2]).train_y.dtype
        dtype('float64')
    """
    given = {
        "train_x": train_x,
        "train_y": train_y,
        "test_x": test_x,
        "test_y": test_y,
        "validation_x": validation_x,
        "validation_y": validation_y,
    }
    given = {key: value for key, value in given.items() if value is not None}
    if classes is None:
        classes = _classes([targets(y, f"{name}: {k}") for k, y in given.items() if k[-1] == "y"])
    return Dataset(**given, name=name, classes=classes)


def _classes(parts: list[np.ndarray]) -> int | None:
    whole = all(y.ndim == 1 and jnp.issubdtype(y.dtype, np.integer) for y in parts)
    if not whole or min(int(y.min()) for y in parts) < 0:
        return None
    return 1 + max(int(y.max()) for y in parts)


def _is_absent(values: object) -> bool:
    return values is None or (isinstance(values, np.ndarray) and values.size == 0)
