"""Chebyshev series: how many terms are needed, and fast evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Array, Float, Float64


Basis = Literal["power", "chebyshev"]
_GROWTH = 8.0
_CLENSHAW = 4  # each step reads two before it, so XLA repeats or stores them


@dataclass(frozen=True)
class Series:
    """A polynomial on [-1, 1].

    Arguments:
        basis: "power" for coefficients of tⁿ, "chebyshev" for those of T_n(t).
        coefficients: lowest first.

    Example:
        >>> float(Series("chebyshev", (0.0, 0.0, 1.0))(np.float64(0.5)))
        -0.5
    """

    basis: Basis
    coefficients: tuple[float, ...]

    @property
    def cost(self) -> int:
        """In terms of a series of powers."""
        return len(self.coefficients) * (1 if self.basis == "power" else _CLENSHAW)

    def __call__(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """The polynomial at t: even and odd parts by Horner's rule, or Clenshaw's recurrence.

        Two chains of half the length rather than one: each step waits for the one before.
        """
        if self.basis == "chebyshev":
            return clenshaw(self.coefficients, t)
        square = t * t
        even, odd = self.coefficients[::2], self.coefficients[1::2]
        return horner(even, square) + (t * horner(odd, square) if odd else 0)


def horner(coefficients: Sequence[float | Array], t: Float[Array, "..."]) -> Float[Array, "..."]:
    """Σ a_n tⁿ by Horner's rule, for at least one coefficient."""
    total = 0 * t + coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        total = total * t + coefficient
    return total


def clenshaw(coefficients: tuple[float, ...], t: Float[Array, "..."]) -> Float[Array, "..."]:
    """Σ a_n T_n(t) by Clenshaw's recurrence (Clenshaw 1955), backward stable on [-1, 1]."""
    twice = 2 * t
    later = last = 0 * t
    for coefficient in coefficients[:0:-1]:
        last, later = twice * last - later + coefficient, last
    return t * last - later + coefficients[0]


def nodes(count: int) -> Float64[np.ndarray, " n"]:
    """w = (1 - t)/2 at the Chebyshev points of the first kind, with no digit lost near w = 0."""
    return np.sin((np.arange(count) + 0.5) * (np.pi / (2 * count))) ** 2


def terms_needed(series: Float64[np.ndarray, " n"], allowed: float) -> int:
    """The fewest leading terms, at least 1, such that those left out sum to at most `allowed`."""
    size = np.abs(series)
    # Rounding of the samples leaves a plateau that more terms would only reproduce.
    plateau = 3 * float(size[size.size // 2 :].sum())
    allowed = max(allowed, min(plateau, 1e-13 * float(size.max())))
    tail = np.cumsum(size[::-1])[::-1]
    return max(1, int(np.count_nonzero(tail > allowed)))


def series(chebyshev: Float64[np.ndarray, " n"]) -> Series:
    """The series of these coefficients of T_n: in powers of t where they are well conditioned.

    Example:
        >>> series(np.array([0.0, 0.0, 1.0])).coefficients
        (-1.0, 0.0, 2.0)
    """
    power = np.polynomial.chebyshev.cheb2poly(chebyshev)
    # Rounding is in proportion to these sums.
    if np.abs(power).sum() <= _GROWTH * np.abs(chebyshev).sum():
        return Series("power", tuple(power.tolist()))
    return Series("chebyshev", tuple(chebyshev.tolist()))
