"""Kernel matrices of inputs on a circle, from a kernel known at a few cosines."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from scipy.interpolate import PchipInterpolator

from ._profile import COSINES


_POINTS = 72


def around(kernel: Float64[np.ndarray, " cosines"]) -> Float64[np.ndarray, "points points"]:
    """K(cos(t_i - t_j)) for points at equal angles t on a circle.

    Between the cosines the kernel is interpolated in the angle, in which it is even about 0
    and about pi, so its slope is zero there: the values beyond are mirror images.

    Arguments:
        kernel: K at `COSINES`.

    Example:
        >>> matrix = around(COSINES)
        >>> matrix.shape, float(matrix[0, 0]), float(matrix[0, 36])
        ((72, 72), 1.0, -1.0)
    """
    angles, values = np.arccos(COSINES[::-1]), kernel[::-1]
    mirrored = np.concatenate([-angles[:0:-1], angles, 2 * np.pi - angles[-2::-1]])
    curve = PchipInterpolator(mirrored, np.concatenate([values[:0:-1], values, values[-2::-1]]))
    steps = np.arange(_POINTS)
    apart = np.abs(steps[:, None] - steps) % _POINTS
    # The shorter way round, so that the matrix is symmetric to the last digit.
    apart = np.minimum(apart, _POINTS - apart)
    return curve(2 * np.pi / _POINTS * np.arange(_POINTS // 2 + 1))[apart]
