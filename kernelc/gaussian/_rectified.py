"""Duals of a min(x, 0) + b max(x, 0): closed forms in the angle."""

from __future__ import annotations

import math

import jax.numpy as jnp

from ._angle import angle, cubic
from ._pair import Number, Pair, root
from ._rule import DualRule


class RectifiedRule(DualRule):
    """K = √(q q') (g (sin θ - θ cos θ) + m cos θ), K' = m - g θ (Cho & Saul 2009).

    g = (a - b)^2/(2 pi), m = (a^2 + b^2)/2; the drop is m times the old one less
    √(q q') g (sin θ - θ cos θ), without cancellation. `below`, `above`: slopes a, b beside 0.
    """

    bounded = False

    def __init__(self, name: str, below: float, above: float) -> None:
        self.name = name
        self.below, self.above = below, above
        self.bend = (above - below) ** 2 / (2 * math.pi)
        self.half = (below**2 + above**2) / 2

    def mean(self, q: Number, order: int) -> Number:
        if order:
            return (self.below + self.above) / 2
        return (self.above - self.below) * root(q) / math.sqrt(2 * math.pi)

    def second(self, q: Number) -> Number:
        return self.half * q

    def value(self, pair: Pair, order: int) -> Number:
        if order:
            return self.half - self.bend * angle(pair.gap)
        return self.half * pair.value + self.bend * pair.size * cubic(angle(pair.gap))

    def drop(self, pair: Pair) -> Number:
        return self.half * pair.drop - self.bend * pair.size * cubic(angle(pair.gap))

    def describe(self) -> str:
        return f"{self.name}: closed form in the angle"


class ShiftedRectifiedRule(RectifiedRule):
    """a min(x, 0) + b max(x, 0) + d, as shaped leaky ReLUs are: K gains d (m(q) + m(q')) + d^2.

    The drop is that without d, and so is K'.
    """

    def __init__(self, name: str, below: float, above: float, shift: float) -> None:
        super().__init__(name, below, above)
        self.shift = shift

    def mean(self, q: Number, order: int) -> Number:
        mean = super().mean(q, order)
        return mean if order else mean + self.shift

    def second(self, q: Number) -> Number:
        return super().second(q) + self.shift * (2 * super().mean(q, 0) + self.shift)

    def value(self, pair: Pair, order: int) -> Number:
        value = super().value(pair, order)
        if order:
            return value
        means = super().mean(pair.left, 0) + super().mean(pair.right, 0)
        return value + self.shift * (means + self.shift)


class StepRule(DualRule):
    """a below 0, b above: K = (a^2 + b^2)/2 - g θ, K' = g/(√(q q') sin θ), g = (a - b)^2/(2 pi).

    K' is infinite for equal inputs, and so is the NTK; but an input of zeros, which no weight
    moves, has a value of its own, `at_zero`, and K' = 0.
    """

    bounded = False

    def __init__(self, name: str, below: float, above: float, at_zero: float = 0.0) -> None:
        self.name, self.at_zero = name, at_zero
        self.bend = (above - below) ** 2 / (2 * math.pi)
        self.half = (below**2 + above**2) / 2
        self.middle = (below + above) / 2
        self.jump = above - below

    def mean(self, q: Number, order: int) -> Number:
        if order:
            return self.jump / (root(q) * math.sqrt(2 * math.pi))
        return self._unless_zero(q, self.middle, self.at_zero)

    def second(self, q: Number) -> Number:
        return self._unless_zero(q, self.half, self.at_zero**2)

    def _unless_zero(self, q: Number, value: float, at_zero: float) -> Number:
        return (
            value
            if isinstance(q, float)
            else jnp.where(q > 0, value, at_zero).astype(jnp.result_type(q))
        )

    def value(self, pair: Pair, order: int) -> Number:
        if order == 0:
            left, right = self.second(pair.left), self.second(pair.right)
            return (left + right) / 2 - self.drop(pair)
        size = pair.size * root(pair.gap * (2 - pair.gap))
        if isinstance(pair.size, float):
            return self.bend / size
        alive = pair.size > 0
        return jnp.where(alive, self.bend / jnp.where(alive, size, 1.0), 0.0)

    def drop(self, pair: Pair) -> Number:
        apart = self.bend * angle(pair.gap)
        if isinstance(pair.left, float):
            return apart
        means = (self.mean(q, 0) for q in (pair.left, pair.right))
        left, right = self.second(pair.left), self.second(pair.right)
        return jnp.where(pair.size > 0, apart, (left + right) / 2 - math.prod(means))

    def describe(self) -> str:
        return f"{self.name}: closed form in the angle"
