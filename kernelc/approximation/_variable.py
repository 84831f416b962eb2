"""The variables a series may be in: the cosine, the quarter angle, and conformal maps of both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float64


Gaps = TypeVar("Gaps", jax.Array, np.ndarray)

# In terms of a series, measured under XLA on a CPU: there, what is cheap is arithmetic.
DIVISION = 3
_ROOT = 4
_STORED = 15  # roots and divisions that several quantities read are not computed twice


@jax.custom_jvp
def root(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """√max(x, 0), with derivative 0 where x <= 0.

    A custom rule rather than two selects: the value itself then costs one instruction.
    """
    return jnp.sqrt(jnp.maximum(x, 0))


@root.defjvp
def _root_jvp(primals: tuple, tangents: tuple) -> tuple:
    (x,), (tangent,) = primals, tangents
    value = root(x)
    positive = x > 0
    return value, jnp.where(positive, 0.5 / jnp.where(positive, value, 1), 0) * tangent


@jax.custom_jvp
def clamp(gap: Float[Array, "..."]) -> Float[Array, "..."]:
    """The gap moved into [0, 2], with derivative 1: only rounding leaves the interval.

    Example:
        >>> float(clamp(jnp.float32(-1e-7))), float(jax.grad(clamp)(0.0))
        (0.0, 1.0)
    """
    return jnp.clip(gap, 0, 2)


@clamp.defjvp
def _clamp_jvp(primals: tuple, tangents: tuple) -> tuple:
    return clamp(primals[0]), tangents[0]


def tangent(gap: Gaps, sqrt: Callable[[Gaps], Gaps]) -> Gaps:
    """tan(θ/4) = √g/(√2 + √(2 - g)), with the square root of NumPy or JAX."""
    return sqrt(gap) / (math.sqrt(2) + sqrt(2 - gap))


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def quarter(gap: Float[Array, "..."], stored: bool) -> tuple[Array, Array]:
    """b = tan(θ/4) = √g/(√2 + √(2 - g)) and b², of which the slope at gap 0 is 1/8.

    `stored`: whether b is read often enough to be stored: two roots and a division that several
    results read cost more.
    """
    b = tangent(gap, root)
    b = jax.lax.optimization_barrier(b) if stored else b
    return b, b * b


@quarter.defjvp
def _quarter_jvp(stored: bool, primals: tuple, tangents: tuple) -> tuple:
    (gap,), (tangent,) = primals, tangents
    b, square = quarter(gap, stored)
    far = root(2 - gap)
    # db²/dg = (1 + b²)/(2 √(2 - g) (√2 + √(2 - g))): no root of the gap in it.
    slope = (1 + square) / 2 * _over(math.sqrt(2) + far) * _over(far)
    return (b, square), (slope * _over(2 * b) * tangent, slope * tangent)


def _over(x: Array) -> Array:
    """1/x, and 0 for 1/0."""
    positive = x > 0
    return jnp.where(positive, 1 / jnp.where(positive, x, 1), 0)


def head(gap: Float[Array, "..."], halvings: int | None) -> Float[Array, "..."] | float:
    """g^(2^-halvings); 1 for None."""
    if halvings is None:
        return 1.0
    for _ in range(halvings):
        gap = root(gap)
    return gap


@dataclass(frozen=True)
class Variable:
    """t in [-1, 1] with t = 1 at gap 0, a conformal map of b = g/2 or of b = tan(θ/4).

    Functions of a smooth network are analytic in g, those of a ReLU network in θ = arccos c;
    tan(θ/4) = √g/(√2 + √(2 - g)) is analytic in θ and needs no arccos. Functions of a deep network
    also have a pole near b = -1/L and, from there to -∞, the branch cut of the logarithm in the
    asymptotics at depth L; those of a chaotic network with slope χ at c = 1 have one from -1/χ,
    and odd ones another from 1 + 1/χ. With z = √((b + a)/(1 + a - b)) or, for one cut only,
    z = √(b + a), m = (z - β)/(z + β), β² = z(0) z(1), maps the plane without the cuts to the unit
    disc and [0, 1] to [-r, r], as far from the edge of the disc as it can be; t = -m/r.

    Arguments:
        base: "gap" for b = g/2, "angle" for b = tan(θ/4).
        cut: a > 0; infinity for t = 1 - 2b.
        both: whether there is a cut at either end.

    Example:
        >>> str(Variable("gap", math.inf)), str(Variable("angle", 0.01))
        ('c', 'tan(θ/4) cut below -0.01')
    """

    base: Literal["gap", "angle"]
    cut: float
    both: bool = False

    @property
    def cost(self) -> int:
        """What the variable costs, in terms of a series."""
        cost = 0
        if self.base == "angle":
            cost += 2 * _ROOT + DIVISION + _STORED
        if math.isfinite(self.cut):
            cost += _ROOT + (1 + self.both) * DIVISION + _STORED
        return cost

    @property
    def _ends(self) -> tuple[float, float]:
        """z(0), z(1)."""
        a = self.cut
        if self.both:
            return math.sqrt(a / (1 + a)), math.sqrt((1 + a) / a)
        return math.sqrt(a), math.sqrt(1 + a)

    @property
    def _beta(self) -> float:
        return math.sqrt(math.prod(self._ends))

    @property
    def _radius(self) -> float:
        end = self._ends[1]
        return (end - self._beta) / (end + self._beta)

    def __call__(self, gap: Gaps, sqrt: Callable[[Gaps], Gaps] = root) -> Gaps:
        """t, of arrays of NumPy or JAX with their square root.

        Few intermediate values are read twice: XLA would store them instead of fusing.
        """
        a = self.cut
        b = self.base_value(gap, sqrt)
        if math.isinf(a):
            return 1 - 2 * b
        start, beta = self._ends[0], self._beta
        # (1 - t)/2 = β(z² - z(0)²)/(r(z(0) + β)(z + β)(z + z(0))): nothing cancels near b = 0.
        whole = 2 * beta * self._slope / (self._radius * (start + beta))
        if self.both:
            z = sqrt((b + a) / (1 + a - b))
            return 1 - whole * b / ((1 + a - b) * ((z + beta) * (z + start)))
        z = sqrt(b + a)
        return 1 - whole * b / ((z + beta) * (z + start))

    def base_value(self, gap: Gaps, sqrt: Callable[[Gaps], Gaps] = root) -> Gaps:
        """b in [0, 1], before any conformal map."""
        return tangent(gap, sqrt) if self.base == "angle" else 0.5 * gap

    def base_values(self, gap: Float[Array, "..."], stored: bool) -> tuple[Array, Array]:
        """b, and the power of it that is linear in the gap near gap 0: b, or b² for the angle."""
        if self.base == "angle":
            return quarter(gap, stored)
        return 0.5 * gap, 0.5 * gap

    def factor(self, t: Gaps) -> Gaps | float:
        """ω = (z(0) + β)/(z + β) = (1 - m)/(1 + r) in (0, 1] at t; 1 without a cut.

        It falls as the functions do.
        """
        if math.isinf(self.cut):
            return 1.0
        scale = 1 / (1 + self._radius)
        return scale + self._radius * scale * t

    @property
    def _slope(self) -> float:
        """(z² - z(0)²)/b at b = 0, or with two cuts that times 1 + a."""
        return (1 + 2 * self.cut) / (1 + self.cut) if self.both else 1.0

    def gaps(self, w: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """The gap where t = 1 - 2w, to relative accuracy: g = 2b, or g = 8b²/(1 + b²)²."""
        b = w
        if math.isfinite(self.cut):
            r, (start, _) = self._radius, self._ends
            # The change of z since b = 0, then of z², free of cancellation.
            rise = 4 * self._beta * r * w / ((1 + r - 2 * r * w) * (1 + r))
            b = rise * (rise + 2 * start)
            if self.both:
                b = b * (1 + self.cut) / (1 + b + start**2)
        return np.minimum(2.0, 2 * b if self.base == "gap" else 8 * b * b / (1 + b * b) ** 2)

    def __str__(self) -> str:
        name = "c" if self.base == "gap" else "tan(θ/4)"
        if math.isinf(self.cut):
            return name
        if self.base == "angle":
            return f"{name} cut below {-self.cut:g}"
        return f"{name} cut above {'±' if self.both else ''}(1 + {2 * self.cut:g})"


_CUTS = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
VARIABLES = (
    *(Variable(base, cut) for base in ("gap", "angle") for cut in (math.inf, *_CUTS)),
    *(Variable("gap", cut, both=True) for cut in _CUTS[3:]),
)
"""Every variable that is tried."""
