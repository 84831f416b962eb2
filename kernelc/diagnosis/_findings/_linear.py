"""Networks that act as one linear map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._profile import COSINES
from ._finding import Case, Finding


_STRAIGHT = 2e-3


def linear(case: Case) -> Iterator[Finding]:
    """C_f within 0.002 of a straight line that is not flat."""
    c = case.end.c_map
    line = (c[-1] + c[0]) / 2 + (c[-1] - c[0]) / 2 * COSINES
    bend = float(np.max(np.abs(c - line)))
    if case.end.depth == 0 or bend > _STRAIGHT or c[-1] - c[0] < 0.1:
        return
    yield Finding(
        node=case.end.node,
        severity="warning",
        kind="linear",
        measured=f"C_f is within {bend:.2g} of a straight line",
        value=bend,
        law="small pre-activations see the activation as its tangent, and a chain of linear "
        "layers is linear",
        prediction="the network learns what a linear model learns first, and the rest slowly",
        remedy=case.remedy,
    )
