"""The one container of data: arrays of each part, checked once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from kernelc._arguments import integer
from kernelc._deprecated import renamed_method

from ._parts import NAMES, Part, Parted, part, require_text
from ._pln import Mode, pln
from ._weighted import Targets, given_targets, values_of


_ABSENT = np.zeros((0,), np.float32)


@dataclass(frozen=True, eq=False)
class Dataset(Parted):
    """Training examples with their targets, and where there are any a validation and a test part.

    Arguments:
        train_x: training examples, shape (n, ...), channels last; integers become float32.
        train_y: training targets: with `classes`, labels, integers in [0, classes) of shape (n,),
            or (n, *locations) with one label for each location; else numbers of shape (n, ...),
            whole ones as int32. `Weighted` says which of them count.
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
    train_y: Targets
    test_x: Float[np.ndarray, "m ..."] = dataclasses.field(default_factory=lambda: _ABSENT)
    test_y: Targets = dataclasses.field(default_factory=lambda: _ABSENT)
    name: str = "arrays"
    classes: int | None = None
    validation_x: Float[np.ndarray, "v ..."] = dataclasses.field(default_factory=lambda: _ABSENT)
    validation_y: Targets = dataclasses.field(default_factory=lambda: _ABSENT)

    def __post_init__(self) -> None:
        require_text(self.name, "Dataset: name")
        if self.classes is not None:
            classes = integer(self.classes, f"{self.name}: classes")
            object.__setattr__(self, "classes", classes)
        train: Part | None = None
        for name in NAMES:
            x, y = getattr(self, f"{name}_x"), getattr(self, f"{name}_y")
            if train is not None and _is_absent(x) and _is_absent(y):
                found = Part(train.x[:0], values_of(train.y)[:0])
            else:
                where = f"{self.name}: {name}"
                found = part(x, y, where, classes=self.classes, like=train)
            train = train or found
            object.__setattr__(self, f"{name}_x", found.x)
            object.__setattr__(self, f"{name}_y", found.y)

    def __repr__(self) -> str:
        parts = [
            f"{name}_{axis}={values.dtype}{list(values.shape)}"
            for name in NAMES
            for axis, values in zip("xy", self.part(name) or (), strict=False)
        ]
        return f"Dataset({', '.join(parts)}, name={self.name!r}, classes={self.classes})"

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> Dataset:
        """The data with the examples of every part changed."""
        changed = {f"{name}_x": change(x) for name in NAMES if len(x := getattr(self, f"{name}_x"))}
        return dataclasses.replace(self, **changed)

    def pln(self, mode: Mode = "one") -> Dataset:
        """The data with per-location normalization applied to every example; see `pln`."""
        return self._each(lambda x: pln(x, mode))

    def flat(self) -> Dataset:
        """The data with every example as one vector."""
        return self._each(lambda x: x.reshape(len(x), -1))

    def subset(self, n: int, test: int | None = None) -> Dataset:
        """The first n training examples, and the first `test` test examples (None: all)."""
        m, wheres = len(self.test_x), [f"{self.name}: subset, {name}" for name in ("n", "test")]
        n = integer(n, wheres[0], most=len(self.train_x))
        m = m if test is None else integer(test, wheres[1], least=min(1, m), most=m)
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
    train_x: object,
    train_y: object,
    test_x: object = None,
    test_y: object = None,
    *,
    validation_x: object = None,
    validation_y: object = None,
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
    # Their absence is `Dataset`'s to explain.
    given: dict[str, Any] = {"train_x": train_x, "train_y": train_y}
    others = {"test": (test_x, test_y), "validation": (validation_x, validation_y)}
    for part_name, pair in others.items():
        for axis, values in zip("xy", pair, strict=True):
            if values is not None:
                given[f"{part_name}_{axis}"] = values
    if classes is None:
        all_y = {k: y for k, y in given.items() if k[-1] == "y"}
        classes = _classes([values_of(given_targets(y, f"{name}: {k}")) for k, y in all_y.items()])
    return Dataset(**given, name=name, classes=classes)


def _classes(parts: list[np.ndarray]) -> int | None:
    whole = all(y.ndim == 1 and jnp.issubdtype(y.dtype, np.integer) for y in parts)
    if not whole or min(int(y.min()) for y in parts) < 0:
        return None
    return 1 + max(int(y.max()) for y in parts)


def _is_absent(values: object) -> bool:
    return values is None or (isinstance(values, np.ndarray) and values.size == 0)
