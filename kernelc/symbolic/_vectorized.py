"""A kernel as a function of arrays: the steps of `evaluate`, each on all points at once."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ._evaluate import (
    EXCESS,
    KernelValue,
    Numbers,
    Point,
    check_number,
    checked,
    common_shape,
    given_for,
)
from ._formulas import Formulas
from ._program import DOUBLE, SMALLEST, program


class KernelFunction(Protocol):
    """What `Kernel.callable` returns."""

    def __call__(self, c: Numbers, q: Numbers | None = None, **symbols: Numbers) -> KernelValue:
        """The kernel at arrays of numbers, which broadcast."""
        ...


class Vectorized:
    """A kernel as a function of arrays."""

    def __init__(self, kernel: Formulas) -> None:
        self.kernel = kernel

    def __repr__(self) -> str:
        return f"<the kernel of {self.kernel.network.name} as a function of c and q>"

    def __call__(self, c: Numbers, q: Numbers | None = None, **symbols: Numbers) -> KernelValue:
        given = given_for(self.kernel, c, q, symbols)
        where = self.kernel.network.name
        arrays = {name: _floats(where, name, value) for name, value in given.items()}
        shape = common_shape(where, arrays)
        point = Point(self.kernel, sorted(arrays), DOUBLE)
        run = program(tuple(point.symbols), tuple(point.formulas), DOUBLE, True, True)
        found = run(*(arrays[str(symbol)] for symbol in point.symbols))
        spread = {name: np.broadcast_to(a, shape).ravel() for name, a in arrays.items()}
        q, nngp, *theta = (np.broadcast_to(row, shape).ravel() for row in found)
        with np.errstate(invalid="ignore", divide="ignore"):
            c = np.clip(nngp, -q, q) / q
        rows = np.stack([q, nngp, c, *theta])
        self._one_by_one(point, rows, spread)
        return self._value(rows, shape)

    def _one_by_one(self, point: Point, rows: np.ndarray, given: dict[str, np.ndarray]) -> None:
        """Points where `evaluate` does not go by the formulas alone, or has an error to tell."""
        q, nngp = rows[:2]
        usual = np.all(np.isfinite(rows), axis=0) & (q >= SMALLEST)
        usual &= np.abs(nngp) <= q * (1 + EXCESS)
        usual &= np.abs(given["c"]) != 1
        (unusual,) = np.nonzero(~usual)
        if not unusual.size:
            return
        points = np.stack([numbers[unusual] for numbers in given.values()])
        distinct, back = np.unique(points, axis=1, return_inverse=True)
        values = [point.value(numbers, list(given)) for numbers in distinct.T.tolist()]
        columns = zip(*((v.q, v.nngp, v.c, v.ntk) for v in values), strict=True)
        for row, column in zip(rows, columns, strict=False):
            row[unusual] = np.array(column, dtype=np.float64)[back]

    def _value(self, rows: np.ndarray, shape: tuple[int, ...]) -> KernelValue:
        q, nngp, c, *theta = rows
        fields = [q, np.clip(nngp, -q, q), c, *theta]
        shown = [field.reshape(shape) if shape else float(field[0]) for field in fields]
        return KernelValue(shown[0], shown[1], shown[2], shown[3] if theta else None)


def _floats(where: str, name: str, value: Numbers) -> np.ndarray:
    """The numbers given for a symbol.

    Raises:
        KernelcError: one is no number that the symbol may stand for.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or not array.size:
        return checked(where, name, value).astype(np.float64)
    for number in (array.min(), array.max()):  # what a symbol may stand for is an interval
        check_number(where, name, number.item())
    return array.astype(np.float64)
