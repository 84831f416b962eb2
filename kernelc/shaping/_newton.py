"""Newton's method in the plane, to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64


Plane = Float64[np.ndarray, "2"]

_STEP = 1e-5  # of the finite differences: far above rounding, and only convergence suffers
_ITERATIONS = 40


def newton(residual: Callable[[Plane], Plane], start: Plane) -> tuple[Plane, float]:
    """Solves residual(p) = 0 near start, halving steps that do not help.

    Arguments:
        residual: two numbers of order one, in coordinates of order one.
        start: where to begin.

    Returns: the best point found and the largest residual there; the caller judges it.

    Example:
        >>> p, left = newton(lambda p: p**2 - 2, np.array([1.0, 1.0]))
        >>> bool(left < 1e-15), round(float(p[0]), 6)
        (True, 1.414214)
    """
    point, value = start, residual(start)
    for _ in range(_ITERATIONS):
        columns = [(residual(point + step) - value) / _STEP for step in _STEP * np.eye(2)]
        jacobian = np.stack(columns, -1)
        if not np.all(np.isfinite(jacobian)) or np.linalg.det(jacobian) == 0:
            break
        move = np.linalg.solve(jacobian, -value)
        point, value, moved = _descend(residual, point, value, move)
        if not moved:
            break
    return point, float(np.max(np.abs(value)))


def _descend(
    residual: Callable[[Plane], Plane], point: Plane, value: Plane, move: Plane
) -> tuple[Plane, Plane, bool]:
    size = np.max(np.abs(value))
    length = min(1.0, 1.0 / np.max(np.abs(move), initial=1e-300))
    # Near rounding a full step either helps or there is nothing left to gain.
    for _ in range(1 if size < 1e-9 else 12):
        trial = point + length * move
        tried = residual(trial)
        if np.max(np.abs(tried)) < size:
            return trial, tried, True
        length /= 2
    return point, value, False
