"""A sample of inputs with their targets, as a verdict reads them."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float64, Shaped

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


def sample_of(x: np.ndarray, unit: np.ndarray, y: Shaped[np.ndarray, "n ..."]) -> Sample:
    """The sample of some inputs.

    Arguments:
        x: the inputs.
        unit: the same, flat and of length 1.
        y: labels, integers of shape (n,), or numbers of shape (n, ...).

    Raises: DataError for targets that are all the same.
    """
    columns = _one_hot(y) if _are_labels(y) else y.reshape(len(y), -1)
    targets = np.asarray(columns, dtype=np.float64)
    targets = targets - targets.mean(axis=0)
    if not np.any(np.ptp(columns, axis=0) > 0):
        raise DataError(
            where="diagnose: data",
            found=f"{len(y)} targets that are all the same",
            law="a verdict is about what there is to be learned beside a constant",
            remedy="pass (inputs, targets) whose targets differ, or inputs alone",
        )
    angles = np.arccos(np.clip(unit @ unit.T, -1.0, 1.0))
    np.fill_diagonal(angles, 0.0)
    return Sample(x, angles, targets)


def _are_labels(y: np.ndarray) -> bool:
    return y.ndim == 1 and y.dtype.kind == "i" and int(y.min()) >= 0


def _one_hot(labels: np.ndarray) -> Float64[np.ndarray, "n classes"]:
    names, places = np.unique(labels, return_inverse=True)
    return np.eye(len(names))[places]
