"""The inputs of a diagnosis: unit and unrelated, or as given data are, with their targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sized
from typing import cast

import numpy as np
from jaxtyping import Float64, Shaped

from .._errors import DataError
from .._input_format import InputFormat
from ..data import Dataset, Rows, Stream, parts, values_of
from ..modules import check_entries


# A kernel memorizes the targets of a small sample: the share that is reached is too large there.
# 2,000 take ten seconds.
_INPUTS, _TARGETS = 500, 2000
_NODES = 32
# Inputs whose locations are followed one by one.
_EXAMPLES = 8
# Smaller angles are those of repeated inputs.
SAME = 1e-6
# The least range of angles that is told from one angle.
_RANGE = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Inputs and what is to be learned on them.

    Arguments:
        inputs: as they were given.
        squares: mean squares of their entries.
        angles: between any two, in radians.
        targets: less their mean, a column for each output; labels as one-hot rows.
    """

    inputs: Shaped[np.ndarray, "n ..."]
    squares: Float64[np.ndarray, " n"]
    angles: Float64[np.ndarray, "n n"]
    targets: Float64[np.ndarray, "n outputs"]

    @property
    def norms_differ(self) -> float:
        """Standard deviation of the q values over their mean."""
        return float(np.std(self.squares) / np.mean(self.squares))

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


@dataclasses.dataclass(frozen=True, eq=False)
class Inputs:
    """Two figures of a set of inputs, and what is to be learned on them.

    Arguments:
        q: mean square of an input's entries, mean over inputs.
        cosine: mean cosine similarity of two different inputs.
        given: whether they were measured on data.
        sample: inputs with targets; None where no targets were given.
        examples: a few of the inputs; None where none were given.
        pairs: cosines of further pairs that are followed; those of the sample unless given.
    """

    q: float = 1.0
    cosine: float = 0.0
    given: bool = False
    sample: Sample | None = None
    examples: Shaped[np.ndarray, "n ..."] | None = None
    pairs: Float64[np.ndarray, " pairs"] | None = None

    @property
    def followed(self) -> Float64[np.ndarray, " pairs"]:
        """Cosines of the further pairs."""
        if self.pairs is not None:
            return self.pairs
        return np.zeros(0) if self.sample is None else np.cos(self.sample.nodes)

    @property
    def least(self) -> float:
        """Lower bound of a pair's cosine, if each has the mean cosine with all others."""
        return max(-1.0, 2 * self.cosine - 1)

    def text(self) -> str:
        """What a report says of them."""
        measured = " (measured on the data)" if self.given else ""
        c = f"cosine {self.cosine:.4g}" if self.cosine else "unrelated (c = 0)"
        return f"inputs of q value {self.q:.4g}, two typical ones {c}{measured}"


def inputs_of(
    data: object,
    takes: InputFormat,
    examples: Callable[[np.ndarray], np.ndarray] | None = None,
    keep: int = _EXAMPLES,
) -> Inputs:
    """The figures of 500 inputs at most, 2,000 with targets, drawn from a data set or from arrays.

    `examples` puts them in the layout of the network; `keep` of them are kept.

    Raises: DataError for inputs of another shape, fewer than two, not finite, or all zero, and for
        targets of another length, not finite, or all the same among these inputs.
    """
    if data is None:
        return Inputs()
    given, targets = cast(Sized, data), None
    if isinstance(data, Dataset | Stream | tuple):
        given, targets = parts(data).train
    try:
        chosen = _chosen(len(given), _INPUTS if targets is None else _TARGETS)
        if takes.integers and not isinstance(given, Rows):
            # All of them: an entry is named by its place among those that were given.
            check_entries("diagnose: data", np.asarray(given), takes)
        x = np.asarray(_rows(given, chosen), dtype=np.float64)
        x = x if examples is None else examples(x)
    except (TypeError, ValueError, IndexError) as error:
        raise _wrong(f"data of type {type(given).__name__}", takes) from error
    if x.shape[1:] != takes.shape or len(x) < 2:
        raise _wrong(f"an array of shape {np.shape(x)}", takes)
    check_entries("diagnose: data", x, takes)
    squares = takes.q_values(x).reshape(len(x), -1).mean(axis=1)
    if not np.all(np.isfinite(squares)) or not np.all(squares > 0):
        bad = int(np.flatnonzero(~np.isfinite(squares) | (squares <= 0))[0])
        raise _wrong(f"input {chosen[bad]} with a mean square of {squares[bad]:g}", takes)
    sample = None if targets is None else sample_of(x, takes, values_of(targets)[chosen])
    q, cosine = float(np.mean(squares)), takes.mean_cosine(x)
    cosine = float(np.clip(cosine, -1.0, 1.0))
    return Inputs(q, cosine, given=True, sample=sample, examples=x[:keep])


def _chosen(count: int, most: int) -> np.ndarray:
    """Places drawn at random, the same for each call: files are often sorted by label."""
    return np.random.default_rng(0).permutation(count)[:most]


def _rows(values: object, chosen: np.ndarray) -> np.ndarray:
    """Some examples, made on demand where they are not in memory."""
    return values.take(chosen) if isinstance(values, Rows) else np.asarray(values)[chosen]


def _wrong(found: str, takes: InputFormat) -> DataError:
    shape = ", ".join(map(str, takes.shape))
    return DataError(
        where="diagnose: data",
        found=found,
        law=f"inputs of this network are arrays of shape (n, {shape}), two or more, finite and not "
        "zero",
        remedy="pass such an array, (inputs, targets) or a kernelc.data.Dataset, or leave data out",
    )


def sample_of(x: np.ndarray, takes: InputFormat, y: Shaped[np.ndarray, "n ..."]) -> Sample:
    """The sample of inputs x with labels or numbers y.

    Raises: DataError for targets that are all the same.
    """
    columns = y.reshape(len(y), -1)
    if y.ndim == 1 and y.dtype.kind == "i" and int(y.min()) >= 0:
        names, places = np.unique(y, return_inverse=True)
        columns = np.eye(len(names))[places]
    targets = np.asarray(columns, dtype=np.float64)
    targets = targets - targets.mean(axis=0)
    if not np.any(np.ptp(columns, axis=0) > 0):
        raise DataError(
            where="diagnose: data",
            found=f"{len(y)} targets that are all the same",
            law="a verdict is about what there is to be learned beside a constant",
            remedy="pass (inputs, targets) whose targets differ, or inputs alone",
        )
    angles = np.arccos(np.clip(takes.cosines(x), -1.0, 1.0))
    np.fill_diagonal(angles, 0.0)
    squares = takes.q_values(x).reshape(len(x), -1).mean(axis=1)
    return Sample(x, squares, angles, targets)
