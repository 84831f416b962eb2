"""JAX arrays as the numbers of the kernel rules: all pairs of two sets of inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, SupportsFloat, cast

import jax
import jax.numpy as jnp

from .._errors import KernelcError
from ..activations import ScalarFunction
from ..algebra import Backend
from ..gaussian import CrossRule, DualRule, cross_rule, rule_for
from ._numbers import (
    Moments,
    Number,
    Pair,
    PairLayout,
    PairMoments,
    PerSide,
    QValue,
    Sides,
    root,
    sides,
)


# A q value that comes back within rounding is the same: shaped layers have Q(1) = 1 to 1e-15.
_SETTLED = 1e-12
# Rounding may carry a q value beyond the range a rule was made for by this, relative.
_ROUNDED = 1e-3


class ArrayBackend(Backend[Any]):
    """Covariances are `PairMoments`s, q values and means `PerSide`s, or floats where all agree.

    Arguments:
        frame: the layout of arrays.
        reach: smallest and largest q value each activation sees.
        sharp: whether drops must keep their digits as c -> 1.
    """

    def __init__(
        self,
        frame: PairLayout,
        reach: Mapping[ScalarFunction, tuple[float, float]],
        sharp: bool = False,
    ) -> None:
        self.frame, self.reach, self.sharp = frame, reach, sharp
        self.rules: dict[tuple[ScalarFunction, float | None, bool], DualRule] = {}
        self.cross_rules: dict[tuple[ScalarFunction, ScalarFunction], CrossRule] = {}

    @property
    def exchangeable(self) -> bool:
        return False

    def number(self, value: object) -> QValue:
        # A jax.Array is a number that was known, until a loop made it a variable.
        if isinstance(value, PerSide | jax.Array):
            return value
        symbols = getattr(value, "free_symbols", ())
        if symbols:
            raise KernelcError(
                where="a number of the network",
                found=f"{value} with symbol(s) {', '.join(sorted(map(str, symbols)))}",
                law="kernels of data are computed at numbers",
                remedy="give them values first: network.subs({symbol: value})",
            )
        return float(cast(SupportsFloat, value))

    def sqrt(self, value: QValue) -> QValue:
        return value.map(root) if isinstance(value, PerSide) else root(value)

    def is_zero(self, value: object) -> bool:
        return isinstance(value, float) and value == 0

    def outer(self, a: QValue, b: QValue) -> Moments:
        return self.frame.outer(a, b)

    def value(self, k: Moments) -> Number:
        return k.cross.value if isinstance(k, PairMoments) else k

    def unit(self, k: PairMoments) -> PairMoments:
        return k.map(lambda pair: Pair(1.0, 1.0, pair.drop if pair.known_gap is None else pair.gap))

    def lengthened(
        self, k: PairMoments, square: Any, channels: object, constant: Any, inverse: Any
    ) -> PairMoments:
        # With (a, b) = (√(d q), h)/√(d q + h²), which is of length 1, the new gap is a sum of
        # squares and of the old one: nothing cancels, and twins stay twins.
        part, rest = self.sqrt(square) * inverse, constant * inverse
        if isinstance(part, float):
            return k.map(lambda pair: _unit(part * part * pair.gap))
        parts = []
        # Stored, a root and a quotient are not taken anew for every pair.
        part, rest = (
            x.map(jax.lax.optimization_barrier) if isinstance(x, PerSide) else x
            for x in (part, rest)
        )
        views = (self._views(part), self._views(rest))
        for pair, (a, x), (b, y) in zip(k.parts, *views, strict=True):
            parts.append(_unit(a * x * pair.gap + ((a - x) ** 2 + (b - y) ** 2) / 2))
        return PairMoments.of(tuple(parts))

    def _views(self, x: QValue) -> tuple[Sides, ...]:
        return self.frame.views(sides(x), sides(x))

    def over_locations(self, q: QValue) -> QValue:
        if not isinstance(q, PerSide):
            return q
        axes = (*self.frame.left_axes, *self.frame.right_axes)
        return q.map(lambda x: jnp.mean(x, tuple(sorted(set(axes))), keepdims=True))

    def mean(self, phi: ScalarFunction, q: QValue, order: int = 0) -> QValue:
        # An odd function that jumps at 0 has no mean of 0 where q is 0.
        if phi.parity == ("even" if order else "odd") and not phi.jumps(0):
            return 0.0
        rule, q = self._rule(phi, q), self._resolved(phi, q)
        if isinstance(q, PerSide):
            return q.map(lambda x: rule.mean(x, order))
        found = rule.mean(q, order)
        return float(found) if isinstance(q, float) else found

    def q_map(self, phi: ScalarFunction, q: QValue) -> QValue:
        rule, q = self._rule(phi, q), self._resolved(phi, q)
        if isinstance(q, PerSide):
            return q.map(lambda x: _second(rule, x))
        return _second(rule, q)

    def dual(
        self, phi: ScalarFunction, q: QValue, k: PairMoments, order: int = 0
    ) -> PairMoments | Number:
        if order:
            return self._rule(phi, k.cross.left).value(self._within(phi, k.cross), order)

        def image(pair: Pair) -> Pair:
            rule, pair = self._rule(phi, pair.left), self._within(phi, pair)
            if phi.parity == "even" and not (isinstance(pair.left, float) and pair.left == 0):
                pair = pair.folded
            left, right = _second(rule, pair.left), _second(rule, pair.right)
            found = Pair(left, right, rule.drop(pair))
            # Elsewhere q values stay as near to each other as they were, or come nearer.
            if rule.grows and not pair.uniform:
                return found.with_covariance(rule.value(pair, 0))
            return found

        return k.map(image)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: QValue,
        q2: QValue,
        k: Moments | PerSide,
        order: int = 0,
    ) -> PairMoments | PerSide | jax.Array:
        a, b = sides(q1), sides(q2)
        if (phi, psi) not in self.cross_rules:
            largest = max(self._span(phi)[1], self._span(psi)[1])
            self.cross_rules[phi, psi] = cross_rule(phi, psi, largest)
        rule = self.cross_rules[phi, psi]
        if not isinstance(k, PairMoments):
            return PerSide(*rule.expectations(list(zip(a, b, sides(k), strict=True)), order))
        if order:
            return rule.expectations([(a[0], b[1], k.cross.value)], order)[0]
        return self._crossed(k, a, b, rule)

    def _crossed(self, k: PairMoments, a: Sides, b: Sides, rule: CrossRule) -> PairMoments:
        """The moments of E phi(u) psi(v), every mean of it asked for at once."""
        views = self.frame.views
        points, alike = [], []
        for pair, (u, v), (ul, ur), (vl, vr) in zip(
            k.parts, views(a, b), views(a, a), views(b, b), strict=True
        ):
            points += [(ul, vl, pair.left), (ur, vr, pair.right), (u, v, pair.value)]
            alike.append((pair.drop == 0) & (pair.left == pair.right) & (ul == ur) & (vl == vr))
        found, parts = rule.expectations(points, 0), []
        for i, same in enumerate(alike):
            left, right, value = found[3 * i : 3 * i + 3]
            # An input with itself leaves rounding, and an angle would show the root of that.
            parts.append(Pair(left, right, jnp.where(same, 0.0, (left + right) / 2 - value)))
        return PairMoments.of(tuple(parts))

    def _rule(self, phi: ScalarFunction, q: QValue) -> DualRule:
        q = q.left if isinstance(q, PerSide) else q
        known = q if isinstance(q, float) else None
        key = (phi, known, jnp.ndim(q) == 0)
        if key not in self.rules:
            span = self._span(phi) if known is None else (known, known)
            self.rules[key] = rule_for(phi, q, span, self.sharp)
        return self.rules[key]

    def _within(self, phi: ScalarFunction, pair: Pair) -> Pair:
        sides = (self._resolved(phi, q) for q in (pair.left, pair.right))
        return dataclasses.replace(pair, **dict(zip(("left", "right"), sides, strict=True)))

    def _resolved(self, phi: ScalarFunction, q: QValue) -> QValue:
        """The q values, NaN where the rule was not made for them: better none than a wrong one."""
        if isinstance(q, float) or not self._rule(phi, q).bounded:
            return q
        if isinstance(q, PerSide):
            return q.map(lambda x: self._resolved(phi, x))
        low, high = self._span(phi)
        low = low if jnp.ndim(q) == 0 else 0.0  # tables between two q values, or from 0 on
        inside = (q >= low * (1 - _ROUNDED)) & (q <= high * (1 + _ROUNDED))
        return jnp.where(inside, q, jnp.nan)

    def _span(self, phi: ScalarFunction) -> tuple[float, float]:
        return self.reach.get(phi, (1.0, 1.0))


def _second(rule: DualRule, q: Number) -> Number:
    found = rule.second(q)
    if isinstance(q, float):
        found = float(found)
        return q if abs(found - q) <= _SETTLED * q else found
    return found


def _unit(gap: jax.Array) -> Pair:
    return Pair(1.0, 1.0, gap, gap)
