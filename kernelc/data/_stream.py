"""Data whose examples are made when they are asked for: all of them do not fit in memory."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import cast

import numpy as np

from kernelc._arguments import integer
from kernelc._deprecated import keywords

from ._parts import NAMES, Make, Part, Parted, Rows, check_shape, part, require_text
from ._weighted import Targets, given_targets, values_of


@dataclass(frozen=True, eq=False)
class Stream(Parted):
    """A data set whose examples are made on demand; `fit` takes it as a `Dataset`.

    Targets are in memory. While a step runs, another thread makes the examples of the next. All
    that is random is a function of the seed of the run and of the step, so that a run that was
    stopped goes on as if it had not been.

    Arguments:
        train: makes training examples, as `make` of `Rows` does.
        train_y: training targets, labels or numbers as in `Dataset`, `Weighted` or not.
        shape: of one example, channels last.
        name: what reports call the data.
        classes: number of classes; None when targets are no labels.
        test: makes test examples; asked without randomness only. None for no test part.
        test_y: test targets, None for no test part.
        depends: what else tells this data from other data of that name, shape and labels.
        validation, validation_y: as `test` and `test_y`, for what `fit` chooses the best step by.

    `train_x`, `test_x` and `validation_x` are the examples as `Rows`; they have no rows where a
    part is left out.

    Raises: DataError when targets or shape are no such thing, and as `Rows` does.

    Example:
        >>> def numbers(rows, draw):
        ...     return rows[:, None] + (0 if draw is None else draw.normal(size=(len(rows), 1)))
        >>> data = Stream(numbers, [0, 1, 1], shape=(1,), name="numbers", classes=2)
        >>> data.train_x.take(np.array([2, 0])).tolist()
        [[2.0], [0.0]]
    """

    train: Make
    train_y: Targets
    _: KW_ONLY
    shape: tuple[int, ...]
    name: str
    classes: int | None
    test: Make | None = None
    test_y: Targets | None = None
    depends: tuple[str | np.ndarray, ...] = ()
    validation: Make | None = None
    validation_y: Targets | None = None
    train_x: Rows = field(init=False, repr=False)
    test_x: Rows = field(init=False, repr=False)
    validation_x: Rows = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_text(self.name, "Stream: name")
        check_shape(self.shape, self.name)
        if self.classes is not None:
            integer(self.classes, f"{self.name}: classes")
        train: Part | None = None
        for name in NAMES:
            make, y = getattr(self, name), getattr(self, f"{name}_y")
            where = f"{self.name}: {name}"
            if train is not None and make is None and y is None:
                found = Part(self._rows(_nothing, 0, where), values_of(train.y)[:0])
            else:
                y = given_targets(y, f"{where}_y", self.classes)
                rows = self._rows(make, len(y), where)
                found = part(rows, y, where, classes=self.classes, like=train)
            train = train or found
            object.__setattr__(self, f"{name}_x", found.x)
            object.__setattr__(self, f"{name}_y", found.y)

    def _rows(self, make: Make | None, count: int, where: str) -> Rows:
        # `Rows` refuses what is no function, None among it.
        return Rows(cast(Make, make), (count, *self.shape), f"{where}_x", self.depends)


# The places that arguments had in development versions.
_PLACES = ("test", "test_y", "shape", "name", "classes", "depends", "validation", "validation_y")
Stream.__init__ = keywords(*_PLACES, after=3)(Stream.__init__)


def _nothing(rows: np.ndarray, draw: np.random.Generator | None) -> np.ndarray:
    raise IndexError("there is no such part")
