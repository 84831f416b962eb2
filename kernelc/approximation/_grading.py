"""Fitting the polynomials of graded pieces."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ._graded import PER_OCTAVE, GradedForm, Tables
from ._sampling import Sample, ask
from ._series import nodes


_DEEPEST = 110  # 2^-110 is a normal float32, and so is the inverse width of a piece there
_SHALLOWEST = 53  # in float64 the only gap within 2^-53 of 2 is 2
_NODES = 14
_NARROW = 2.0**-40  # where pieces next to gap 2 hold fewer than 4096 numbers
_PENALTY = 1e-8
_FLOOR = 1e-4

Matrix = Float64[np.ndarray, "pieces nodes"]


def graded(
    sample: Sample, halvings: int | None, targets: dict[str, dict[str, float]]
) -> dict[str, GradedForm]:
    """One form for each target, all from the same samples.

    Arguments:
        sample: as `fit`.
        halvings: the exponent of `drop` at gap 0.
        targets: of each type, the error allowed in each quantity.

    Returns: a form for each type; whether it reaches its target is for certification to say.
    """
    octaves = _octaves(sample, halvings, next(iter(targets.values())))
    gaps, fitted = _points(octaves)
    samples = ask(sample, gaps.ravel())
    series = {}
    for name, values in samples.items():
        scaled = over_head(name, gaps.ravel(), values, halvings).reshape(gaps.shape)
        series[name] = _expanded(scaled, fitted)
    return {
        dtype: GradedForm(
            octaves,
            tuple(
                Tables(name, halvings if name == "drop" else None, _rows(pair, target[name]))
                for name, pair in series.items()
            ),
        )
        for dtype, target in targets.items()
    }


def over_head(
    name: str,
    gaps: Float64[np.ndarray, " n"],
    values: Float64[np.ndarray, " n"],
    halvings: int | None,
) -> Float64[np.ndarray, " n"]:
    """`drop`/g^h, or the values of another quantity.

    Arguments:
        name: the quantity.
        gaps: (n,) positive gaps.
        values: (n,) its values.
        halvings: h = 2^-halvings.

    Returns: (n,) values.

    Example:
        >>> over_head("drop", np.array([0.25]), np.array([1.0]), 1).tolist()
        [2.0]
    """
    if name != "drop" or halvings is None:
        return values
    return values / gaps ** (2.0**-halvings)


def _octaves(sample: Sample, halvings: int | None, target: dict[str, float]) -> int:
    """How far towards both ends the quantities still change."""
    distance = 2.0 ** -np.arange(1.0, _DEEPEST + 1)
    deepest = _SHALLOWEST
    for gaps in (distance, 2 - distance):
        for name, values in ask(sample, gaps).items():
            scaled = over_head(name, gaps, values, halvings)
            moving = np.abs(scaled - scaled[-1]) > target[name] * np.abs(scaled[-1])
            if gaps is distance:
                deepest = max(deepest, 1 + int(np.max(np.flatnonzero(moving), initial=0)) + 1)
    return min(deepest, _DEEPEST)


def _points(octaves: int) -> tuple[Matrix, Float64[np.ndarray, "pieces nodes nodes"]]:
    """The gaps on each piece, and the matrices from values there to Chebyshev coefficients."""
    leading = 1 + np.arange(PER_OCTAVE) / PER_OCTAVE
    start = np.outer(2.0 ** np.arange(-octaves, 0), leading).ravel()
    width = np.repeat(2.0 ** np.arange(-octaves, 0), PER_OCTAVE) / PER_OCTAVE
    distance = start[:, None] + width[:, None] * nodes(_NODES)
    gaps = np.concatenate((distance, 2 - distance))
    # Near gap 2 rounding moves the points: the polynomials go through them where they are.
    moved = np.concatenate((distance, 2 - gaps[start.size :]))
    t = 2 * (moved - np.tile(start, 2)[:, None]) / np.tile(width, 2)[:, None] - 1
    matrices = np.polynomial.chebyshev.chebvander(np.clip(t, -1, 1), _NODES - 1)
    # Where it leaves few distinct points, a penalty prefers the lowest degree through them.
    few = (np.arange(2 * start.size) >= start.size) & (np.tile(width, 2) < _NARROW)
    penalty = few[:, None, None] * _PENALTY * np.diag(4.0 ** np.arange(_NODES))
    return gaps, np.linalg.pinv(np.concatenate((matrices, penalty), axis=1))[..., :_NODES]


def _expanded(
    scaled: Matrix, fitted: Float64[np.ndarray, "pieces nodes nodes"]
) -> tuple[Matrix, Float64[np.ndarray, " pieces"]]:
    """Chebyshev coefficients on each piece, and the size of the quantity there."""
    series = np.einsum("pij,pj->pi", fitted, scaled)
    # The lowest pieces also stand for all below them, where there is only the limit.
    for lowest in (0, scaled.shape[0] // 2):
        series[lowest] = 0
        series[lowest, 0] = scaled[lowest, 0]
    size = np.abs(scaled).max(axis=1)
    return series, np.maximum(size, _FLOOR * size.max())


def _rows(
    expanded: tuple[Matrix, Float64[np.ndarray, " pieces"]], target: float
) -> tuple[tuple[float, ...], ...]:
    """The table of power coefficients, with as many terms as the worst piece needs."""
    series, size = expanded
    tails = np.cumsum(np.abs(series[:, ::-1]), axis=1)[:, ::-1] / size[:, None]
    # The last two may be rounding of the samples only.
    count = max(1, min(_NODES - 2, int(np.count_nonzero((tails > target).any(axis=0)))))
    basis = np.zeros((count, count))
    for n in range(count):
        power = np.polynomial.chebyshev.cheb2poly(np.eye(1, n + 1, n)[0])
        basis[n, : n + 1] = power
    return tuple(tuple(row) for row in (series[:, :count] @ basis).T.tolist())
