"""Verdict: whether a network trains, from a few figures of its kernel at initialization."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

from ._findings import Case, Finding
from ._profile import Profile, RangeError, Refusal
from ._reach import HALF, STEPS


# Weights of four figures in what 300 steps of Adam on digits left of the loss of guessing, by
# least squares on 24 networks, judged on others: examples/experiments/predictions.py.
_EASY = 0.043
_SEPARATION, _STEEPNESS, _SIZE, _SPREAD = 0.113, 0.224, 0.023, 0.324
# Squares of numbers near the end of the range of float32, whatever the rule would say.
_FLOAT32 = 1e70
# Less than this is not worth a word.
_SOME = 0.1
# A figure beyond this many decades says no more than one there.
_DECADES, _MOST_SPREAD = 20.0, 5.0
# What a critical finding still means for a network that trains; the second where targets are
# given, and the verdict rests on them.
_STILL = {
    "collapse": (
        "targets that are not nearly linear in the inputs are learned slowly or not at all",
        "these targets lie in directions that the kernel still tells apart",
    ),
    "rank_collapse": ("what depends on single tokens of an input is not learned",) * 2,
    "explosion": ("what it learns says little about inputs that it has not seen",) * 2,
    "q": ("rates that suit other networks may diverge, until the scale is unlearned",) * 2,
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a diagnosis predicts of a short training with a first-order method.

    Arguments:
        trains: whether it gets well below the loss of guessing; None: unknown, since the kernel
            could not be measured to the end.
        difficulty: 0.04 for the easiest networks, 1.8 where training starts to fail on
            scikit-learn's digits. Networks that train faster have less. None where unknown.
        reason: what makes most of the difficulty, or why nothing is known.
        on: the data it is about.
        caveat: what critical findings mean for a network that trains; empty without any.
        reached: share of the targets' variance in directions that 300 steps of gradient descent
            reach; None where no targets were given.

    Example:
        >>> print(Verdict(True, 0.12, "nothing stands out"))
        trains on data like digits (difficulty 0.12, limit 1.8; nothing stands out)
    """

    LIMIT: ClassVar[float] = 1.8
    """Half way between the hardest of the 24 that trained and the easiest that did not."""

    trains: bool | None
    difficulty: float | None
    reason: str
    on: str = "data like digits"
    caveat: str = ""
    reached: float | None = None

    def __str__(self) -> str:
        if self.trains is None or self.difficulty is None:
            return f"unknown: {self.reason}"
        told = "trains" if self.trains else "does not train"
        figures = f"difficulty {self.difficulty:.2f}, limit {self.LIMIT:g}; {self.reason}"
        if self.reached is not None and self.difficulty < self.LIMIT:
            share = f"{self.reached:.0%} of their variance within {STEPS} steps"
            figures = f"{share}; {figures}" if self.trains else f"{share}; half is needed"
        caveat = f"; but {self.caveat}" if self.caveat else ""
        return f"{told} on {self.on} ({figures}){caveat}"


def verdict_of(case: Case, found: Sequence[Finding]) -> Verdict:
    """A rule for data like digits, and, where targets are given, the share that is reached.

    The rule is linear in decades of separation, slope and q, and in the spread over draws. Two
    typical inputs of cosine c are separated by (1 - C_f(c))/(1 - c) at the last nonlinearity; a
    slope C_f'(1) above 1 makes neighbors unrelated; a q value far from 1 is to be unlearned.
    """
    profile = case.profile
    end, reached = profile.end, profile.reached
    if end is not None and not isinstance(end.error, RangeError):
        return Verdict(None, None, _unmeasured(end), reached=reached)
    parts = _parts(case, lost=end is not None)
    total = _EASY + sum(parts.values())
    worst = max(parts, key=lambda reason: parts[reason])
    reason = f"mostly {worst}" if parts[worst] > _SOME else "nothing stands out"
    trains = total < Verdict.LIMIT
    if reached is not None and reached < HALF:
        trains = False
    caveat = _caveat(found, reached is not None) if trains else ""
    return Verdict(trains, total, reason, _subject(profile), caveat, reached)


def _parts(case: Case, lost: bool) -> dict[str, float]:
    end, inputs, profile = case.end, case.profile.inputs, case.profile
    separation = (1 - end.typical) / (1 - inputs.cosine) if inputs.cosine < 1 else math.nan
    lost = lost or any(_overflows(q) for q in profile.q.values() if q > 0)
    return {
        "inputs that look alike": _SEPARATION
        * _decades(1 / separation if separation else math.inf),
        "neighbors that look unrelated": _STEEPNESS * _decades(end.slope),
        "q values far from 1": _SIZE * (_decades(end.q) + _decades(1 / end.q)),
        "widths too small for the depth": _SPREAD * _at_most(end.spread, _MOST_SPREAD),
        "values beyond what floats hold": Verdict.LIMIT if lost else 0.0,
    }


def _unmeasured(end: Refusal) -> str:
    beyond = "" if end.instead is None else f"; figures beyond belong to {end.instead}"
    return f"measuring ends at {end.node} ({end.error.found}; {end.error.law}){beyond}"


def _subject(profile: Profile) -> str:
    if profile.reached is not None:
        return "these targets"
    return "targets like those of digits" if profile.inputs.given else "data like digits"


def _caveat(found: Sequence[Finding], targets: bool) -> str:
    told = [
        f"{finding.kind} at {finding.node} is critical: {_STILL[finding.kind][targets]}"
        for finding in found
        if finding.severity == "critical"
    ]
    return "; ".join(told)


def _overflows(q: float) -> bool:
    """Whether values of this mean square over- or underflow in float32."""
    return not 1 / _FLOAT32 < q < _FLOAT32


def _decades(value: float) -> float:
    """log10 of what exceeds 1, at most 20."""
    if value == math.inf:
        return _DECADES
    return _at_most(math.log10(value), _DECADES) if value > 1 else 0.0


def _at_most(value: float, most: float) -> float:
    """Between 0 and `most`; nothing for what is not a number."""
    return 0.0 if math.isnan(value) else min(max(value, 0.0), most)
