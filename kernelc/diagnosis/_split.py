"""Inputs and targets out of the forms in which people hold data."""

from __future__ import annotations

from typing import Any


def split(data: Any) -> tuple[Any, Any]:
    """(inputs, targets) of a data set's training part or of a tuple; targets None without any.

    Arguments:
        data: a `Dataset`, a tuple (x, y) or (train_x, train_y, test_x, test_y), or inputs alone.
    """
    if hasattr(data, "train_x"):
        return data.train_x, getattr(data, "train_y", None)
    if isinstance(data, tuple) and len(data) in (2, 4):
        return data[0], data[1]
    return data, None
