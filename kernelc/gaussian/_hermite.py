"""Duals of smooth activations: Mehler's expansion in Hermite polynomials."""

from __future__ import annotations

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float64

from ..activations import ScalarFunction
from ._moments import moments
from ._nodes import hermite_rows, trapezoid_rule
from ._pair import Number, Pair, root
from ._quadrature import independent_rule, trapezoid_size
from ._rule import DualRule, derivative
from ._series import Coefficients, drop_series, power_series


MOST_TERMS = 700
# Half the nodes for one rule: more take too much memory, and other rules less time.
_MOST_NODES = 4096
# How far the sum of squares may be from the moment, relative.
_PARSEVAL = 1e-12
# Functions that bend need more terms beyond.
_LARGEST_Q = 1e4
# Of the energy sum a_j^2, what the terms left out may hold: rounding for each dtype.
_TAIL = {4: 1e-8, 8: 1e-15}
_STEP = 0.05
# exp(-z^2/4) is 1e-20 there: room for activations that grow.
_REACH = 13.5


class HermiteRule(DualRule):
    """K(q, q', c) = sum_j a_j(q) a_j(q') c^j, a_j(q) = E phi(√q Z) h_j(Z) (Mehler 1866).

    h_j are the orthonormal Hermite polynomials. Derivatives have coefficients of their own,
    b_j(q) = E phi'(√q Z) h_j(Z), so that nothing is divided by q. For one q value the drop is
    (1 - c) sum_m S_(m+1) c^m with S_m = sum_(j >= m) a_j^2: no cancellation.

    `terms` says how many for each size of float, in bytes, `step` how far nodes are apart.
    """

    def __init__(self, phi: ScalarFunction, terms: dict[int, int], step: float) -> None:
        self.phi, self.terms, self.step = phi, terms, step
        self.name = phi.name

    def mean(self, q: Number, order: int) -> Number:
        return self.coefficients(q, order, 1)[0]

    def second(self, q: Number) -> Number:
        z, w, _ = _nodes(self.step, 1)
        if isinstance(q, float):
            return float(w @ self.phi.numpy(0)(math.sqrt(q) * z) ** 2)
        values = self.phi.jax(_spread(q, z))
        return jnp.tensordot(values**2, jnp.asarray(w, values.dtype), 1, precision="highest")

    def value(self, pair: Pair, order: int) -> Number:
        x = 1.0 - pair.gap
        count = self.terms[jnp.dtype(x.dtype).itemsize]
        left = self.coefficients(pair.left, order, count)
        if pair.uniform:
            return self._sum(left, left, x, order)
        return self._sum(left, self.coefficients(pair.right, order, count), x, order)

    def drop(self, pair: Pair) -> Number:
        gap = pair.gap
        count = self.terms[jnp.dtype(gap.dtype).itemsize]
        if not pair.uniform:
            sides = [self.coefficients(q, 0, count) for q in (pair.left, pair.right)]
            return jnp.where(pair.same, 0.0, self._between(sides[0], gap, sides[1]))
        squares = self.coefficients(pair.left, 0, count)[1:] ** 2
        tails = squares[::-1].cumsum(0)[::-1]
        return gap * power_series(tails, 1.0 - gap)

    def _between(self, left: Coefficients, gap: jax.Array, right: Coefficients) -> jax.Array:
        """The drop from the coefficients at two q values; odd and even functions have half."""
        parity = self.phi.parity
        if parity is None:
            apart, fallen, _ = drop_series(left, gap, right)
            return apart + fallen
        half = slice(int(parity == "odd"), None, 2)
        apart, fallen, product = drop_series(left[half], gap * (2.0 - gap), right[half])
        if parity == "even":
            return apart + fallen
        # 1 - c^(2i+1) = gap + c (1 - c^(2i))
        return apart + gap * product + (1.0 - gap) * fallen

    def describe(self) -> str:
        return f"{self.name}: {self.terms[8]} Hermite terms ({self.terms[4]} in float32)"

    def _sum(self, left: Coefficients, right: Coefficients, x: jax.Array, order: int) -> jax.Array:
        """The series; functions that are odd or even have half of it."""
        parity = self.phi.parity
        if parity is None:
            return power_series(left, x, right)
        odd = (parity == "odd") != bool(order)
        found = power_series(left[int(odd) :: 2], x * x, right[int(odd) :: 2])
        return found * x if odd else found

    def coefficients(self, q: Number, order: int, count: int) -> Coefficients:
        """(count, *shape of q)."""
        z, w, basis = _nodes(self.step, count)
        if isinstance(q, float):
            return basis @ (w * self.phi.numpy(order)(math.sqrt(q) * z))
        if jnp.result_type(q) == jnp.float32:
            # The error is the square root of what it is at half the distance: rounding here.
            z, w, basis = _nodes(2 * self.step, count)
        values = derivative(self.phi, order)(_spread(q, z))
        weights = jnp.asarray((basis * w).T, values.dtype)
        found = jnp.tensordot(values, weights, 1, precision="highest")
        return jnp.moveaxis(found, -1, 0)


@functools.lru_cache(maxsize=512)
def hermite_rule(phi: ScalarFunction, largest_q: float) -> HermiteRule | None:
    """The rule for q values up to `largest_q`; None when it would take too many terms.

    Coefficients count only where their squares add up to the moments E phi^2 and E phi'^2, which
    a quadrature of its own gives (Parseval): else the nodes miss what the function does.
    """
    if not phi.analytic or largest_q > _LARGEST_Q:
        return None
    deviation = math.sqrt(largest_q)
    step = min(_STEP / max(1.0, deviation / 2), trapezoid_size(phi, deviation).width)
    if _REACH / step > _MOST_NODES:
        return None
    z, w, basis = _nodes(step, MOST_TERMS)
    exact = moments(phi, deviation, rule=independent_rule)
    counts = {}
    for size, tail in _TAIL.items():
        needed = []
        for order, energy in enumerate((exact.second, exact.slope_second)):
            squares = (basis @ (w * phi.numpy(order)(deviation * z))) ** 2
            left_out = squares[::-1].cumsum()[::-1]
            enough = np.flatnonzero(left_out <= max(tail, 1e-30) * left_out[0])
            if not abs(left_out[0] - energy) <= _PARSEVAL * energy or enough.size == 0:
                return None
            needed.append(int(enough[0]))
        counts[size] = max(2, *needed)
    return HermiteRule(phi, counts, step)


def _spread(q: Number, z: Float64[np.ndarray, " nodes"]) -> jax.Array:
    scale = root(jnp.asarray(q))
    return scale[..., None] * jnp.asarray(z, scale.dtype)


@functools.lru_cache(maxsize=64)
def _nodes(step: float, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, Gaussian weights, and h_j at the nodes times one: (count, nodes).

    h_j times the root of the density is of size one, so h_j times the density is no larger than
    exp(-z^2/4), whatever j.
    """
    z, weights = trapezoid_rule(step, _REACH)
    rows = itertools.islice(hermite_rows(z, np.exp(-z * z / 4)), count)
    basis = np.stack(list(rows)) * np.exp(z * z / 4)
    return z, weights, basis
