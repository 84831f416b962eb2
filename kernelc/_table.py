"""Table: an array of numbers as the value of a field."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Sequence

import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Float64
from numpy.typing import ArrayLike

from ._errors import GraphError, LoadError, shown


_STORED = np.dtype("<f8")
_SHOWN = 4
# NumPy would drop imaginary parts, and read text and dates.
_NO_NUMBERS = "cSUMm"


class Table:
    """Finite numbers in an array that does not change, which compare and hash by value.

    Fields of layers that hold many numbers, such as biases of attention, are tables. Files hold
    them to the last bit.

    Arguments:
        values: numbers, or nested sequences of them.

    Raises:
        GraphError: no numbers, or some that are not finite.

    Example:
        >>> Table([[1, 2], [3, 4]]) == Table(np.array([[1.0, 2.0], [3.0, 4.0]]))
        True
        >>> Table(np.zeros((2, 5, 5)))
        <2 x 5 x 5 numbers>
    """

    __slots__ = ("_hash", "array")

    array: Float64[np.ndarray, "..."]

    def __init__(self, values: ArrayLike | Table) -> None:
        try:
            array = np.array(values)
            array = np.zeros(0) if array.dtype.kind in _NO_NUMBERS else array.astype(_STORED)
        except (TypeError, ValueError, OverflowError):
            array = np.zeros(0)  # refused below
        if not array.size or not np.isfinite(array).all():
            raise GraphError(
                where="table",
                found=shown(values),
                law="a table holds finite numbers, as many in each row",
                remedy="pass an array of such numbers",
            )
        array.setflags(write=False)
        self.array = array
        self._hash: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its axes."""
        return self.array.shape

    def to_dict(self) -> dict[str, object]:
        """Its shape, and its numbers as text: base64 of little-endian float64."""
        text = base64.b64encode(self.array.tobytes()).decode("ascii")
        return {"shape": list(self.shape), "float64": text}

    @classmethod
    def from_dict(cls, found: object) -> Table:
        """The table that `to_dict` described.

        Raises:
            LoadError: anything else.

        Example:
            >>> Table.from_dict(Table([0.1]).to_dict())
            [0.1]
        """
        if not isinstance(found, dict) or set(found) != {"shape", "float64"}:
            raise _unreadable(shown(found))
        shape, text = found["shape"], found["float64"]
        if not isinstance(shape, list) or not all(type(size) is int and size > 0 for size in shape):
            raise _unreadable(f"a shape {shown(shape)}")
        try:
            data = base64.b64decode(text if isinstance(text, str) else b"!", validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable(f"numbers {shown(text)}") from None
        if len(data) != _STORED.itemsize * math.prod(shape):
            raise _unreadable(f"{len(data):,} bytes of numbers in a shape {shown(shape)}")
        try:
            return cls(np.frombuffer(data, _STORED).reshape(shape))
        except GraphError as error:
            raise LoadError("table", error.found, error.law, error.remedy) from None

    @classmethod
    def stacked(cls, tables: Sequence[Table]) -> Table:
        """Tables of one shape on a new first axis."""
        return cls(np.stack([table.array for table in tables]))

    def __getitem__(self, index: int) -> Table:
        """The table at a place of the first axis."""
        return Table(self.array[index])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype)

    def __len__(self) -> int:
        return len(self.array)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Table) and np.array_equal(self.array, other.array)
        return self is other or same

    def __hash__(self) -> int:
        if self._hash is None:
            # Zeros of both signs are equal.
            digest = hashlib.sha256((self.array + 0.0).tobytes()).digest()
            self._hash = hash((self.shape, digest))
        return self._hash

    def __reduce__(self) -> tuple[type[Table], tuple[np.ndarray]]:
        return Table, (self.array,)

    def __repr__(self) -> str:
        if self.array.size <= _SHOWN:
            return np.array2string(self.array, precision=6, separator=", ")
        return f"<{' x '.join(map(str, self.shape))} numbers>"


def _unreadable(found: str) -> LoadError:
    return LoadError(
        where="table",
        found=found,
        law="a table is a shape and as many float64 numbers, in base64",
        remedy="write the file with Network.save or Network.to_json",
    )
