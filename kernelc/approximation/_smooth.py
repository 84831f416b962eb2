"""One series for all gaps: for each quantity, fᵢ = g^h ω^p S(t) in one shared variable."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from ..gaussian import chebyshev_coefficients
from ._certify import Samples, reference
from ._series import Series, nodes, series, terms_needed
from ._variable import VARIABLES, Variable, head


NODES = 192
LONGEST = 96
_POWERS = {0: 0, 1: 2, 2: 3, 4: 4, 8: 5}
"""Powers of ω tried, and the operations each takes."""


@dataclass(frozen=True)
class Part:
    """One quantity: g^h ω^p S(t).

    Arguments:
        name: the quantity.
        halvings: h = 2^-halvings; None for h = 0.
        power: p.
        series: S.
    """

    name: str
    halvings: int | None
    power: int
    series: Series


@dataclass(frozen=True)
class SmoothForm:
    """All quantities by one series each, in one variable.

    Arguments:
        variable: gives t and ω.
        parts: the quantities.
    """

    variable: Variable
    parts: tuple[Part, ...]

    @property
    def terms(self) -> int:
        """Terms of the longest series."""
        return max(len(part.series.coefficients) for part in self.parts)

    def __str__(self) -> str:
        return f"{self.terms} terms in {self.variable}"

    def __call__(self, gap: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The quantities at gaps in [0, 2]."""
        t = self.variable(gap)
        result = {}
        for part in self.parts:
            value = part.series(t)
            if part.power:
                value = value * self.variable.factor(t) ** part.power
            result[part.name] = value * head(gap, part.halvings)
        return result


def candidate_gaps() -> np.ndarray:
    """The Chebyshev points of every variable, one variable after the other."""
    w = nodes(NODES)
    return np.concatenate([variable.gaps(w) for variable in VARIABLES])


def candidates(
    gaps: np.ndarray,
    samples: Samples,
    halvings: int | None,
    target: dict[str, float],
) -> list[tuple[float, SmoothForm]]:
    """(cost, form) of those that reach the target, from samples at `candidate_gaps`.

    Costs are in terms of a series, targets relative to `reference`.
    """
    found = []
    for index, variable in enumerate(VARIABLES):
        rows = slice(index * NODES, (index + 1) * NODES)
        parts = [
            _part(variable, name, gaps[rows], values[rows], halvings, target[name])
            for name, values in samples.items()
        ]
        whole = [part for part in parts if part is not None]
        if len(whole) == len(parts):
            cost = variable.cost + sum(part.series.cost + _POWERS[part.power] for part in whole)
            found.append((cost, SmoothForm(variable, tuple(whole))))
    return found


def _part(
    variable: Variable,
    name: str,
    gaps: np.ndarray,
    values: np.ndarray,
    halvings: int | None,
    target: float,
) -> Part | None:
    """The power of ω with the shortest series, where one is short enough."""
    t = 1 - 2 * nodes(NODES)
    # Rounding of the gaps moves the points in t, noticeably where θ is near π.
    placed = variable(gaps, np.sqrt)
    factor = variable.factor(placed)
    halvings = halvings if name == "drop" else None
    first = 1.0 if halvings is None else gaps ** (2.0**-halvings)
    scale = reference(name, gaps, values)
    powers = _POWERS if np.isfinite(variable.cut) else {0: 0}
    weights = first * factor ** np.array(list(powers))[:, None]
    rows = zip(powers.items(), weights, _expanded(values / weights, t - placed), strict=True)
    best = None
    for (power, operations), weight, chebyshev in rows:
        count = terms_needed(chebyshev, target * float(np.min(scale / weight)))
        # Rounding relative to the value is that of the series times how much the series varies.
        condition = float(np.max(weight / scale)) * float(np.sum(np.abs(chebyshev)))
        cost = count + operations + 2 * math.log2(max(condition, 1.0))
        if count <= LONGEST and (best is None or cost < best[0]):
            best = cost, power, chebyshev[:count]
    if best is None:
        return None
    return Part(name, halvings, best[1], series(best[2]))


def _expanded(values: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Coefficients, row by row, from values at points that should have been further by a shift."""
    chebyshev = chebyshev_coefficients(values, axis=-1)
    counts = np.array([terms_needed(row, 0.0) for row in chebyshev])
    kept = np.where(np.arange(NODES) < counts[:, None], chebyshev, 0.0)
    return chebyshev_coefficients(values + shift * (kept @ _slopes().T), axis=-1)


@functools.cache
def _slopes() -> np.ndarray:
    """T_n'(t) = n sin(nθ)/sin θ at the points of `nodes`: (NODES, NODES), a column for each n."""
    angles = (np.arange(NODES)[:, None] + 0.5) * (np.pi / NODES)
    degrees = np.arange(NODES)
    return degrees * np.sin(degrees * angles) / np.sin(angles)
