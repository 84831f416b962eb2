"""Explosion: every input looks unrelated to its neighbors."""

from __future__ import annotations

import math
from collections.abc import Iterator

from .._profile import NEAR, Level
from ._finding import Case, Finding


STEEP = 1e3


def explosion(case: Case) -> Iterator[Finding]:
    """C_f'(1) above 1,000: every input looks unrelated to its neighbors."""
    first = next((level for level in case.body if level.slope > STEEP), None)
    if first is None:
        return
    end = case.end.slope
    rate = _rate(case.body)
    growth = f", a factor of {rate:.4g} for each nonlinearity" if rate is not None else ""
    yield Finding(
        node=first.node,
        severity="critical",
        kind="explosion",
        measured=f"C_f'(1) passes {STEEP:g} at nonlinearity {first.depth} and ends at {end:.3g}"
        f"{growth}; inputs of cosine 0.75 end at {float(case.end.c_map[NEAR]):.3g}",
        value=end,
        law="slopes at c = 1 multiply along a path, and local ones above 1 make the network "
        "chaotic: inputs that differ little get unrelated outputs",
        prediction="gradients grow by the same factors, and a network that fits its training "
        "data is close to memorizing it",
        remedy=case.remedy,
    )


def _rate(body: tuple[Level, ...]) -> float | None:
    """Growth of the slope for each nonlinearity, over the second half of the depth."""
    end = body[-1]
    middle = next((level for level in body if 2 * level.depth >= end.depth), end)
    steps = end.depth - middle.depth
    if steps == 0 or not (0 < middle.slope < math.inf and 0 < end.slope < math.inf):
        return None
    return math.exp((math.log(end.slope) - math.log(middle.slope)) / steps)
