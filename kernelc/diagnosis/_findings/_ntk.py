"""The tangent kernel's condition: a matrix near rank one, or near the identity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._profile import NEAR
from ._finding import Case, Finding


_ALIKE, _APART = 0.95, 0.05


def ntk(case: Case) -> Iterator[Finding]:
    """Theta of two typical inputs, and of two near ones, over Theta of an input with itself."""
    theta = case.profile.ntk
    if theta is None or not np.all(np.isfinite(theta)) or theta[-2] <= 0:
        return
    typical, near = float(theta[-1] / theta[-2]), float(theta[NEAR] / theta[-2])
    measured = "Θ({:.3g})/Θ(1) = {:.4g}, so that the condition number is {} for n inputs"
    node = case.network.nodes[-1].name
    if typical > _ALIKE:
        yield Finding(
            node=node,
            severity="warning",
            kind="ntk",
            measured=measured.format(
                case.profile.inputs.cosine, typical, f"{1 / max(1 - typical, 1e-16):.3g} n"
            ),
            value=typical,
            law="off-diagonal entries near the diagonal ones make the matrix nearly rank one: "
            "one large eigenvalue for the mean, small ones for all that tells inputs apart",
            prediction="the rate that the mean allows is far too small for everything else",
            remedy=case.remedy,
        )
    elif abs(near) < _APART and abs(typical) < _APART:
        yield Finding(
            node=node,
            severity="warning",
            kind="ntk",
            measured=f"Θ(0.75)/Θ(1) = {near:.3g}",
            value=near,
            law="off-diagonal entries near zero even for similar inputs make the matrix nearly "
            "a multiple of the identity",
            prediction="what is learned on one input says nothing about its neighbors: training "
            "inputs are memorized and others guessed",
            remedy=case.remedy,
        )
