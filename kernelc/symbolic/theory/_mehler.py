"""Taylor coefficients of a dual from its power series in the cosine, or from a closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import mpmath
import sympy

from ..._errors import UnsupportedError
from ...activations import MP_MODULES, ScalarFunction
from ._series import N


_MOST_TERMS = 400


def mehler_terms(cosine: float, count: int, dps: int) -> int | None:
    """How many coefficients give `count` derivatives at a cosine; None where that is too many.

    Term j of the n-th derivative has the factor C(j, n) cosine^(j - n), and all are positive.
    """
    digits = -dps * math.log(10) - 5
    for degree in range(count + 1, _MOST_TERMS + 1):
        left = (degree - count) * math.log(cosine) if cosine else -math.inf
        if left + math.log(math.comb(degree, count)) < digits:
            return degree
    return None


def recentered(squares: Sequence[N], cosine: N, count: int) -> list[N]:
    """Of sum_j squares[j] c^j, the derivatives at a cosine over n!, n = 1, ..., count."""
    found = []
    for n in range(1, count + 1):
        total, power = squares[n] * 1, cosine * 0 + 1
        for j in range(n + 1, len(squares)):
            power = power * cosine
            total = total + math.comb(j, n) * squares[j] * power
        found.append(total)
    return found


def closed_taylor(
    phi: ScalarFunction, q: float | mpmath.mpf, k: float | mpmath.mpf, count: int, dps: int
) -> list[mpmath.mpf]:
    """The same from the closed form of E phi'(u)phi'(v), near |c| = 1, where series are long.

    Raises:
        UnsupportedError: no closed form is known.
    """
    found = []
    for n in range(1, count + 1):
        # Terms that cancel near c = 1 cost digits, more at each derivative.
        with mpmath.workdps((2 + n) * dps + 20):
            found.append(_closed_derivative(phi, n)(mpmath.mpf(q), mpmath.mpf(k)))
    return found


@lru_cache(maxsize=512)
def _closed_derivative(
    phi: ScalarFunction, n: int
) -> Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf]:
    q, k = sympy.Symbol("q", positive=True), sympy.Symbol("k", real=True)
    slope = phi.closed_dual_derivative(q, q, k)
    if slope is None:
        raise UnsupportedError(
            where=phi.name,
            found=f"derivative {n} of its dual at nearly equal values",
            law="a function that bends has no short series there, and no closed form is known",
            remedy="ask for fewer terms, or expand a part of the network",
        )
    return sympy.lambdify((q, k), slope.diff(k, n - 1) / math.factorial(n), MP_MODULES)
