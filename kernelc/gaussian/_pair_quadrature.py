"""E f(u)g(v) of two Gaussians in float64, where f and g are smooth between given kinks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .._errors import DataError
from ..activations import ScalarFunction
from ._nodes import PANEL_ORDER, graded, panel_edges, panels, trapezoid_rule
from ._quadrature import RuleSize, rule_size


# Cosines computed in float64 exceed one by rounding; more than this is a mistake.
_EXCESS = 1e-12
_CHUNK = 1 << 17  # nodes evaluated at once: fits the cache, and bounds the memory
_SMOOTHED = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)  # where a kink blurred at scale 1 bends


class Covariance(NamedTuple):
    """u = a·z and v = b·(c·z + s·w), z and w independent standard normals.

    Arguments:
        a: standard deviation of u.
        b: standard deviation of v.
        c: correlation, accurate to rounding even where it is tiny; c = sign·(1 - gap).
        s: √(1-c²), accurate to rounding even for tiny gaps.
        sign: sign of c, +1 at zero.
        gap: 1 - |c|.
    """

    a: float
    b: float
    c: float
    s: float
    sign: float
    gap: float

    def density(self, x: float, y: float) -> float:
        """The joint density of (u, v) at (x, y)."""
        t, r = x / self.a, y / self.b
        ahead = (t - self.sign * r) + self.sign * self.gap * r  # t - c·r
        exponent = -0.5 * ((ahead / self.s) ** 2 + r * r)
        return math.exp(exponent) / (2 * math.pi * self.a * self.b * self.s)


def covariance(q1: float, q2: float, k: float, one_minus_c: float | None = None) -> Covariance:
    """The pair with variances q1, q2 and covariance k.

    Raises: DataError if no such pair exists.

    Example:
        >>> covariance(1.0, 4.0, 2.0).s
        0.0
    """
    if not (0 < q1 < math.inf and 0 < q2 < math.inf and math.isfinite(k)):
        raise _impossible(q1, q2, k, "Variances are positive and finite")
    a, b = math.sqrt(q1), math.sqrt(q2)
    if one_minus_c is not None:
        if not 0 <= one_minus_c <= 2:
            raise _impossible(q1, q2, k, f"one_minus_c={one_minus_c} is not in [0, 2]")
        sign = 1.0 if one_minus_c <= 1 else -1.0
        gap = one_minus_c if sign > 0 else 2.0 - one_minus_c
        return Covariance(a, b, sign * (1 - gap), math.sqrt(gap * (2 - gap)), sign, gap)
    # Exact rationals: q1·q2 - k² keeps no digit in floats when |c| is within 1e-16 of one.
    product = Fraction(q1) * Fraction(q2)
    s2 = float((product - Fraction(k) ** 2) / product)
    if s2 < -2 * _EXCESS:
        raise _impossible(q1, q2, k, "A covariance is at most √(q1·q2) in size")
    s2 = max(s2, 0.0)
    sign = 1.0 if k >= 0 else -1.0
    # A small cosine has no digits in 1 - s², nor in its gap.
    size = abs(k) / a / b if s2 > 0.5 else math.sqrt(1 - s2)
    return Covariance(a, b, sign * size, math.sqrt(s2), sign, s2 / (1 + size))


def _impossible(q1: float, q2: float, k: float, law: str) -> DataError:
    return DataError(
        where="dual",
        found=f"variances {q1}, {q2} and covariance {k}",
        law=law,
        remedy="Pass q1 > 0, q2 > 0 and |k| ≤ √(q1·q2)",
    )


@dataclass(frozen=True)
class Side:
    """φ^(order) away from its break points."""

    phi: ScalarFunction
    order: int

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return self.phi.numpy(self.order)(x)

    @property
    def kinks(self) -> np.ndarray:
        return np.array(self.phi.breakpoints, dtype=np.float64)


def pair_expectation(f: Side, g: Side, pair: Covariance) -> float:
    """E f(u)g(v) by a tensor rule; by a line rule at c = ±1."""
    if f.phi.analytic and g.phi.analytic:
        return _trapezoids(f, g, pair)
    return _on_line(f, g, pair) if pair.s == 0 else _panels(f, g, pair)


def _trapezoids(f: Side, g: Side, pair: Covariance) -> float:
    sizes = [
        rule_size(side.phi, scale, 0.0, PANEL_ORDER, trapezoids=True)
        for side, scale in ((f, pair.a), (g, pair.b))
    ]
    z, w = trapezoid_rule(min(r.width for r in sizes), max(r.limit for r in sizes))
    outer = w * f(pair.a * z)
    if pair.s == 0:
        return float(outer @ g(pair.b * pair.c * z))
    inner = pair.b * pair.s * z

    def given(rows: slice) -> np.ndarray:
        return g(pair.b * pair.c * z[rows, None] + inner) @ w

    return _by_rows(outer, given, z.size)


def _panels(f: Side, g: Side, pair: Covariance) -> float:
    outer_size, inner_size = _panel_sizes(f, g, pair)
    width, limit = inner_size.width, inner_size.limit
    edges = _outer_edges(f, g, pair, outer_size)
    z, w = panels(edges, PANEL_ORDER)
    outer = w * f(pair.a * z)
    live = outer != 0  # relu is zero on half the line
    z, outer = z[live], outer[live]
    scale = pair.b * pair.s
    ahead = g.kinks / pair.b
    bend = None if inner_size.scale is None else inner_size.scale / pair.s

    def given(rows: slice) -> np.ndarray:
        # With u fixed, v is Gaussian of scale b·s around b·c·z, and its kinks are known.
        splits = (ahead - pair.c * z[rows, None]) / pair.s
        if bend is not None:
            splits = graded(splits, bend, width)
        w_nodes, weights = panels(panel_edges(splits, width, limit), PANEL_ORDER)
        values = g(pair.b * pair.c * z[rows, None] + scale * w_nodes)
        return np.einsum("ij,ij->i", values, weights)

    marks = 1 if bend is None else 1 + 2 * max(0.0, math.log2(width / bend) + 1)
    per_row = PANEL_ORDER * (2 * limit / width + g.kinks.size * marks + 1)
    return _by_rows(outer, given, int(per_row))


def _outer_edges(f: Side, g: Side, pair: Covariance, size: RuleSize) -> np.ndarray:
    """Panels in z: split at the kinks of f, and fine where those of g are blurred by s."""
    width, limit = size.width, size.limit
    marks = [_spread(f.kinks / pair.a, size)]
    blur = pair.s / abs(pair.c) if pair.c else np.inf
    if blur < 1:
        centers = g.kinks / (pair.b * pair.c)
        marks.append((centers[:, None] + blur * np.array(_SMOOTHED)).ravel())
        # Between the blur and the panel width the kink looks like a kink again: grade.
        marks.append(graded(centers, 9 * blur, width))
    return np.unique(panel_edges(np.concatenate(marks), width, limit))


def _on_line(f: Side, g: Side, pair: Covariance) -> float:
    left, right = _panel_sizes(f, g, pair)
    marks = [_spread(f.kinks / pair.a, left), _spread(pair.sign * g.kinks / pair.b, right)]
    edges = panel_edges(np.concatenate(marks), left.width, left.limit)
    z, w = panels(edges, PANEL_ORDER)
    return float((w * f(pair.a * z)) @ g(pair.sign * pair.b * z))


def _panel_sizes(f: Side, g: Side, pair: Covariance) -> tuple[RuleSize, RuleSize]:
    """One width and limit for both sides, to each the scale of its own kinks."""
    sizes = [
        rule_size(side.phi, scale, 0.0, PANEL_ORDER, trapezoids=False)
        for side, scale in ((f, pair.a), (g, pair.b))
    ]
    width, limit = min(size.width for size in sizes), max(size.limit for size in sizes)
    left, right = (RuleSize(width, size.scale, limit) for size in sizes)
    return left, right


def _spread(splits: np.ndarray, size: RuleSize) -> np.ndarray:
    return splits if size.scale is None else graded(splits, size.scale, size.width)


def _by_rows(outer: np.ndarray, given: Callable[[slice], np.ndarray], per_row: int) -> float:
    """Σ outer_i·given_i, a bounded number of nodes at a time."""
    rows = max(1, _CHUNK // per_row)
    return float(
        sum(
            outer[start : start + rows] @ given(slice(start, start + rows))
            for start in range(0, outer.size, rows)
        )
    )
