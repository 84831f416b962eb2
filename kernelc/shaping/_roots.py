"""Roots to the last digits of float64: of one unknown in a bracket, of two near a start."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float64
from scipy.optimize import brentq


Plane = Float64[np.ndarray, "2"]

_STEP = 1e-5  # of the finite differences: far above rounding, and only convergence suffers
_ITERATIONS = 60
_ROUNDING = 1e-14
_STALLED = 1e-11  # below this the residual is rounding error if no step reduces it


def root(function: Callable[[float], float], low: float, high: float, tolerance: float) -> float:
    """Where `function` changes its sign between `low` and `high` (Brent 1973).

    Example:
        >>> round(root(lambda x: x * x - 2, 0.0, 2.0, 1e-15), 12)
        1.414213562373
    """
    found = brentq(function, low, high, xtol=tolerance, rtol=9e-16, maxiter=200)
    return float(cast(float, found))


def newton(residual: Callable[[Plane], Plane], start: Plane) -> tuple[Plane, float]:
    """The best point found for residual(p) = 0 near `start`, and the largest residual there.

    Residuals and coordinates are of order one; the caller checks the residual.

    Example:
        >>> p, left = newton(lambda p: p**2 - 2, np.array([1.0, 1.0]))
        >>> bool(left < 1e-15), round(float(p[0]), 6)
        (True, 1.414214)
    """
    point, value = start, residual(start)
    jacobian, fresh = _differences(residual, point, value), True
    for _ in range(_ITERATIONS):
        if np.max(np.abs(value)) < _ROUNDING or not _invertible(jacobian):
            break
        move = np.linalg.solve(jacobian, -value)
        next_point, next_value, moved = _descend(residual, point, value, move)
        if moved:
            # Broyden's update: the secant along the step costs nothing, differences cost two.
            step, change = next_point - point, next_value - value
            jacobian = jacobian + np.outer(change - jacobian @ step, step) / (step @ step)
            point, value, fresh = next_point, next_value, False
        elif fresh or np.max(np.abs(value)) < _STALLED:
            break
        else:
            jacobian, fresh = _differences(residual, point, value), True
    return point, float(np.max(np.abs(value)))


def _differences(residual: Callable[[Plane], Plane], point: Plane, value: Plane) -> np.ndarray:
    columns = [(residual(point + step) - value) / _STEP for step in _STEP * np.eye(2)]
    return np.stack(columns, -1)


def _invertible(jacobian: np.ndarray) -> bool:
    return bool(np.all(np.isfinite(jacobian)) and np.linalg.det(jacobian) != 0)


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
