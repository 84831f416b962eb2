"""A sample of inputs with their targets, as a verdict reads them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float64

from .._errors import DataError


_NODES = 32
# Smaller angles are those of repeated inputs.
SAME = 1e-6
# The least range of angles that is told from one angle.
_RANGE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Inputs and what is to be learned on them.

    Arguments:
        inputs: as they were given.
        angles: between any two, in radians.
        targets: less their mean, a column for each output; labels as one-hot rows.
    """

    inputs: Float64[np.ndarray, "n ..."]
    angles: Float64[np.ndarray, "n n"]
    targets: Float64[np.ndarray, "n outputs"]

    @property
    def norms_differ(self) -> float:
        """Standard deviation of the q values over their mean."""
        q = np.mean(self.inputs.reshape(len(self.inputs), -1) ** 2, axis=1)
        return float(np.std(q) / np.mean(q))

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and the largest angle between inputs that are not the same."""
        apart = self.angles[self.angles >= SAME]
        high = float(apart.max(initial=_RANGE))
        return min(float(apart.min(initial=np.pi)), high - _RANGE), high

    @property
    def nodes(self) -> Float64[np.ndarray, " nodes"]:
        """Chebyshev nodes of these angles, at which a kernel is to be known."""
        low, high = self.range
        place = np.cos(np.pi * (2 * np.arange(_NODES) + 1) / (2 * _NODES))
        return (low + high) / 2 + (high - low) / 2 * place


def sample_of(x: np.ndarray, unit: np.ndarray, y: Any, count: int, chosen: np.ndarray) -> Sample:
    """The sample of some inputs.

    Arguments:
        x: the inputs that were chosen.
        unit: the same, flat and of length 1.
        y: targets of all inputs: labels (integers, booleans or names) of shape (n,), or numbers
            of shape (n,) or (n, outputs).
        count: number of all inputs.
        chosen: places of the chosen ones.

    Raises: DataError for targets of another length, not finite, or all the same.
    """
    try:
        every = np.asarray(y)
        rows = every[chosen] if every.ndim and len(every) == count else None
        if rows is None:
            raise _wrong(f"targets of shape {every.shape} for {count} inputs")
        columns = _columns(rows)
    except (TypeError, ValueError) as error:
        raise _wrong(f"targets of type {type(y).__name__}") from error
    if not np.isfinite(columns).all():
        raise _wrong("targets that are not finite")
    targets = columns - columns.mean(axis=0)
    if not np.any(np.ptp(columns, axis=0) > 0):
        raise _wrong("targets that are all the same")
    angles = np.arccos(np.clip(unit @ unit.T, -1.0, 1.0))
    np.fill_diagonal(angles, 0.0)
    return Sample(x, angles, targets)


def _columns(rows: np.ndarray) -> Float64[np.ndarray, "n outputs"]:
    if rows.ndim == 1 and rows.dtype.kind != "f":
        names, places = np.unique(rows, return_inverse=True)
        return np.eye(len(names))[places]
    return rows.astype(np.float64).reshape(len(rows), -1)


def _wrong(found: str) -> DataError:
    return DataError(
        where="diagnose: data",
        found=found,
        law="targets are labels of shape (n,) or finite numbers of shape (n,) or (n, outputs), one "
        "for each input, not all the same",
        remedy="pass (inputs, targets), or inputs alone",
    )
