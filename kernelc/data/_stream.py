"""Data whose examples are made when they are asked for: all of them do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int, Shaped

from kernelc._deprecated import keywords
from kernelc._errors import DataError, KernelcError, shown

from ._checked import is_real, labels, same_kind, targets
from ._dataset import Part, PartName


Make = Callable[[Int[np.ndarray, " batch"], np.random.Generator | None], Any]
"""From rows, and randomness or None, to examples of shape (batch, ...)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples that are made when they are asked for: what a `Stream` has in place of an array.

    Arguments:
        make: called as make(rows, draw). With a generator `draw` it may alter the examples at
            random, by numbers drawn from `draw` alone; with None they are as they are. Two
            threads may call it at a time, and it returns a new array each time.
        shape: number of examples, then the shape of one.
        where: what errors call these examples.
        depends: strings and arrays that tell these examples from others of that name and shape:
            a checkpoint of a run on other ones is refused.

    Example:
        >>> halves = Rows(lambda rows, draw: rows[:, None] / 2, (4, 1), "halves")
        >>> len(halves), halves.take(np.array([3, 1])).tolist()
        (4, [[1.5], [0.5]])
    """

    make: Make
    shape: tuple[int, ...]
    where: str
    depends: tuple[str | np.ndarray, ...] = ()

    def __post_init__(self) -> None:
        _check_shape(self.shape, self.where, least=0)
        if not callable(self.make):
            raise DataError(
                where=self.where,
                found=f"made by {type(self.make).__name__}",
                law="Examples are made by a function",
                remedy="Pass a function of (rows, draw)",
            )

    def __len__(self) -> int:
        return self.shape[0]

    def take(
        self, rows: Int[np.ndarray, " batch"], draw: np.random.Generator | None = None
    ) -> Float[np.ndarray, "batch ..."]:
        """The examples of these rows as float32.

        Arguments:
            rows: numbers from 0 to len(self) - 1.
            draw: randomness to alter them with; as they are when None.

        Raises: DataError when they cannot be made, have another shape, or are not finite.
        """
        rows = np.asarray(rows)
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not _within(rows, len(self)):
            raise DataError(
                where=f"{self.where}: rows",
                found=f"shape {rows.shape}, dtype {rows.dtype}",
                law=f"Rows are whole numbers from 0 to {len(self) - 1}",
                remedy="Pass for example numpy.arange(8)",
            )
        try:
            made = np.asarray(self.make(rows, draw))
        except KernelcError:
            raise
        except Exception as error:
            # The function is anyone's and may raise anything; the original stays attached.
            raise DataError(
                where=self.where,
                found=f"{type(error).__name__}: {error}",
                law="Every example can be made at any time",
                remedy="Mend the function that makes them, or the files it reads",
            ) from error
        return self._checked(made, rows)

    def like(self, size: int) -> Float[np.ndarray, "size ..."]:
        """The first example `size` times over, without memory for more than one."""
        return np.broadcast_to(self.take(np.arange(1)), (size, *self.shape[1:]))

    def _checked(self, made: np.ndarray, rows: np.ndarray) -> np.ndarray:
        wanted = (len(rows), *self.shape[1:])
        if made.shape != wanted or not is_real(made):
            raise DataError(
                where=self.where,
                found=f"shape {made.shape}, dtype {made.dtype} for {len(rows)} rows",
                law=f"Examples are real numbers of shape {wanted}",
                remedy="Return one example of that shape for every row",
            )
        with np.errstate(all="ignore"):
            made = made.astype(np.float32, copy=False)
            # One sum tells that all is well, in a fraction of the time of looking at each.
            if np.isfinite(made.sum()):
                return made
        bad = ~np.isfinite(made.reshape(len(made), -1)).all(axis=1)
        if bad.any():
            raise DataError(
                where=f"{self.where}: example {rows[np.argmax(bad)]}",
                found=f"NaN or infinity, there and in {int(bad.sum()) - 1} others of its batch",
                law="Every value of the data is finite in float32",
                remedy="Leave such examples out or mend their values",
            )
        return made


@dataclass(frozen=True, eq=False)
class Stream:
    """A data set whose examples are made on demand; `fit` takes it as a `Dataset`.

    Targets are in memory. While a step runs, another thread makes the examples of the next. All
    that is random is a function of the seed of the run and of the step, so that a run that was
    stopped goes on as if it had not been.

    Arguments:
        train: makes training examples, as `make` of `Rows` does.
        train_y: training targets, labels or numbers as in `Dataset`.
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
    train_y: Shaped[np.ndarray, "n ..."]
    _: KW_ONLY
    shape: tuple[int, ...]
    name: str
    classes: int | None
    test: Make | None = None
    test_y: Shaped[np.ndarray, "m ..."] | None = None
    depends: tuple[str | np.ndarray, ...] = ()
    validation: Make | None = None
    validation_y: Shaped[np.ndarray, "v ..."] | None = None
    train_x: Rows = field(init=False, repr=False)
    test_x: Rows = field(init=False, repr=False)
    validation_x: Rows = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check_shape(self.shape, self.name)
        for part in ("train", "validation", "test"):
            make, y = getattr(self, part), getattr(self, f"{part}_y")
            if part != "train" and make is None and y is None:
                make, y = _nothing, self.train_y[:0]
            else:
                y = self._targets(y, part)
            where = f"{self.name}: {part}_x"
            rows = Rows(cast(Make, make), (len(y), *self.shape), where, self.depends)
            object.__setattr__(self, f"{part}_y", y)
            object.__setattr__(self, f"{part}_x", rows)

    def _targets(self, y: object, part: str) -> np.ndarray:
        where = f"{self.name}: {part}_y"
        found = targets(y, where) if self.classes is None else labels(y, where, self.classes)
        if part != "train":
            same_kind(self.train_y, found, self.name)
        return found

    def part(self, name: PartName) -> Part | None:
        """Examples and targets of a part, or None where the data has no such part."""
        found = Part(getattr(self, f"{name}_x"), getattr(self, f"{name}_y"))
        return found if len(found.x) else None


# The places that arguments had in development versions.
_PLACES = ("test", "test_y", "shape", "name", "classes", "depends", "validation", "validation_y")
Stream.__init__ = keywords(*_PLACES, after=3)(Stream.__init__)


def _nothing(rows: np.ndarray, draw: np.random.Generator | None) -> np.ndarray:
    raise IndexError("there is no such part")


def _check_shape(shape: object, where: str, least: int = 1) -> None:
    """DataError unless all sizes are positive; the first is at least `least`."""
    sizes = shape if isinstance(shape, tuple) else (-1,)
    whole = bool(sizes) and all(isinstance(n, int | np.integer) for n in sizes)
    if not whole or sizes[0] < least or any(n < 1 for n in sizes[1:]):
        raise DataError(
            where=f"{where}: shape",
            found=shown(shape),
            law="A shape is a tuple of positive whole numbers",
            remedy="Pass for example (224, 224, 3)",
        )


def _within(rows: np.ndarray, count: int) -> bool:
    return rows.size > 0 and int(rows.min()) >= 0 and int(rows.max()) < count
