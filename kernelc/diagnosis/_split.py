"""Inputs and targets out of the forms in which `fit` takes data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Dataset, Rows, Stream, parts


def split(data: object) -> tuple[Any, Any]:
    """(inputs, targets) of the training part; targets None where inputs alone are given.

    Arguments:
        data: a `Dataset`, a `Stream`, a tuple such as (x, y), or inputs alone.

    Raises: DataError for parts that do not fit each other, or are not finite.
    """
    if isinstance(data, Dataset | Stream | tuple):
        return parts(data).train
    return data, None


def rows(values: object, chosen: np.ndarray) -> np.ndarray:
    """Some of them, made on demand where they are not in memory."""
    return values.take(chosen) if isinstance(values, Rows) else np.asarray(values)[chosen]
