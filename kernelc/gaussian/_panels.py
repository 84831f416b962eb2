"""Duals of any activation by quadrature for each pair: panels split at its kinks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._moments import moments
from ._nodes import LIMIT, Numbers, panel_edges, panels
from ._pair import Number, Pair, root
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

Integrand = Callable[[Numbers, Numbers], Numbers]
Point = tuple[Number, Number, jax.Array]


class PanelRule(DualRule):
    """Gauss-Legendre panels over (z, w), u = √q z, v = √q' (c z + s w).

    The drop is E (phi(u) - phi(v))^2 / 2, which keeps its digits as c -> 1. Panels are fine
    enough up to `largest_q`.

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

    def mean(self, q: Number, order: int) -> Number:
        return self._line(derivative(self.phi, order), q)

    def second(self, q: Number) -> Number:
        return self._line(lambda x: self.phi.jax(x) ** 2, q)

    def value(self, pair: Pair, order: int) -> Number:
        f = derivative(self.phi, order)
        return self._map(lambda u, v: f(u) * f(v), pair)

    def drop(self, pair: Pair) -> Number:
        f = self.phi.jax
        found = self._map(lambda u, v: (f(u) - f(v)) ** 2 / 2, pair)
        return jnp.where(pair.same, 0.0, found)

    def describe(self) -> str:
        return f"{self.name}: quadrature for every pair (slow)"

    def _line(self, f: Callable[[jax.Array], jax.Array], q: Number) -> jax.Array:
        scale = root(jnp.asarray(q, jnp.result_type(float) if isinstance(q, float) else None))
        kinks = jnp.asarray(self.kinks, scale.dtype) / jnp.maximum(scale, 1e-30)[..., None]
        z, w = _panels(jnp, kinks, self.width)
        return jnp.sum(w * f(scale[..., None] * z), axis=-1)

    def _map(self, f: Integrand[jax.Array], pair: Pair) -> jax.Array:
        point = root(pair.left), root(pair.right), pair.gap
        return over_pairs(f, self.kinks, self.width, [point])[0]


def over_pairs(
    f: Integrand[jax.Array], kinks: np.ndarray, width: float, points: Sequence[Point]
) -> list[jax.Array]:
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

    def rows(batch: tuple[jax.Array, ...]) -> jax.Array:
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
    f: Integrand[np.ndarray], kinks: np.ndarray, width: float, a: float, b: float, gap: float
) -> np.ndarray:
    """E f(u, v) for numbers, in NumPy; f may give several values, on axes before the last two."""
    return expectation(np, f, kinks, width, bool(_sharp(gap)), a, b, gap)


def expectation(
    xp: ModuleType,
    f: Integrand[Numbers],
    kinks: np.ndarray,
    width: float,
    sharp: bool,
    a: Number,
    b: Number,
    gap: Number,
) -> Numbers:
    """E f(u, v) for deviations a, b and correlation 1 - gap, in NumPy or JAX.

    Arguments:
        sharp: whether kinks of v, blurred by what of v is independent of u, need panels of
            their own: where `_sharp` says so, they do.
    """
    # In the type of the gap: JAX mistakes one NumPy constant met in both types for the other.
    at, bends = (xp.asarray(x, xp.asarray(gap).dtype) for x in (kinks, _BLURRED))
    c, s = 1 - gap, xp.maximum(xp.sqrt(gap * (2 - gap)), 1e-30)
    a, b = xp.maximum(a, 1e-30), xp.maximum(b, 1e-30)
    splits = at / a
    if sharp:
        steep = xp.where(xp.abs(c) < 1e-3, 1e-3, c)
        centers = at / (b * steep)
        blurred = (centers[:, None] + s / xp.abs(steep) * bends).ravel()
        splits = xp.concatenate([splits, blurred])
    z, outer = _panels(xp, splits, width)
    w, inner = _panels(xp, (at / b - c * z[:, None]) / s, width)
    values = f(a * z[:, None], b * (c * z[:, None] + s * w))
    return xp.sum(outer * xp.sum(inner * values, axis=-1), axis=-1)


def _sharp(gap: Number) -> bool | jax.Array:
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


def _panels(xp: ModuleType, splits: Numbers, width: float) -> tuple[Numbers, Numbers]:
    return panels(panel_edges(splits, width, LIMIT, xp), _ORDER, xp)
