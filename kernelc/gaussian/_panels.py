"""Duals of any activation by quadrature for each pair: panels split at its kinks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._moments import moments
from ._nodes import LIMIT, panel_edges, panels
from ._pair import Pair, root
from ._quadrature import independent_rule
from ._rule import DualRule, derivative


_ORDER = 16
# Widths of panels that are tried, in deviations; narrower ones take seconds for each pair.
_WIDTHS = (2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.13)
# How far moments by panels may be from those by another quadrature, relative.
_SETTLED = 1e-12
# Where a kink blurred at scale 1 bends.
_BLURRED = np.array([-9.0, -6.0, -3.0, -1.5, 0.0, 1.5, 3.0, 6.0, 9.0])
# A kink that is blurred at more than this scale bends less than panels do.
_SHARP = 0.3
# Values of an integrand held at once, whatever the number of pairs: 4 MiB in float64.
_AT_ONCE = 1 << 19

Integrand = Callable[[Any, Any], Any]


class PanelRule(DualRule):
    """Gauss-Legendre panels over (z, w), u = √q z, v = √q' (c z + s w).

    The drop is E (phi(u) - phi(v))^2 / 2, which keeps its digits as c -> 1.

    Arguments:
        phi: the function.
        largest_q: largest q value the panels are fine enough for.

    Raises:
        UnsupportedError: an activation that jumps, or too steep to be resolved.
    """

    def __init__(self, phi: ScalarFunction, largest_q: float) -> None:
        if phi.jumps(0):
            raise UnsupportedError(
                where=phi.name,
                found="an activation that jumps and is not homogeneous",
                law="the derivative of a jump is a point mass, which this quadrature leaves out",
                remedy="use sign or step, or a continuous activation",
            )
        self.phi, self.name = phi, phi.name
        self.kinks = np.array(phi.breakpoints, dtype=np.float64)
        self.width = panel_width(phi, math.sqrt(largest_q))

    def mean(self, q: Any, order: int) -> Any:
        return self._line(derivative(self.phi, order), q)

    def second(self, q: Any) -> Any:
        return self._line(lambda x: self.phi.jax(x) ** 2, q)

    def value(self, pair: Pair, order: int) -> Any:
        f = derivative(self.phi, order)
        return self._map(lambda u, v: f(u) * f(v), pair)

    def drop(self, pair: Pair) -> Any:
        f = self.phi.jax
        found = self._map(lambda u, v: (f(u) - f(v)) ** 2 / 2, pair)
        return jnp.where(pair.same, 0.0, found)

    def describe(self) -> str:
        return f"{self.name}: quadrature for every pair (slow)"

    def _line(self, f: Callable[[Any], Any], q: Any) -> Any:
        scale = root(jnp.asarray(q, jnp.result_type(float) if isinstance(q, float) else None))
        kinks = jnp.asarray(self.kinks, scale.dtype) / jnp.maximum(scale, 1e-30)[..., None]
        z, w = _panels(jnp, kinks, self.width)
        return jnp.sum(w * f(scale[..., None] * z), axis=-1)

    def _map(self, f: Integrand, pair: Pair) -> Any:
        point = tuple(root(x) for x in (pair.left, pair.right))
        return over_pairs(f, self.kinks, self.width, [(*point, pair.gap)])[0]


def over_pairs(
    f: Integrand, kinks: np.ndarray, width: float, points: Sequence[tuple[Any, Any, Any]]
) -> list[Any]:
    """E f(u, v) over arrays: `expectation` in one loop, however many arrays there are.

    Each copy of the loop takes its own place in the compiled program, and a loop of few pairs
    at a time bounds the memory.

    Arguments:
        points: deviations of u, of v, and 1 - c, broadcast against the last of them.

    Returns:
        One array for each point.
    """
    gaps = [jnp.asarray(gap) for _, _, gap in points]
    shapes = [jnp.broadcast_shapes(*(jnp.shape(x) for x in point)) for point in points]
    flat = [
        jnp.concatenate(
            [
                jnp.broadcast_to(jnp.asarray(point[side], gap.dtype), shape).ravel()
                for point, gap, shape in zip(points, gaps, shapes, strict=True)
            ]
        )
        for side in range(3)
    ]
    count = flat[0].size
    batch = max(1, min(count, _AT_ONCE // _nodes(len(kinks), width)))
    loops = -(-count // batch)
    rest = (0, loops * batch - count)
    filled = [jnp.pad(x, rest, constant_values=1).reshape(loops, batch) for x in flat]

    def rows(batch: tuple[Any, Any, Any]) -> Any:
        rules = [
            jax.vmap(lambda *point, sharp=sharp: expectation(jnp, f, kinks, width, sharp, *point))
            for sharp in (True, False)
        ]
        return jax.lax.cond(jnp.any(_sharp(batch[2])), *rules, *batch)

    found = jax.lax.map(rows, tuple(filled)).ravel()
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = jnp.split(found[:count], ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _nodes(kinks: int, width: float) -> int:
    """How many values of an integrand `expectation` takes for one pair."""
    grid = math.ceil(2 * LIMIT / width)
    return (grid + (1 + len(_BLURRED)) * kinks) * (grid + kinks) * _ORDER**2


def one_expectation(
    f: Integrand, kinks: np.ndarray, width: float, a: float, b: float, gap: float
) -> Any:
    """E f(u, v) for numbers, in NumPy; f may give several values, on axes before the last two."""
    return expectation(np, f, kinks, width, bool(_sharp(gap)), a, b, gap)


def expectation(
    xp: Any, f: Integrand, kinks: np.ndarray, width: float, sharp: bool, a: Any, b: Any, gap: Any
) -> Any:
    """E f(u, v) for deviations a, b and correlation 1 - gap, in NumPy or JAX.

    Arguments:
        sharp: whether kinks of v, blurred by what of v is independent of u, need panels of
            their own: where `_sharp` says so, they do.
    """
    # In the type of the gap: JAX mistakes one NumPy constant met in both types for the other.
    kinks, bends = (xp.asarray(x, xp.asarray(gap).dtype) for x in (kinks, _BLURRED))
    c, s = 1 - gap, xp.maximum(xp.sqrt(gap * (2 - gap)), 1e-30)
    a, b = xp.maximum(a, 1e-30), xp.maximum(b, 1e-30)
    splits = kinks / a
    if sharp:
        steep = xp.where(xp.abs(c) < 1e-3, 1e-3, c)
        centres = kinks / (b * steep)
        blurred = (centres[:, None] + s / xp.abs(steep) * bends).ravel()
        splits = xp.concatenate([splits, blurred])
    z, outer = _panels(xp, splits, width)
    w, inner = _panels(xp, (kinks / b - c * z[:, None]) / s, width)
    values = f(a * z[:, None], b * (c * z[:, None] + s * w))
    return xp.sum(outer * xp.sum(inner * values, axis=-1), axis=-1)


def _sharp(gap: Any) -> Any:
    return gap * (2 - gap) < (_SHARP * (1 - gap)) ** 2


@functools.lru_cache(maxsize=256)
def panel_width(phi: ScalarFunction, deviation: float) -> float:
    """The widest panels that give E phi^2 and E phi'^2 as a quadrature of its own does.

    Raises:
        UnsupportedError: none does.
        ActivationError: no finite second moment.
    """
    exact = moments(phi, deviation, rule=independent_rule)
    energies = np.array([exact.second, exact.slope_second])
    kinks = np.array(phi.breakpoints, dtype=np.float64) / deviation
    for width in _WIDTHS:
        z, w = _panels(np, kinks, width)
        found = np.array([w @ phi.numpy(order)(deviation * z) ** 2 for order in (0, 1)])
        if np.all(np.abs(found - energies) <= _SETTLED * energies):
            return width
    raise UnsupportedError(
        where=phi.name,
        found=f"q values up to {deviation**2:.3g} at {phi.name}",
        law="it bends within so small a part of its input that its kernel is not resolved by "
        f"panels of {_WIDTHS[-1]} deviations",
        remedy="normalize the inputs (kernelc.PLN), or use weights that keep q near 1",
    )


def _panels(xp: Any, splits: Any, width: float) -> tuple[Any, Any]:
    return panels(panel_edges(splits, width, LIMIT, xp), _ORDER, xp)
