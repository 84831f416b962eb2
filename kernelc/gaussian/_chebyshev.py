"""Chebyshev series: points, and coefficients from values there."""

from __future__ import annotations

import numpy as np
import scipy.fft


def points(count: int) -> np.ndarray:
    """The roots of T_count in (-1, 1), descending."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def chebyshev_coefficients(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Coefficients from values at `points`, along an axis.

    Example:
        >>> chebyshev_coefficients(points(3) ** 2).round(12).tolist()
        [0.5, 0.0, 0.5]
    """
    found = scipy.fft.dct(values, type=2, axis=axis) / values.shape[axis]
    np.moveaxis(found, axis, 0)[0] /= 2
    return found


def extrema(count: int) -> np.ndarray:
    """cos(πk/count) for k = 0 ... count: those of half the count are every other one."""
    return np.cos(np.pi * np.arange(count + 1) / count)


def from_extrema(values: np.ndarray) -> np.ndarray:
    """Coefficients from values at `extrema`, along the last axis."""
    found = scipy.fft.dct(values, type=1, axis=-1) / (values.shape[-1] - 1)
    found[..., 0] /= 2
    found[..., -1] /= 2
    return found


def basis(x: np.ndarray, count: int) -> np.ndarray:
    """T_0 to T_(count - 1) at x, on a last axis."""
    return np.cos(np.arange(count) * np.arccos(np.clip(x, -1, 1))[..., None])
