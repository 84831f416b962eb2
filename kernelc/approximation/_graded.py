"""Short polynomials on pieces that shrink geometrically towards both ends of the gaps.

This represents whatever is analytic in the logarithm of the gap, such as the boundary layers of a
chaotic network, where the slope at gap 0 may be 1e8 and the cosine converges within 1e-8 of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64, Int

from ._certify import Sample, ask
from ._series import horner, nodes
from ._variable import head


_DEEPEST = 110  # 2^-110 is a normal float32, and so is the inverse width of a piece there
_SHALLOWEST = 53  # in float64 the only gap within 2^-53 of 2 is 2
_NODES = 14
_NARROW = 2.0**-40  # where pieces next to gap 2 hold fewer than 4096 numbers
_PENALTY = 1e-8
_FLOOR = 1e-4
_SPLIT = 2  # each octave has 2^_SPLIT pieces, named by the leading bits of the fraction
_PER_OCTAVE = 2**_SPLIT

Matrix = Float64[np.ndarray, "pieces nodes"]


@dataclass(frozen=True)
class Tables:
    """One quantity: g^h times a polynomial on each piece.

    Arguments:
        name: the quantity.
        halvings: h = 2^-halvings; None for h = 0.
        rows: the n-th row holds the coefficient of tⁿ on each piece.
    """

    name: str
    halvings: int | None
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class GradedForm:
    """All quantities on pieces of [2^-octaves, 1], of the gap below 1 and of 2 - g above.

    Arguments:
        octaves: how many; below 2^-octaves every quantity, or `drop`/g^h, is constant.
        parts: the quantities.
    """

    octaves: int
    parts: tuple[Tables, ...]

    @property
    def terms(self) -> int:
        """Terms of the longest polynomial."""
        return max(len(part.rows) for part in self.parts)

    def __str__(self) -> str:
        pieces = 2 * _PER_OCTAVE * self.octaves
        return f"{self.terms} terms on each of {pieces} pieces in log g and log(2 - g)"

    def __call__(self, gap: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The quantities at gaps in [0, 2]."""
        piece, t = _locate(gap, self.octaves)
        result = {}
        for part in self.parts:
            # A piece outside the table is that of a nan, which t carries on.
            rows = [
                jnp.asarray(np.array(row), gap.dtype).at[piece].get(mode="clip")
                for row in part.rows
            ]
            result[part.name] = horner(rows, t) * head(gap, part.halvings)
        return result


def _locate(
    gap: Float[Array, "..."], octaves: int
) -> tuple[Int[Array, "..."], Float[Array, "..."]]:
    """The piece of each gap and t in [-1, 1] within it, from the bits of the number."""
    layout = jnp.finfo(gap.dtype)
    bits, fraction, bias = layout.bits, layout.nmant, layout.maxexp - 1
    integer = jnp.int32 if bits == 32 else jnp.int64
    near = gap <= 1
    distance = jnp.where(near, gap, 2 - gap)
    inside = jnp.clip(distance, 2.0**-octaves, 1 - float(layout.epsneg))
    word = jax.lax.bitcast_convert_type(inside, integer)
    leading = word >> (fraction - _SPLIT)
    start = jax.lax.bitcast_convert_type(leading << (fraction - _SPLIT), gap.dtype)
    exponent = word >> fraction
    twice_inverse = jax.lax.bitcast_convert_type(
        (2 * bias + 1 + _SPLIT - exponent) << fraction, gap.dtype
    )
    piece = leading - ((bias - octaves) << _SPLIT)
    piece = piece + jnp.where(near, 0, _PER_OCTAVE * octaves)
    return piece, (distance - start) * twice_inverse - 1


def graded(
    sample: Sample, halvings: int | None, targets: dict[str, dict[str, float]]
) -> dict[str, GradedForm]:
    """One form for each target, all from the same samples.

    `targets` holds for each type the error allowed in each quantity. Whether a form reaches its
    target is for certification to say.
    """
    octaves = _octaves(sample, halvings, next(iter(targets.values())))
    gaps, fitted = _points(octaves)
    samples = ask(sample, gaps.ravel())
    series = {}
    for name, values in samples.items():
        scaled = _over_head(name, gaps.ravel(), values, halvings).reshape(gaps.shape)
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


def _over_head(
    name: str,
    gaps: Float64[np.ndarray, " n"],
    values: Float64[np.ndarray, " n"],
    halvings: int | None,
) -> Float64[np.ndarray, " n"]:
    """`drop`/g^h with h = 2^-halvings, or the values of another quantity."""
    if name != "drop" or halvings is None:
        return values
    return values / gaps ** (2.0**-halvings)


def _octaves(sample: Sample, halvings: int | None, target: dict[str, float]) -> int:
    """How far towards both ends the quantities still change."""
    distance = 2.0 ** -np.arange(1.0, _DEEPEST + 1)
    deepest = _SHALLOWEST
    for gaps in (distance, 2 - distance):
        for name, values in ask(sample, gaps).items():
            scaled = _over_head(name, gaps, values, halvings)
            moving = np.abs(scaled - scaled[-1]) > target[name] * np.abs(scaled[-1])
            if gaps is distance:
                deepest = max(deepest, 1 + int(np.max(np.flatnonzero(moving), initial=0)) + 1)
    return min(deepest, _DEEPEST)


def _points(octaves: int) -> tuple[Matrix, Float64[np.ndarray, "pieces nodes nodes"]]:
    """The gaps on each piece, and the matrices from values there to Chebyshev coefficients."""
    leading = 1 + np.arange(_PER_OCTAVE) / _PER_OCTAVE
    start = np.outer(2.0 ** np.arange(-octaves, 0), leading).ravel()
    width = np.repeat(2.0 ** np.arange(-octaves, 0), _PER_OCTAVE) / _PER_OCTAVE
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
