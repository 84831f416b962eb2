"""Fixed rules for Gaussian expectations: trapezoids, panels split at kinks, Hermite polynomials."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from types import ModuleType
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Float64


Numbers = TypeVar("Numbers", np.ndarray, jax.Array)
"""Arrays of the namespace `xp`: NumPy, also of mpmath numbers, or JAX."""

Vector = Float64[np.ndarray, " n"]
Rule = tuple[Vector, Vector]

LIMIT = 9.5  # the normal density there is 1e-20: below rounding for tempered integrands
PANEL_ORDER = 24


@lru_cache(maxsize=256)
def trapezoid_rule(step: float, limit: float = LIMIT) -> Rule:
    """The trapezoid rule for E f(Z), exponentially convergent when f is analytic.

    Arguments:
        step: distance between nodes.
        limit: nodes lie in [-limit, limit].

    Returns: nodes and weights, the normal density included.

    Example:
        >>> z, w = trapezoid_rule(0.25)
        >>> round(float(w @ z**2), 14)
        1.0
    """
    half = int(limit / step)
    z = step * np.arange(-half, half + 1, dtype=np.float64)
    return _frozen(z, step * normal_density(z))


def panel_rule(
    breakpoints_z: Sequence[float],
    order: int = PANEL_ORDER,
    width: float = 1.0,
    limit: float = LIMIT,
    scale: float | None = None,
) -> Rule:
    """Gauss-Legendre panels for E f(Z), split where f has kinks.

    Arguments:
        breakpoints_z: kinks of f in z; those outside (-limit, limit) are dropped.
        order: nodes per panel.
        width: largest panel.
        limit: the panels cover [-limit, limit].
        scale: when given, panels shrink dyadically to this size towards each kink.

    Returns: nodes and weights, the normal density included.

    Example:
        >>> z, w = panel_rule((0.0,))
        >>> round(float(w @ abs(z)), 12)
        0.797884560803
    """
    splits = np.asarray(breakpoints_z, dtype=np.float64)
    if scale is not None:
        splits = graded(splits, scale, width)
    return panels(panel_edges(splits, width, limit), order)


def panel_edges(splits: Numbers, width: float, limit: float, xp: ModuleType = np) -> Numbers:
    """Sorted panel edges along the last axis: a uniform grid and the splits, clipped.

    Arguments:
        splits: (..., k) where panels are split.
        width: largest panel.
        limit: the panels cover [-limit, limit].
        xp: numpy or jax.numpy.
    """
    grid = xp.asarray(_grid(width, limit), splits.dtype)
    clipped = xp.clip(splits, -limit, limit)
    shape = (*clipped.shape[:-1], grid.size)
    return xp.sort(xp.concatenate((xp.broadcast_to(grid, shape), clipped), axis=-1), axis=-1)


def graded(splits: np.ndarray, scale: float, width: float) -> np.ndarray:
    """The splits and, around each, points at distances scale·2^j below width."""
    levels = max(0, math.ceil(math.log2(width / scale))) if scale < width else 0
    offsets = scale * 2.0 ** np.arange(levels)
    offsets = np.concatenate((-offsets, [0.0], offsets))
    spread = splits[..., :, None] + offsets
    return spread.reshape(*splits.shape[:-1], -1)


def panels(edges: Numbers, order: int, xp: ModuleType = np) -> tuple[Numbers, Numbers]:
    """Gauss-Legendre nodes and Gaussian weights on panels.

    Arguments:
        edges: (..., k + 1) edges, ascending.
        order: nodes per panel.
        xp: numpy or jax.numpy.

    Returns: (..., k order) nodes and weights, in the type of the edges.
    """
    t, weight = (xp.asarray(part, edges.dtype) for part in legendre(order))
    half = 0.5 * (edges[..., 1:] - edges[..., :-1])
    center = 0.5 * (edges[..., 1:] + edges[..., :-1])
    z = center[..., None] + half[..., None] * t
    w = half[..., None] * weight * normal_density(z, xp)
    shape = (*edges.shape[:-1], -1)
    return z.reshape(shape), w.reshape(shape)


def normal_density(z: Numbers, xp: ModuleType = np) -> Numbers:
    """exp(-z²/2)/√(2π)."""
    return xp.exp(-0.5 * z * z) * 0.3989422804014327


def hermite_rows(
    z: Numbers, first: Numbers, sqrt: Callable[[int], float] = math.sqrt
) -> Iterator[Numbers]:
    """p_k(z)·first for k = 0, 1, ..., p_k = He_k/√k! orthonormal under the normal density.

    With the root of the density in `first` the rows stay bounded, where p_k alone overflows.

    Arguments:
        z: nodes, of any type that multiplies.
        first: what all rows are multiplied by.
        sqrt: roots of whole numbers, in the type of the nodes.

    Example:
        >>> rows = hermite_rows(np.array([2.0]), np.array([1.0]))
        >>> [round(float(next(rows)[0]), 6) for _ in range(3)]
        [1.0, 2.0, 2.12132]
    """
    before, row = 0 * first, first
    for k in itertools.count():
        yield row
        before, row = row, (z * row - sqrt(k) * before) / sqrt(k + 1)


@lru_cache(maxsize=64)
def _grid(width: float, limit: float) -> np.ndarray:
    return np.linspace(-limit, limit, math.ceil(2 * limit / width) + 1)


@lru_cache(maxsize=64)
def legendre(order: int) -> Rule:
    """Nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    return _frozen(*np.polynomial.legendre.leggauss(order))


def _frozen(z: np.ndarray, w: np.ndarray) -> Rule:
    z.setflags(write=False)
    w.setflags(write=False)
    return z, w
