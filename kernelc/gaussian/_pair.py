"""A pair of Gaussians as arrays: q values, and half the mean squared distance."""

from __future__ import annotations

import dataclasses
from typing import TypeAlias, overload

import jax
import jax.numpy as jnp


# A mean of two q values this many times their geometric mean has eaten up digits of k.
_UNLIKE = 4.0

Number: TypeAlias = float | jax.Array
"""A number that is known while compiling, or an array."""


@overload
def root(x: float) -> float: ...
@overload
def root(x: jax.Array) -> jax.Array: ...
def root(x: Number) -> Number:
    """Square root of what is not negative, with slope 0 instead of infinity at 0; NaN of NaN."""
    if isinstance(x, float):
        return x**0.5
    nothing = x <= 0
    return jnp.where(nothing, 0.0, jnp.sqrt(jnp.where(nothing, 1.0, x)))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Pair:
    """Second moments of two inputs x, x': (q(x), q(x'), k) as elements of a backend.

    k itself loses its digits as x' -> x. What is carried is drop = (q + q')/2 - k, half the
    mean squared distance of the two values: every rule that is linear in k is linear in it, it
    is exactly 0 for an input with itself, and it keeps its relative accuracy.

    Arguments:
        left, right: q values, floats where all inputs share one.
        drop: (left + right)/2 - k.
        known_gap: 1 - c where it is known better than from the other three. Behind functions
            that grow fast, q values of a pair are so far apart that the drop is the larger one
            and k has no digits left; rules that know k then give the gap beside the drop.
    """

    left: Number
    right: Number
    drop: Number
    known_gap: jax.Array | None = None

    @property
    def value(self) -> Number:
        """k."""
        plain = (self.left + self.right) / 2 - self.drop
        if self.known_gap is None:
            return plain
        known = self.size - self.size * self.known_gap
        return known if self.uniform else jnp.where(self.unlike, known, plain)

    @property
    def unlike(self) -> jax.Array:
        """Where q values are so far apart that k is lost in the drop."""
        return jnp.greater(self.left + self.right, 2 * _UNLIKE * self.size)

    def with_covariance(self, k: Number) -> Pair:
        """The same with the gap from k where q values are far apart, from the drop elsewhere."""
        plain = Pair(self.left, self.right, self.drop)
        size = jnp.where(self.unlike, self.size, 1.0)
        alive = self.unlike & (size > 0)
        direct = jnp.clip(1.0 - k / jnp.where(alive, size, 1.0), 0.0, 2.0)
        return dataclasses.replace(plain, known_gap=jnp.where(alive, direct, plain.gap))

    def _beside(self, *others: object) -> bool:
        """Whether this or another pair knows its gap, at q values that differ."""
        pairs = [x for x in (self, *others) if isinstance(x, Pair)]
        return any(x.known_gap is not None and not x.uniform for x in pairs)

    @property
    def uniform(self) -> bool:
        """Whether one number is the q value on both sides."""
        return jnp.ndim(self.left) == 0 and jnp.ndim(self.right) == 0

    @property
    def same(self) -> jax.Array:
        """Where both inputs are one: where nothing but squares of rounding tells them apart."""
        tiny = 64 * float(jnp.finfo(jnp.result_type(self.drop)).eps) ** 2
        return jnp.less_equal(self.drop, tiny * self.left)

    @property
    def size(self) -> Number:
        """√(q q'), the largest covariance there can be."""
        return self.left if self.uniform else root(self.left) * root(self.right)

    @property
    def gap(self) -> jax.Array:
        """1 - c, in [0, 2]; 0 where a q value is 0."""
        if self.known_gap is not None:
            return self.known_gap
        if self.uniform:
            ratio = self.drop / self.left
        else:
            size = self.size
            alive = size > 0
            apart = self.drop - (root(self.left) - root(self.right)) ** 2 / 2
            ratio = jnp.where(alive, apart / jnp.where(alive, size, 1.0), 0.0)
        return jnp.clip(ratio, 0.0, 2.0)

    @property
    def folded(self) -> Pair:
        """The pair (x, x') or (x, -x'), whichever is closer: even functions see no difference."""
        gap = self.gap
        near = jnp.minimum(gap, 2.0 - gap)
        apart = 0.0 if self.uniform else (root(self.left) - root(self.right)) ** 2 / 2
        return Pair(self.left, self.right, apart + self.size * near, near)

    def __add__(self, other: Pair | Number) -> Pair:
        if not isinstance(other, Pair):
            found = Pair(self.left + other, self.right + other, self.drop)
            return found.with_covariance(self.value + other) if self._beside() else found
        found = Pair(self.left + other.left, self.right + other.right, self.drop + other.drop)
        return found.with_covariance(self.value + other.value) if self._beside(other) else found

    def __mul__(self, other: Pair | Number) -> Pair:
        if not isinstance(other, Pair):
            found = Pair(self.left * other, self.right * other, self.drop * other)
            return found.with_covariance(self.value * other) if self._beside() else found
        left, right = self.left * other.left, self.right * other.right
        # (l l' + r r')/2 - k k' with k = m - d: no difference of large numbers is taken.
        m, n = (self.left + self.right) / 2, (other.left + other.right) / 2
        skew = (self.left - self.right) * (other.left - other.right) / 4
        drop = skew + m * other.drop + n * self.drop - self.drop * other.drop
        found = Pair(left, right, drop)
        return found.with_covariance(self.value * other.value) if self._beside(other) else found

    __radd__ = __add__
    __rmul__ = __mul__
