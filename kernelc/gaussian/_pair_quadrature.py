"""E f(u)g(v) of two Gaussians in float64, where f and g are smooth between given kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..activations import ScalarFunction
from ._covariance import Covariance
from ._nodes import PANEL_ORDER, graded, panel_edges, panels, trapezoid_rule
from ._quadrature import rule_size


_CHUNK = 1 << 17  # nodes evaluated at once: fits the cache, and bounds the memory
_SMOOTHED = (-9.0, -6.0, -3.0, 0.0, 3.0, 6.0, 9.0)  # where a kink blurred at scale 1 bends


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
    width, limit, grade = _panel_size(f, g, pair)
    edges = _outer_edges(f, g, pair, width, limit, grade)
    z, w = panels(edges, PANEL_ORDER)
    outer = w * f(pair.a * z)
    live = outer != 0  # relu is zero on half the line
    z, outer = z[live], outer[live]
    scale = pair.b * pair.s
    ahead = g.kinks / pair.b

    def given(rows: slice) -> np.ndarray:
        # With u fixed, v is Gaussian of scale b·s around b·c·z, and its kinks are known.
        splits = (ahead - pair.c * z[rows, None]) / pair.s
        if grade:
            splits = graded(splits, 1 / scale, width)
        w_nodes, weights = panels(panel_edges(splits, width, limit), PANEL_ORDER)
        values = g(pair.b * pair.c * z[rows, None] + scale * w_nodes)
        return np.einsum("ij,ij->i", values, weights)

    per_row = PANEL_ORDER * (2 * limit / width + 2 * g.kinks.size * (5 if grade else 1) + 1)
    return _by_rows(outer, given, int(per_row))


def _outer_edges(
    f: Side, g: Side, pair: Covariance, width: float, limit: float, grade: bool
) -> np.ndarray:
    """Panels in z: split at the kinks of f, and fine where those of g are blurred by s."""
    marks = [_spread(f.kinks / pair.a, 1 / pair.a, width, grade)]
    blur = pair.s / abs(pair.c) if pair.c else np.inf
    if blur < 1:
        centers = g.kinks / (pair.b * pair.c)
        marks.append((centers[:, None] + blur * np.array(_SMOOTHED)).ravel())
        # Between the blur and the panel width the kink looks like a kink again: grade.
        marks.append(graded(centers, 9 * blur, width))
    return np.unique(panel_edges(np.concatenate(marks), width, limit))


def _on_line(f: Side, g: Side, pair: Covariance) -> float:
    width, limit, grade = _panel_size(f, g, pair)
    marks = [
        _spread(f.kinks / pair.a, 1 / pair.a, width, grade),
        _spread(pair.sign * g.kinks / pair.b, 1 / pair.b, width, grade),
    ]
    z, w = panels(panel_edges(np.concatenate(marks), width, limit), PANEL_ORDER)
    return float((w * f(pair.a * z)) @ g(pair.sign * pair.b * z))


def _panel_size(f: Side, g: Side, pair: Covariance) -> tuple[float, float, bool]:
    sizes = [
        rule_size(side.phi, scale, 0.0, PANEL_ORDER, trapezoids=False)
        for side, scale in ((f, pair.a), (g, pair.b))
    ]
    widest = min(size.width for size in sizes)
    return widest, max(size.limit for size in sizes), any(size.graded for size in sizes)


def _spread(splits: np.ndarray, scale: float, width: float, grade: bool) -> np.ndarray:
    return graded(splits, scale, width) if grade else splits


def _by_rows(outer: np.ndarray, given: Callable[[slice], np.ndarray], per_row: int) -> float:
    """Σ outer_i·given_i, a bounded number of nodes at a time."""
    rows = max(1, _CHUNK // per_row)
    return float(
        sum(
            outer[start : start + rows] @ given(slice(start, start + rows))
            for start in range(0, outer.size, rows)
        )
    )
