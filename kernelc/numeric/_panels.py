"""Duals of any activation by quadrature for each pair: panels split at its kinks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction, independent_rule, moments
from ._dual import DualRule, derivative
from ._numbers import Pair, root


_ORDER = 16
_LIMIT = 9.5
# Widths of panels that are tried, in deviations; narrower ones take seconds for each pair.
_WIDTHS = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.13)
# How far moments by panels may be from those by another quadrature, relative.
_SETTLED = 1e-12
# Where a kink blurred at scale 1 bends.
_BLURRED = np.array([-9.0, -6.0, -3.0, -1.5, 0.0, 1.5, 3.0, 6.0, 9.0])
_PAIRS_AT_ONCE = 16

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
        z, w = panels(jnp, kinks, self.width)
        return jnp.sum(w * f(scale[..., None] * z), axis=-1)

    def _map(self, f: Integrand, pair: Pair) -> Any:
        gap = pair.gap
        wide = [
            jnp.broadcast_to(jnp.asarray(x, gap.dtype), gap.shape).ravel()
            for x in (root(pair.left), root(pair.right), gap)
        ]
        rule = jax.vmap(lambda a, b, g: expectation(jnp, f, self.kinks, self.width, a, b, g))
        found = jax.lax.map(
            lambda p: rule(*(x[None] for x in p))[0], tuple(wide), batch_size=_PAIRS_AT_ONCE
        )
        return found.reshape(gap.shape)


def expectation(
    xp: Any, f: Integrand, kinks: np.ndarray, width: float, a: Any, b: Any, gap: Any
) -> Any:
    """E f(u, v) for deviations a, b and correlation 1 - gap, in NumPy or JAX.

    f may give several values, on axes before those of its arguments.
    """
    # In the type of the gap: JAX mistakes one NumPy constant met in both types for the other.
    kinks, bends = (xp.asarray(x, xp.asarray(gap).dtype) for x in (kinks, _BLURRED))
    c, s = 1 - gap, xp.maximum(xp.sqrt(gap * (2 - gap)), 1e-30)
    a, b = xp.maximum(a, 1e-30), xp.maximum(b, 1e-30)
    steep = xp.where(xp.abs(c) < 1e-3, 1e-3, c)
    centers = kinks / (b * steep)
    blurred = (centers[:, None] + s / xp.abs(steep) * bends).ravel()
    z, outer = panels(xp, xp.concatenate([kinks / a, blurred]), width)
    w, inner = panels(xp, (kinks / b - c * z[:, None]) / s, width)
    values = f(a * z[:, None], b * (c * z[:, None] + s * w))
    return xp.sum(outer * xp.sum(inner * values, axis=-1), axis=-1)


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
        z, w = panels(np, kinks, width)
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


def panels(xp: Any, splits: Any, width: float) -> tuple[Any, Any]:
    """Nodes and Gaussian weights on a grid split further at `splits` (last axis)."""
    count = math.ceil(2 * _LIMIT / width) + 1
    grid = xp.asarray(np.linspace(-_LIMIT, _LIMIT, count), splits.dtype)
    clipped = xp.clip(splits, -_LIMIT, _LIMIT)
    shape = (*clipped.shape[:-1], count)
    edges = xp.sort(xp.concatenate([xp.broadcast_to(grid, shape), clipped], axis=-1), axis=-1)
    t, weight = (xp.asarray(part, splits.dtype) for part in _legendre())
    half = 0.5 * (edges[..., 1:] - edges[..., :-1])
    center = 0.5 * (edges[..., 1:] + edges[..., :-1])
    z = center[..., None] + half[..., None] * t
    w = half[..., None] * weight * xp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return z.reshape(*shape[:-1], -1), w.reshape(*shape[:-1], -1)


@functools.cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(_ORDER)
