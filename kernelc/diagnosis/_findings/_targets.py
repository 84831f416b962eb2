"""Targets that a short training does not reach."""

from __future__ import annotations

from collections.abc import Iterator

from .._reach import HALF, STEPS, told
from ._finding import Case, Finding


def targets(case: Case) -> Iterator[Finding]:
    """Less than half of the variance of given targets is reached."""
    share = case.profile.reached
    if share is None or share >= HALF:
        return
    yield Finding(
        node=case.network.nodes[-1].name,
        severity="critical",
        kind="targets",
        measured=told(share),
        value=share,
        law="along an eigenvector of the centered tangent kernel the error shrinks in proportion "
        "to the eigenvalue, and the largest one limits the rate",
        prediction=f"after {STEPS} steps most of the loss of guessing is left",
        remedy=case.remedy,
    )
