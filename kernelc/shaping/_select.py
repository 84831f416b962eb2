"""Which of several solutions to return, and how to land on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..activations import ScalarFunction
from ._branches import ALPHAS, Branch, Point, branches, extended
from ._conditions import Conditions
from ._deviations import Deviations, deviations
from ._feasibility import unreachable
from ._roots import newton
from ._transform import Transform


Family = tuple[Conditions, ...]

_ACCEPTED = 1e-8  # residual after Newton; the certificate is the judge
_NOT_ON_BRANCH = 1.0  # a Newton run this far from its start, in log α, left its branch


@dataclass(frozen=True)
class Start:
    """Where a branch crosses a level, by interpolation."""

    log_alpha: float
    beta: float
    gain: float
    delta: float


@lru_cache(maxsize=128)
def ranked(phi: ScalarFunction, family: Family) -> tuple[Branch, ...]:
    """The branches of an activation, the preferred one first, whatever the target.

    Branches that meet the reference level (the slope of about four layers) come first, by the
    gain αγ they have there: φ̂'s input enters amplified least. Equal gains are mirror images: then
    the smaller |δ|, the smaller |β| and the positive β decide. The others follow, the one that
    reaches furthest first. A fixed order makes the constants continuous in the depth.
    """
    found = [b for conditions in family for b in branches(phi, conditions)]
    return tuple(sorted(found, key=_rank))


def _rank(branch: Branch) -> tuple[float, ...]:
    start = next(iter(crossings(branch, branch.conditions.reference)), None)
    if start is None:
        at = branch.points[0]
        return (
            1.0,
            -round(branch.reach, 4),
            round(abs(at.gain), 4),
            round(abs(at.delta), 4),
            -at.beta,
        )
    # Mirror images agree to the accuracy of the scan only.
    gain, delta, beta = (round(abs(v), 4) for v in (start.gain, start.delta, start.beta))
    return (0.0, gain, delta, beta, -start.beta)


def crossings(branch: Branch, level: float) -> Iterator[Start]:
    """Where the branch meets a level, by increasing α; before its first line by extrapolation."""
    first, last = branch.points[0], branch.points[-1]
    if level < first.level and first.alpha == ALPHAS[0]:
        shrink = math.sqrt(level / first.level)  # the level goes as α² when α goes to 0
        yield Start(math.log(first.alpha * shrink), first.beta, first.gain, first.delta)
    for p, q in zip(branch.points[:-1], branch.points[1:], strict=True):
        if (p.level - level) * (q.level - level) <= 0 and p.level != q.level:
            yield _between(p, q, math.log(level / p.level) / math.log(q.level / p.level))
    if last.level < level < 1.3 * last.level and last.alpha < ALPHAS[-1]:
        yield _between(last, last, 0.0)  # the curve may turn back just past its last line


def _between(p: Point, q: Point, t: float) -> Start:
    def mix(a: float, b: float) -> float:
        return (1 - t) * a + t * b

    log_alpha = mix(math.log(p.alpha), math.log(q.alpha))
    return Start(log_alpha, mix(p.beta, q.beta), mix(p.gain, q.gain), mix(p.delta, q.delta))


def solve(
    phi: ScalarFunction, family: Family, level: float, told: str, remedy: str, least: float = 0.0
) -> Transform:
    """The transform on the first branch, in the order of `ranked`, that meets the level.

    Raises:
        UnreachableError: none does; `told` is the target in words, `least` what a level of 0 is
            there.
    """
    for known in (ranked, _ranked_far):
        for branch in known(phi, family):
            for start in crossings(branch, level):
                transform = _land(phi, branch.conditions, level, start)
                if transform is not None:
                    return transform
    known = _ranked_far(phi, family)
    if not known:
        reason = "No scale and shift meets Q'(1) and the other conditions at once"
        raise unreachable(phi, f"nothing reaches {told}", reason)
    low, high = least + min(b.floor for b in known), least + max(b.reach for b in known)
    law = f"The solutions found cover {low:.6g} to {high:.6g}"
    raise unreachable(phi, f"{told} is out of reach", law, remedy)


@lru_cache(maxsize=128)
def _ranked_far(phi: ScalarFunction, family: Family) -> tuple[Branch, ...]:
    return tuple(extended(phi, branch) for branch in ranked(phi, family))


def _land(
    phi: ScalarFunction, conditions: Conditions, level: float, start: Start
) -> Transform | None:
    unit = math.exp(start.log_alpha)

    def at(point: np.ndarray) -> Deviations:
        alpha, beta = unit * math.exp(point[0]), start.beta + unit * point[1]
        return deviations(phi, alpha, beta, curved=conditions.curved)

    def residual(point: np.ndarray) -> np.ndarray:
        if abs(point[0]) > 3 * _NOT_ON_BRANCH:
            return np.full(2, np.inf)
        m = at(point)
        if not m.excess > 0:
            return np.full(2, np.inf)
        return np.array([math.log(conditions.level(m) / level), conditions.balance(m)])

    point, left = newton(residual, np.zeros(2))
    if not left < _ACCEPTED or abs(point[0]) > _NOT_ON_BRANCH:
        return None
    m = at(point)
    gamma, delta = conditions.output(m)
    beta = start.beta + unit * float(point[1])
    return Transform(m.alpha, beta, float(gamma), float(delta))
