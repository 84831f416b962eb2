"""What a diagnosis takes its inputs to be: unit and unrelated, or as given data are."""

from __future__ import annotations

import dataclasses

import numpy as np

from .._errors import DataError
from ._sample import Sample, sample_of
from ._split import rows, split


# A kernel memorizes the targets of a small sample: the share that is reached is too large there.
# 2,000 take ten seconds.
_INPUTS, _TARGETS = 500, 2000


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """Two figures of a set of inputs, and what is to be learned on them.

    Arguments:
        q: mean square of an input's entries, mean over inputs.
        cosine: mean cosine similarity of two different inputs.
        given: whether they were measured on data.
        sample: inputs with targets; None where no targets were given.
    """

    q: float = 1.0
    cosine: float = 0.0
    given: bool = False
    sample: Sample | None = None

    @property
    def least(self) -> float:
        """The smallest cosine of two inputs that each have the mean cosine with all others."""
        return max(-1.0, 2 * self.cosine - 1)

    def text(self) -> str:
        """What a report says of them."""
        measured = " (measured on the data)" if self.given else ""
        c = f"cosine {self.cosine:.4g}" if self.cosine else "unrelated (c = 0)"
        return f"inputs of q value {self.q:.4g}, two typical ones {c}{measured}"


def inputs_of(data: object, shape: tuple[int, ...]) -> Inputs:
    """The figures of 500 inputs at most, 2,000 with targets, drawn from a data set or from arrays.

    Raises: DataError for inputs of another shape, fewer than two, not finite, or all zero, and for
        targets of another length, not finite, or all the same among these inputs.
    """
    if data is None:
        return Inputs()
    given, targets = split(data)
    try:
        chosen = _chosen(len(given), _INPUTS if targets is None else _TARGETS)
        x = np.asarray(rows(given, chosen), dtype=np.float64)
    except (TypeError, ValueError, IndexError) as error:
        raise _wrong(f"data of type {type(given).__name__}", shape) from error
    if x.ndim != len(shape) + 1 or x.shape[1:] != shape or len(x) < 2:
        raise _wrong(f"an array of shape {np.shape(given)}", shape)
    flat = x.reshape(len(x), -1)
    squares = np.mean(flat**2, axis=1)
    if not np.all(np.isfinite(squares)) or not np.all(squares > 0):
        bad = int(np.flatnonzero(~np.isfinite(squares) | (squares <= 0))[0])
        raise _wrong(f"input {chosen[bad]} with a mean square of {squares[bad]:g}", shape)
    unit = flat / np.sqrt(squares * flat.shape[1])[:, None]
    # All pairs but each input with itself: |sum|^2 = n + sum over pairs.
    n = len(unit)
    cosine = (float(np.sum(np.sum(unit, axis=0) ** 2)) - n) / (n * (n - 1))
    sample = None if targets is None else sample_of(x, unit, targets[chosen])
    q = float(np.mean(squares))
    return Inputs(q, float(np.clip(cosine, -1.0, 1.0)), given=True, sample=sample)


def _chosen(count: int, most: int) -> np.ndarray:
    """Places drawn at random, the same for each call: files are often sorted by label."""
    return np.random.default_rng(0).permutation(count)[:most]


def _wrong(found: str, shape: tuple[int, ...]) -> DataError:
    return DataError(
        where="diagnose: data",
        found=found,
        law=f"inputs of this network are arrays of shape (n, {', '.join(map(str, shape))}), two "
        "or more, finite and not zero",
        remedy="pass such an array, (inputs, targets) or a kernelc.data.Dataset, or leave data out",
    )
