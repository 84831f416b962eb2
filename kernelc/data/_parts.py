"""The parts of a data set: examples, in memory or made on demand, with their targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from kernelc._errors import DataError, KernelcError, shown

from ._arrays import examples, is_real, same_example_shape, same_kind, same_length
from ._weighted import Targets, given_targets, values_of


Make = Callable[[Int[np.ndarray, " batch"], np.random.Generator | None], object]
"""From rows, and randomness or None, to examples of shape (batch, ...)."""
PartName = Literal["train", "validation", "test"]
NAMES: tuple[PartName, ...] = ("train", "validation", "test")


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
        require_text(self.where, "Rows: where")
        check_shape(self.shape, self.where, least=0)
        if not callable(self.make):
            raise DataError(
                where=self.where,
                found=f"made by {type(self.make).__name__}",
                law="Examples are made by a function",
                remedy="Pass a function of (rows, draw)",
            )
        known = isinstance(self.depends, tuple)
        if not known or not all(isinstance(each, str | np.ndarray) for each in self.depends):
            raise DataError(
                where=f"{self.where}: depends",
                found=shown(self.depends),
                law="What examples depend on is a tuple of strings and NumPy arrays",
                remedy="Pass for example (version, file_names)",
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
        try:
            rows = np.asarray(rows)
            fits = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
        except ValueError:
            fits = False
        if not fits or not 0 <= int(rows.min()) <= int(rows.max()) < len(self):
            raise DataError(
                where=f"{self.where}: rows",
                found=shown(rows),
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
                remedy="Correct the function that makes them, or the files it reads",
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
                remedy="Leave such examples out or correct their values",
            )
        return made


class Part(NamedTuple):
    """Examples and targets of one part of the data; the examples are an array, or `Rows`."""

    x: Any
    y: Targets


class Parts(NamedTuple):
    """The parts of a data set; validation and test are None where there are none."""

    train: Part
    validation: Part | None
    test: Part | None


class Parted:
    """A data set with attributes `train_x`, `train_y`, and those of the other parts."""

    def part(self, name: PartName) -> Part | None:
        """Examples and targets of a part, or None where the data has no such part."""
        if not isinstance(name, str) or name not in NAMES:
            law = f"The parts of a data set are {', '.join(NAMES)}"
            raise DataError("part: name", shown(name), law, "Pass one of these names")
        found = Part(getattr(self, f"{name}_x"), getattr(self, f"{name}_y"))
        return found if len(found.x) else None


def part(
    x: object, y: object, where: str, *, classes: int | None = None, like: Part | None = None
) -> Part:
    """Checked examples and targets; examples that a `Rows` makes are checked when it makes them.

    Arguments:
        x, y: examples and targets, which may be `Weighted`.
        where: what errors call the part.
        classes: number of classes; None when the targets are no labels.
        like: the training part, whose shapes and type of targets this part has to have.

    Raises: DataError for bad values, and for parts that do not fit each other.
    """
    given = x if isinstance(x, Rows) else examples(x, f"{where}_x")
    found = Part(given, given_targets(y, f"{where}_y", classes))
    same_length(found.x, found.y, where)
    if like is not None:
        same_example_shape(like.x, found.x, where)
        same_kind(values_of(like.y), values_of(found.y), where)
    return found


def require_text(value: object, where: str) -> None:
    """DataError for a name that is no text."""
    if not isinstance(value, str):
        raise DataError(where, shown(value), "A name is a text", "Pass a string")


def check_shape(shape: object, where: str, least: int = 1) -> None:
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
