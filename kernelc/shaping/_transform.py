"""The four (or five) constants that a shaped activation carries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Transform:
    """φ̂(u) = γ·(φ(αu + β) + δ) (DKS, local transformation).

    Arguments:
        alpha: input scale.
        beta: input shift.
        gamma: output scale.
        delta: output shift.
        negative_slope: the slope of φ left of zero, where that is solved for too.

    Example:
        >>> Transform(alpha=1.0, beta=0.0, gamma=2.0, delta=-0.5).gamma
        2.0
    """

    alpha: float
    beta: float
    gamma: float
    delta: float
    negative_slope: float | None = None
