"""A root in a bracket, to the last digits of float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from scipy.optimize import brentq


def root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Where `function` changes its sign between `low` and `high` (Brent 1973).

    Example:
        >>> round(root(lambda x: x * x - 2, 0.0, 2.0, 1e-15), 12)
        1.414213562373
    """
    found = brentq(function, low, high, xtol=tolerance, rtol=9e-16, maxiter=200)
    return float(cast(float, found))
