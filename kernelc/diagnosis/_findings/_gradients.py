"""Gradients that vanish or explode on their way back."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ._finding import Case, Finding


_FACTOR = 1e4


def gradients(case: Case) -> Iterator[Finding]:
    """E |df/dh|^2 at the first level that weights made, over that at the last nonlinearity."""
    known = [level for level in case.body[1:] if 0 <= level.backward < math.inf]
    if len(known) < 2 or known[-1].backward == 0:
        return
    first, last = known[0], known[-1]
    ratio = first.backward / last.backward
    if 1 / _FACTOR <= ratio <= _FACTOR:
        return
    grows = ratio > 1
    yield Finding(
        node=first.node,
        severity="warning",
        kind="gradients",
        measured=f"the mean square of gradients {'grows' if grows else 'shrinks'} by a factor of "
        f"{max(ratio, 1 / ratio if ratio else math.inf):.3g} from {last.node} back to {first.node}",
        value=ratio,
        law="going back, a layer multiplies the mean square of gradients by sigma_w^2 E phi'(u)^2",
        prediction="the first layers take steps that are too large for them while the last ones "
        "move, or the net diverges"
        if grows
        else "with plain gradient descent the first layers hardly move",
        remedy=case.remedy,
    )
