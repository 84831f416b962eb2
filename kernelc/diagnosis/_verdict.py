"""Verdict: whether a network trains, from a few figures of its kernel at initialisation."""

from __future__ import annotations

import dataclasses
import math

from ._findings import Case
from ._profile import Profile


# Weights of four figures in what 300 steps of Adam on digits left of the loss of guessing, by
# least squares on 24 networks, judged on others: examples/experiments/predictions.py.
_EASY = 0.043
_SEPARATION, _STEEPNESS, _SIZE, _SPREAD = 0.113, 0.224, 0.023, 0.324
# Half way between the hardest of the 24 that trained and the easiest that did not.
_HARD = 1.8
# Squares of numbers near the end of the range of float32, whatever the rule would say.
_FLOAT32 = 1e70
# Less than this is not worth a word.
_SOME = 0.1
# A figure beyond this many decades says no more than one there.
_DECADES, _MOST_SPREAD = 20.0, 5.0


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a diagnosis foretells of training with a first-order method.

    Arguments:
        trains: whether a short training gets well below the loss of guessing.
        difficulty: what it rests on: 0.04 for the easiest networks, 1.8 where training starts
            to fail. Networks that train faster have less.
        reason: what makes most of the difficulty.
    """

    trains: bool
    difficulty: float
    reason: str

    def __str__(self) -> str:
        told = "trains" if self.trains else "does not train"
        return f"{told} (difficulty {self.difficulty:.2f}, limit {_HARD:g}; {self.reason})"


def verdict_of(case: Case, profile: Profile) -> Verdict:
    """A linear rule in decades of separation, slope and q, and in the spread over draws.

    Two typical inputs of cosine c are separated by (1 - C_f(c))/(1 - c) at the last nonlinearity;
    a slope C_f'(1) above 1 makes neighbours unrelated; a q value far from 1 is to be unlearned.
    """
    end, inputs = case.end, profile.inputs
    separation = (1 - end.typical) / (1 - inputs.cosine) if inputs.cosine < 1 else math.nan
    last = profile.levels[-1]
    sizes = [q for q in profile.q.values() if q > 0]
    lost = last.node != case.network.nodes[-1].name or any(_overflows(q) for q in sizes)
    parts = {
        "inputs that look alike": _SEPARATION
        * _decades(1 / separation if separation else math.inf),
        "neighbours that look unrelated": _STEEPNESS * _decades(end.slope),
        "q values far from 1": _SIZE * (_decades(end.q) + _decades(1 / end.q)),
        "widths too small for the depth": _SPREAD * _at_most(end.spread, _MOST_SPREAD),
        "values beyond what floats hold": _HARD if lost else 0.0,
    }
    total = _EASY + sum(parts.values())
    worst = max(parts, key=lambda reason: parts[reason])
    reason = f"mostly {worst}" if parts[worst] > _SOME else "nothing stands out"
    return Verdict(total < _HARD, total, reason)


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
