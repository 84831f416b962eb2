"""ScalarSegment: consecutive runs in which the kernel is a function of one variable."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from ..activations import ScalarFunction
from ..algebra import SecondMoments
from ._gram import DataState, GramAlgebra
from ._numbers import Number, Pair, PairMoments, PerSide, QValue, root


Profile = Callable[[jax.Array], Mapping[str, jax.Array]]

_TANGENT = ("ntk", "response")


@dataclasses.dataclass(frozen=True)
class ScalarSegment:
    """Runs `start` to `stop` as one function of the gap g = 1 - c.

    At one q value, k_out = q_out (1 - drop(g)) and
    Theta_out = q_out (ntk(g) + response(g) Theta_in). For homogeneous runs that is the case
    q = 1, times (q q')^(degree/2).

    Arguments:
        start, stop: which runs, `stop` excluded.
        q: q value coming in; 1 for homogeneous runs.
        degree: degree of homogeneity when any q value may come in; None when only `q` may.
        q_out, mean: q value and channel mean going out, for q coming in.
        gaussian: whether the value going out is.
        enters: the same three facts of the value coming in: (gaussian, mean).
        responds: whether there is an NTK coming in.
        reach: smallest and largest q value each activation sees.
        nodes: name of the first and of the last node.
        profile: gap -> drop, ntk, response; None until it is fitted.
    """

    start: int
    stop: int
    q: float
    degree: int | None
    q_out: float
    mean: float | None
    gaussian: bool
    enters: tuple[bool, float | None]
    responds: bool
    reach: Mapping[ScalarFunction, tuple[float, float]]
    nodes: tuple[str, str]
    profile: Profile | None = None

    def apply(self, algebra: GramAlgebra, s: DataState) -> DataState:
        """The state after the stretch."""
        field: PairMoments = s.second.k[0]
        if self.profile is None:  # planning: only the kind of what comes out matters
            drops = [{"drop": p.gap, "ntk": p.gap, "response": p.gap} for p in field.parts]
        else:
            drops = [self.profile(pair.gap) for pair in field.parts]
        pairs = [self._image(p, d["drop"]) for p, d in zip(field.parts, drops, strict=True)]
        theta = s.second.theta
        if theta is not None:
            theta = (self._ntk(field.cross, drops[0], theta[0]),)
        mean: QValue | None = self.mean
        q: QValue = self.q_out
        if self.degree:
            cross = pairs[0]
            q = PerSide(cross.left, cross.right)
            if self.mean:
                old, scale, degree = field.cross, self.mean, self.degree
                mean = PerSide(old.left, old.right).map(lambda x: scale * root(x) ** degree)
        second = SecondMoments(q, (PairMoments.of(tuple(pairs)),), theta)
        return algebra.state_of(second, mean, gaussian=self.gaussian)

    def _image(self, pair: Pair, drop: jax.Array) -> Pair:
        q = self.q_out
        if self.degree == 0:
            # No limit at an input of zeros: `BlankAlgebra` knows what comes out of one.
            drop = drop + _none_at_zero(pair.left) + _none_at_zero(pair.right)
        if not self.degree:
            return Pair(q, q, q * drop, drop)
        left, right = (q * x**self.degree for x in (pair.left, pair.right))
        a, b = (q**0.5 * root(x) ** self.degree for x in (pair.left, pair.right))
        return Pair(left, right, (a - b) ** 2 / 2 + a * b * drop, drop)

    def _ntk(self, pair: Pair, found: Mapping[str, jax.Array], theta: Number) -> Number:
        ntk, response = (self.q_out * found.get(k, 0.0) for k in _TANGENT)
        if self.degree is None:
            return ntk if is_zero(theta) else ntk + response * theta
        size = pair.size
        total = ntk * size**self.degree if self.degree else ntk
        if is_zero(theta):
            return total
        # A response is of degree d - 1; for d = 0 that divides by a q value of 0 at worst.
        return total + response * theta * _power(size, self.degree - 1)


def _power(size: Number, exponent: int) -> Number:
    return size**exponent if exponent >= 0 else 1 / size


def _none_at_zero(q: Number) -> jax.Array:
    return jnp.where(q > 0, 0.0, jnp.nan)


def is_zero(theta: Number) -> bool:
    """Whether no NTK comes in."""
    return isinstance(theta, float) and theta == 0
