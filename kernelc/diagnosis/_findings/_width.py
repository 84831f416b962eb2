"""Depth over width: how far one draw of the weights strays from the limit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ._finding import Case, Finding


_WIDE_SPREAD = 1.0


def width(case: Case) -> Iterator[Finding]:
    """Var log q at the last nonlinearity above 1."""
    spread = case.end.spread
    if not spread > _WIDE_SPREAD:
        return
    factor = math.exp(min(math.sqrt(spread), 700.0))
    yield Finding(
        node=case.end.node,
        severity="warning",
        kind="width",
        measured=f"from one draw of the weights to another q varies by a factor of {factor:.3g} "
        f"(one standard deviation of log q, {math.sqrt(spread):.3g})",
        value=spread,
        law="each nonlinear layer of n channels adds (kurtosis - 1)/n to the variance of log q; "
        "with orthogonal weights it is less",
        prediction="the figures of infinite width hold on average only: some draws train much "
        "worse than others",
        remedy="make layers wider, or draw weights with init='orthogonal' or 'suo'",
    )
