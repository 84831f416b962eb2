"""Tokens of one input: rank collapse, and q values that differ between locations."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ._collapse import COLLAPSED
from ._finding import Case, Finding


# The largest ratio of q values of two locations that is no finding.
_UNLIKE = 16.0
_REMEDY = "kernelc.shape(net, kernelc.DKS(), tokens=kernelc.{}, rewrite=True)"


def rank_collapse(case: Case) -> Iterator[Finding]:
    """A mean cosine of two tokens above 0.95 behind the last attention."""
    levels = case.profile.tokens
    first = next((level for level in levels if level.mean_cosine > COLLAPSED), None)
    if first is None or levels[-1].mean_cosine <= COLLAPSED:
        return
    start, end, count = levels[0].mean_cosine, levels[-1].mean_cosine, case.profile.attentions
    rate = (max(1 - end, 0.0) / (1 - start)) ** (1 / count) if start < 1 else math.nan
    yield Finding(
        node=first.node,
        severity="critical",
        kind="rank_collapse",
        measured=f"two tokens of one input have the mean cosine {end:.6g} at {levels[-1].node} and "
        f"{start:.3g} at the input; 1 - cosine falls by {rate:.2g} at each of {count} attentions",
        value=end,
        law="attention whose logits start at zero averages tokens, and averages have larger "
        "cosines than what they are of (Dong et al. 2021)",
        prediction="late layers see one vector for the whole input: gradients of queries and keys "
        "vanish there (Noci et al. 2022), and what depends on single tokens is not learned",
        remedy=_REMEDY.format("SPA()"),
    )


def token_q(case: Case) -> Iterator[Finding]:
    """q values of two locations that differ by more than 16 times."""
    worst = max(case.profile.tokens, key=lambda level: _ratio(level.q), default=None)
    if worst is None or _ratio(worst.q) <= _UNLIKE:
        return
    high, low = int(np.argmax(worst.q)), int(np.argmin(worst.q))
    yield Finding(
        node=worst.node,
        severity="warning",
        kind="token_q",
        measured=f"q = {worst.q[high]:.3g} at location {high + 1} and {worst.q[low]:.3g} at "
        f"location {low + 1} of {len(worst.q)}",
        value=_ratio(worst.q),
        law="the mean of n unrelated tokens has 1/n of their q value, and n differs by location",
        prediction="activations and gradients of locations differ in scale by its root",
        remedy=_REMEDY.format("RowScale()"),
    )


def _ratio(q: np.ndarray) -> float:
    low, high = float(np.min(q)), float(np.max(q))
    if low > 0:
        return high / low
    return math.inf if high > 0 else 1.0
