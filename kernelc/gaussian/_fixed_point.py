"""Arrays of numbers in fixed point, and Gauss-Legendre rules in them: a tenth of mpmath's cost."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
from numpy.polynomial.legendre import leggauss


_HALVINGS = 20
"""Times that the argument of an exponential is halved."""
_CHECKED = 4
"""Legendre polynomials, the last that a rule knows, by which one sees whether it suffices."""


class LegendreRule(NamedTuple):
    """A Gauss-Legendre rule on [-1, 1].

    Arguments:
        nodes: the nodes.
        weights: the weights, in fixed point.
        last: Legendre polynomials of the highest degrees at the nodes, times their squared length:
            sums with the weights and a function give its last coefficients.
        shift: bits behind the point.
    """

    nodes: list[Any]
    weights: np.ndarray
    last: tuple[np.ndarray, ...]
    shift: int


def fixed(numbers: Iterable[Any], shift: int) -> np.ndarray:
    """Numbers of mpmath in fixed point: Python integers, in units of 2^-shift."""
    return np.array([int(mpmath.ldexp(number, shift)) for number in numbers], dtype=object)


def exponential(x: np.ndarray, shift: int) -> np.ndarray:
    """exp(x) of numbers in fixed point, by Taylor's series of a small part of x.

    Example:
        >>> exponential(np.array([0, -(1 << 60)], dtype=object), 60) / 2.0**60
        array([1.0, 0.36787944117144233], dtype=object)
    """
    guard = 2 * _HALVINGS
    inner = shift + guard
    small = x << guard >> _HALVINGS
    one = np.array([1 << inner] * len(x), dtype=object)
    # The largest arguments, those of a few hundred, are below 2^-10 then.
    total = one
    for n in range(inner // 10 + 2, 0, -1):
        total = one + (small * total >> inner) // n
    for _ in range(_HALVINGS):
        total = total * total >> inner
    return total >> guard


def legendre_rule(deviations: float, prec: int) -> LegendreRule:
    """A rule that takes a Gaussian over panels of so many deviations in half-width.

    On an ellipse of Bernstein of radius r around such a panel, the Gaussian is at most
    exp(h² r²/8), of which n nodes leave r^(-2n): at best exp(n - n log(8n/h²)).

    Example:
        >>> rule = legendre_rule(4, 100)
        >>> total = sum(int(w) * x * x for x, w in zip(rule.nodes, rule.weights))
        >>> print(mpmath.nstr(total / mpmath.mpf(2) ** rule.shift, 12))
        0.666666666667
    """
    nats, n = prec * math.log(2), 8
    while n * (math.log(8 * n / deviations**2) - 1) < nats:
        n += 2
    return rule_of(n, prec)


@lru_cache(maxsize=64)
def rule_of(n: int, prec: int) -> LegendreRule:
    """The rule of n nodes to `prec` bits.

    By Newton's method from float64: P_n' = n (P_(n-1) - x P_n)/(1 - x²), weights
    2/((1 - x²) P_n'²).
    """
    shift = prec + 32
    one = 1 << shift
    with mpmath.workprec(shift):
        x = fixed(map(mpmath.mpf, leggauss(n)[0].tolist()), shift)
    for _ in range(math.ceil(math.log2(shift / 48)) + 1):
        rows = _polynomials(x, n, shift)
        slope = (n * (rows[-2] - (x * rows[-1] >> shift)) << shift) // (one - (x * x >> shift))
        x = x - (rows[-1] << shift) // slope
    rows = _polynomials(x, n, shift)
    room = one - (x * x >> shift)
    slope = (n * (rows[-2] - (x * rows[-1] >> shift)) << shift) // room
    weights = (2 << 4 * shift) // (room * slope * slope)
    last = tuple((2 * k + 1) * rows[k] // 2 >> 32 for k in range(max(n - _CHECKED, 0), n))
    with mpmath.workprec(prec):
        nodes = [mpmath.ldexp(node, -shift) for node in x]
    return LegendreRule(nodes, weights >> 32, last, prec)


def _polynomials(x: np.ndarray, n: int, shift: int) -> list[np.ndarray]:
    """P_0 to P_n at x."""
    rows = [np.array([1 << shift] * len(x), dtype=object), x]
    for k in range(1, n):
        rows.append(((2 * k + 1) * (x * rows[k] >> shift) - k * rows[k - 1]) // (k + 1))
    return rows
