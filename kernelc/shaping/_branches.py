"""The curves in the (α, β) plane on which a balance is zero, found once per activation."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ..activations import ScalarFunction
from ..gaussian import panel_edges, panels, trapezoid_rule
from ._conditions import Conditions
from ._deviations import Deviations, deviations_on


ALPHAS = 2e-3 * 1.3 ** np.arange(36)  # 2e-3 to 20: chains of one to about 100,000 layers
_FAR_ALPHAS = ALPHAS[-1] * 1.3 ** np.arange(1, 14)  # to about 600
_SHIFTS = np.sinh(np.linspace(-4.0, 4.0, 201))  # dense near 0, out to ±27
_NEAR_KINK = np.linspace(-7.0, 7.0, 57)  # in units of α: where a kink is felt
_FLOOR = 1e-11  # of (C'(1)-1): below it, a balance is rounding noise of a straight line
_LARGEST_GAIN = 1e4
_REFINEMENTS = 3
_SUBDIVISION = np.linspace(0.0, 1.0, 9)


@dataclass(frozen=True)
class Point:
    """A zero of the balance on a line of constant α."""

    alpha: float
    beta: float
    level: float
    gain: float  # αγ
    delta: float
    rising: bool  # sign of the balance's change along β


@dataclass
class Branch:
    """Points of one curve, one per α, by increasing α."""

    conditions: Conditions
    points: list[Point] = field(default_factory=list)

    @property
    def reach(self) -> float:
        """The largest level met along it."""
        return max(p.level for p in self.points)

    @property
    def floor(self) -> float:
        """The least level met along it: 0 if it starts where α goes to 0."""
        if self.points[0].alpha == ALPHAS[0]:
            return 0.0
        return min(p.level for p in self.points)

    def predicted(self) -> float:
        """The β at which the curve is expected on the next line of constant α, by extrapolation."""
        last = self.points[-1].beta
        return last if len(self.points) == 1 else 2 * last - self.points[-2].beta


@lru_cache(maxsize=128)
def branches(phi: ScalarFunction, conditions: Conditions) -> tuple[Branch, ...]:
    """The branches of an activation, each longer than one point.

    Lines of constant α are scanned for sign changes in β, and the zeros are joined from line to
    line. The scan does not depend on the target, so it is done once.
    """
    done: list[Branch] = []
    active: list[Branch] = []
    for alpha in ALPHAS:
        near = [b + alpha * _NEAR_KINK for b in phi.breakpoints]
        shifts = np.unique(np.concatenate([_SHIFTS, *near]))
        points = _line(phi, conditions, float(alpha), shifts)
        alive = []
        for branch in active:
            point = _successor(branch, points)
            if point is None:
                done.append(branch)
            else:
                points.remove(point)
                branch.points.append(point)
                alive.append(branch)
        active = alive + [Branch(conditions, [p]) for p in points]
    return tuple(b for b in done + active if len(b.points) > 1)


def extended(phi: ScalarFunction, branch: Branch) -> Branch:
    """The branch continued to larger α, where φ looks like its limit, such as a kink."""
    longer = Branch(branch.conditions, list(branch.points))
    if branch.points[-1].alpha != ALPHAS[-1]:
        return longer
    for alpha in _FAR_ALPHAS:
        expected = longer.predicted()
        shifts = expected + (0.2 + 0.2 * abs(expected)) * np.linspace(-1, 1, 9)
        point = _successor(longer, _line(phi, branch.conditions, float(alpha), shifts))
        if point is None:
            break
        longer.points.append(point)
    return longer


def _successor(branch: Branch, points: list[Point]) -> Point | None:
    expected = branch.predicted()
    near = [p for p in points if p.rising == branch.points[-1].rising]
    best = min(near, key=lambda p: abs(p.beta - expected), default=None)
    if best is None or abs(best.beta - expected) > 0.5 * (1 + abs(expected)):
        return None
    return best


def _line(
    phi: ScalarFunction, conditions: Conditions, alpha: float, shifts: np.ndarray
) -> list[Point]:
    # Far shifts may overflow a growing φ, and a straight stretch has excess 0; both are masked.
    with np.errstate(all="ignore"):
        low, high = _brackets(phi, conditions, alpha, shifts)
        for _ in range(_REFINEMENTS):
            if not low.size:
                return []
            grid = low[:, None] + (high - low)[:, None] * _SUBDIVISION
            low, high = _brackets(phi, conditions, alpha, grid)
        return _points(phi, conditions, alpha, low, high)


def _brackets(
    phi: ScalarFunction, conditions: Conditions, alpha: float, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    m = _scanned(phi, conditions, alpha, shifts)
    balance = np.where(m.excess > _FLOOR * m.variance, conditions.balance(m), np.nan)
    change = balance[..., :-1] * balance[..., 1:] <= 0  # False where either is nan
    return shifts[..., :-1][change], shifts[..., 1:][change]


def _points(
    phi: ScalarFunction, conditions: Conditions, alpha: float, low: np.ndarray, high: np.ndarray
) -> list[Point]:
    ends = _scanned(phi, conditions, alpha, np.stack([low, high], -1))
    left, right = np.moveaxis(conditions.balance(ends), -1, 0)
    zero = low + (high - low) * left / np.where(left == right, 1.0, left - right)
    m = _scanned(phi, conditions, alpha, zero)
    level, (gamma, delta) = conditions.level(m), conditions.output(m)
    # A pole changes sign too, but its balance grows under refinement.
    # Where φ is nearly constant, float64 has too few digits left to solve for constants.
    small = (np.abs(left) + np.abs(right) < 1.0) & (np.abs(alpha * gamma) < _LARGEST_GAIN)
    columns = zip(zero, level, alpha * gamma, delta, right > left, strict=True)
    found = np.flatnonzero(small & np.isfinite(level))
    rows = [[each.item() for each in row] for row in columns]
    return [Point(alpha, *rows[i]) for i in found]


def _scanned(
    phi: ScalarFunction, conditions: Conditions, alpha: float, shifts: np.ndarray
) -> Deviations:
    """Deviations for many shifts at once, good to a few digits of the balance."""
    if phi.analytic:
        z, w = trapezoid_rule(min(0.25, 0.5 / alpha))
    else:
        splits = (np.asarray(phi.breakpoints) - shifts[..., None]) / alpha
        z, w = panels(panel_edges(splits, min(2.5, 5 / alpha), 9.5), 16)
    return deviations_on(phi, alpha, shifts, z, w, curved=conditions.curved)
