"""Arrays of examples and targets out of whatever people have, checked once."""

from __future__ import annotations

from collections.abc import Sized
from typing import NoReturn, Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from kernelc._errors import DataError, reason, shown


class _Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def plain(values: object, where: str) -> Shaped[np.ndarray, "..."]:
    """A NumPy array of lists, data frames, series and arrays of other libraries.

    Arguments:
        values: anything that `numpy.asarray` reads.
        where: what errors call it.

    Raises: DataError for sparse matrices, masked values, rows of unlike length, and columns that
        hold text or missing values.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.getmaskarray(values).any():
        _refuse(where, "a masked array with masked values", "Fill them in, or leave those rows out")
    if hasattr(values, "tocsr") or hasattr(values, "todense"):
        _refuse(where, f"a sparse {type(values).__name__}", "Pass it as an array: .toarray()")
    try:
        found = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(
            where=where,
            found=f"{type(values).__name__}: {reason(error)}",
            law="Examples and targets are arrays of numbers whose rows have one shape",
            remedy="Pass one array, or rows of one length",
        ) from error
    if found.dtype != object:
        return found
    # Frames of mixed types and nullable columns come as Python objects: read them once more.
    try:
        again = np.asarray(found.tolist())
    except (ValueError, TypeError):
        again = found
    if again.dtype == object or again.dtype.kind not in "fiub" or again.shape != found.shape:
        _refuse(where, _column(values, found), _encoded(values, found))
    return again


def _encoded(values: object, found: np.ndarray) -> str:
    """How a column of labels or a frame becomes numbers."""
    if found.ndim == 1:
        return (
            "Leave out rows without a class, and number the classes: "
            "names, y = numpy.unique(y, return_inverse=True)"
        )
    if hasattr(values, "columns"):
        return (
            "Give each category a column, pandas.get_dummies(x, dtype=float), and fill in what is "
            "missing, x.fillna(x.mean())"
        )
    return "Encode text as numbers and fill in what is missing"


def examples(x: object, where: str) -> Float[np.ndarray, "n ..."]:
    """A read-only floating view (or float32 copy) of examples, or DataError."""
    array = plain(x, where)
    if array.ndim < 1 or array.size == 0 or not is_real(array):
        text = array.dtype.kind in "US"
        raise DataError(
            where=where,
            found=f"shape {array.shape}, dtype {array.dtype}",
            law="Examples are a non-empty array of real numbers, one example per row",
            remedy="Encode text as numbers" if text else "Pass numbers of shape (n, ...)",
        )
    if not jnp.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
    _require_finite(array, where, x)
    return _read_only(array)


def targets(y: object, where: str) -> Shaped[np.ndarray, "n ..."]:
    """A read-only view or copy of targets: int32 for whole numbers, else floating; or DataError.

    A column of whole numbers, of shape (n, 1), is read as a row of n.
    """
    array = plain(y, where)
    if array.dtype.kind in "US":
        _refuse(where, "text", "Number the classes: numpy.unique(y, return_inverse=True)[1]")
    whole = jnp.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_
    if not whole or array.ndim < 1 or array.size == 0:
        return examples(y, where)
    limits = np.iinfo(np.int32)
    if int(array.min()) < limits.min or int(array.max()) > limits.max:
        return examples(array.astype(np.float64), where)
    array = array.astype(np.int32, copy=False)
    return _read_only(array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array)


def labels(y: object, where: str, classes: int) -> Int[np.ndarray, "n ..."]:
    """A read-only int32 view or copy of labels in [0, classes), or DataError.

    An example has one label, or one for each location. One-hot rows are no labels.
    """
    array = targets(y, where)
    if is_one_hot(array) or not jnp.issubdtype(array.dtype, np.integer):
        raise DataError(
            where=where,
            found=told(array),
            law="Labels are integers, one per example, or one for each location of an example",
            remedy=_to_labels(array),
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high >= classes:
        raise DataError(
            where=where,
            found=f"labels from {low} to {high}",
            law=f"Labels lie from 0 to {classes - 1}",
            remedy="Number the classes from 0, and give as many classes as there are",
        )
    return array


def told(y: np.ndarray) -> str:
    """What targets look like, for an error: shape, dtype, and range or one-hot rows."""
    if is_one_hot(y):
        return f"one-hot rows of shape {y.shape}"
    return f"shape {y.shape}, dtype {y.dtype}, values from {float(y.min()):g} to {float(y.max()):g}"


def is_one_hot(y: np.ndarray) -> bool:
    """Whether every row has a single 1 among zeros."""
    if y.ndim != 2 or y.shape[1] < 2:
        return False
    return bool(np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1))


def same_length(x: Sized, y: Sized, where: str) -> None:
    """DataError unless there is one target per example."""
    if len(x) != len(y):
        raise DataError(
            where=where,
            found=f"{len(x)} examples and {len(y)} targets",
            law="Every example has one target",
            remedy="Pass arrays of one length",
        )


def same_example_shape(train_x: _Shaped, test_x: _Shaped, where: str) -> None:
    """DataError unless training and other examples have one shape."""
    if train_x.shape[1:] != test_x.shape[1:]:
        raise DataError(
            where=where,
            found=f"training examples {train_x.shape[1:]}, test examples {test_x.shape[1:]}",
            law="Training and test examples have one shape",
            remedy="Apply the same preparation to both parts",
        )


def same_kind(train_y: np.ndarray, test_y: np.ndarray, where: str) -> None:
    """DataError unless training and other targets have one shape and are both whole or not."""
    kinds = [(y.shape[1:], bool(jnp.issubdtype(y.dtype, np.integer))) for y in (train_y, test_y)]
    if kinds[0] != kinds[1]:
        raise DataError(
            where=where,
            found=f"training targets {told(train_y)}; the others {told(test_y)}",
            law="The targets of all parts have one shape and one type",
            remedy="Apply the same preparation to all parts",
        )


def is_real(x: np.ndarray) -> bool:
    """Whether an array holds real numbers: floats, integers or truth values."""
    kinds = (np.floating, np.integer, np.bool_)
    return any(jnp.issubdtype(x.dtype, kind) for kind in kinds)


def _to_labels(y: np.ndarray) -> str:
    if is_one_hot(y):
        return "Pass class numbers of shape (n,): numpy.argmax(y, axis=1)"
    if y.ndim == 1 and np.all(y == np.floor(y)):
        return "Pass class numbers as integers: y.astype(int)"
    return "Pass class numbers of shape (n,); leave classes out when targets are numbers"


def _require_finite(x: np.ndarray, where: str, given: object) -> None:
    if np.isfinite(x).all():
        return
    rows = np.flatnonzero(~np.isfinite(x.reshape(len(x), -1)).all(axis=1))
    raise DataError(
        where=where,
        found=f"NaN or infinity in {len(rows)} of {len(x)} examples, first {rows[0]}"
        + _named_columns(given, ~np.isfinite(x)),
        law="Every value of the data is finite",
        remedy="Remove those examples or fill in the values",
    )


def _column(values: object, found: np.ndarray) -> str:
    """Which entries of an array of Python objects are no numbers."""
    numbers = np.vectorize(lambda value: isinstance(value, int | float | np.number), otypes=[bool])
    bad = ~numbers(found) if found.size else np.zeros(found.shape, bool)
    if not bad.any():
        return f"{type(values).__name__} of Python objects"
    first = found[bad].flat[0]
    return f"values that are no numbers, such as {shown(first, 40)}{_named_columns(values, bad)}"


def _named_columns(values: object, bad: np.ndarray) -> str:
    columns = getattr(values, "columns", None)
    if columns is None or bad.ndim != 2:
        return ""
    names = [str(columns[i]) for i in np.flatnonzero(bad.any(axis=0))]
    return f", in the columns {', '.join(map(repr, names[:5]))}"


def _refuse(where: str, found: str, remedy: str) -> NoReturn:
    raise DataError(
        where=where,
        found=found,
        law="Examples and targets are arrays of real numbers",
        remedy=remedy,
    )


def _read_only(x: np.ndarray) -> np.ndarray:
    view = x.view()
    view.flags.writeable = False
    return view
