"""C maps of activations at q = 1 on matrices of cosines, in two ways that share no numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float64
from numpy.polynomial.chebyshev import chebval

from .._errors import UnreachableError
from ..activations import ScalarFunction
from ..gaussian import chebyshev_coefficients, dual_many, table_rule


Matrix = Float64[np.ndarray, "locations others"]
UnitCMap = Callable[[Matrix], Matrix]
"""Cosines to E phi(u) phi(v), entry by entry."""

_COUNTS = (48, 96, 192)
_SETTLED = 1e-12


@lru_cache(maxsize=64)
def solved_c_map(phi: ScalarFunction) -> UnitCMap:
    """E phi(u) phi(v) as Q(1) minus a series of differences, which keeps digits as c -> 1."""
    rule = table_rule(phi, 1.0)
    second, series = float(rule.moments.second), rule.series[0]

    def c_map(cosines: Matrix) -> Matrix:
        gap = 1 - cosines
        return second - gap * chebval(_place(gap), series)

    return c_map


@lru_cache(maxsize=64)
def certified_c_map(phi: ScalarFunction) -> UnitCMap:
    """E phi(u) phi(v) as a series of values, by the quadrature of single pairs.

    Raises:
        UnreachableError: a series that does not settle.
    """
    for count in _COUNTS:
        angle = (np.polynomial.chebyshev.chebpts1(count)[::-1] + 1) * (math.pi / 2)
        gap = 2 * np.sin(angle / 2) ** 2
        values = dual_many(phi, 1.0, 1.0, 1 - gap, one_minus_c=gap, method="quadrature")
        series = chebyshev_coefficients(values)
        if np.abs(series[-4:]).max() <= _SETTLED * np.abs(series).max():
            return lambda cosines: chebval(_place(1 - cosines), series)
    raise UnreachableError(
        where=f"activation {phi.name}",
        found=f"a C map that {_COUNTS[-1]} Chebyshev terms do not hold",
        law="the covariance of tokens is certified to ten digits",
        remedy="use a less steep activation",
    )


def _place(gap: Matrix) -> Matrix:
    """Where the angle of c = 1 - gap lies between 0 and pi, on [-1, 1]."""
    angle = 2 * np.arcsin(np.sqrt(np.clip(gap / 2, 0.0, 1.0)))
    return angle * (2 / math.pi) - 1
