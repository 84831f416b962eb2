"""Quotients of two polynomials, for the poles and cuts just below gap 0 of deep networks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Array, Complex128, Float, Float64

from ._certify import Samples, reference
from ._series import Series
from ._variable import DIVISION, Variable, head


_MOST = 16  # points of support: beyond, rounding shows as poles between the samples
_LARGEST_GROWTH = 64.0
_LARGEST = 1e30  # float32 ends at 3e38
_BASES = (Variable("gap", math.inf), Variable("angle", math.inf))

Points = Float64[np.ndarray, " n"]


@dataclass(frozen=True)
class Quotient:
    """One quantity: w^h p(b)/q(b), where w is the power of b that is linear in the gap near 0.

    Arguments:
        name: the quantity.
        halvings: h = 2^-halvings; None for h = 0.
        above, below: p and q, in powers of b.
    """

    name: str
    halvings: int | None
    above: Series
    below: Series

    @property
    def cost(self) -> int:
        """In terms of a series."""
        return self.above.cost + self.below.cost + DIVISION


@dataclass(frozen=True)
class RationalForm:
    """All quantities by one quotient each, in b = g/2 or b = tan(θ/4).

    A cut takes a series some 30 terms and a conformal map; a quotient puts about 10 poles along
    it. Poles and zeros lie around the interval, so powers of b are well conditioned.

    Arguments:
        variable: one without cuts.
        parts: the quantities.
    """

    variable: Variable
    parts: tuple[Quotient, ...]

    @property
    def terms(self) -> int:
        """Terms above and below in the longest quotient."""
        return max(len(p.above.coefficients) + len(p.below.coefficients) for p in self.parts)

    @property
    def cost(self) -> int:
        """In terms of a series."""
        return self.variable.cost + sum(part.cost for part in self.parts)

    def __str__(self) -> str:
        return f"a quotient of {self.terms} terms in {self.variable}"

    def __call__(self, gap: Float[Array, "..."]) -> dict[str, Float[Array, "..."]]:
        """The quantities at gaps in [0, 2]."""
        b, w = self.variable.base_values(gap, stored=len(self.parts) > 1)
        return {
            part.name: part.above(b) / part.below(b) * head(w, part.halvings) for part in self.parts
        }


def quotients(
    gaps: Points, samples: Samples, halvings: int | None, target: dict[str, float]
) -> list[tuple[float, RationalForm]]:
    """(cost, form) of those that reach the target, from samples dense towards both ends."""
    found = []
    for variable in _BASES:
        placed = variable.base_value(gaps, np.sqrt)
        b, first = np.unique(placed, return_index=True)
        parts = []
        for name, values in samples.items():
            exponent = halvings if name == "drop" else None
            weight = np.ones_like(gaps)
            if exponent is not None:
                weight = placed ** ((2 if variable.base == "angle" else 1) * 2.0**-exponent)
            scale = (reference(name, gaps, values) / weight)[first]
            pair = _quotient(b, (values / weight)[first], scale, target[name])
            if pair is None:
                break
            parts.append(Quotient(name, exponent, *pair))
        else:
            form = RationalForm(variable, tuple(parts))
            found.append((form.cost, form))
    return found


@np.errstate(all="ignore")  # what is not finite is refused
def _quotient(
    b: Points, values: Points, scale: Points, target: float
) -> tuple[Series, Series] | None:
    """p and q with |p/q - values| <= target scale, where few terms are enough."""
    if not values.any():
        return Series("power", (0.0,)), Series("power", (1.0,))
    fitted = _barycentric(b, values, 1 / (target * scale))
    if fitted is None:
        return None
    support, at, mass = fitted
    # At b = 0 and in products over roots nothing cancels; in sums over the support much does.
    start = float(np.sum(mass * at / support) / np.sum(mass / support))
    above, below = (_from_roots(_roots(support, m)) for m in (mass * at, mass))
    above = start * above
    if not max(np.max(np.abs(above)), np.max(np.abs(below))) < _LARGEST:
        return None
    powers = b[:, None] ** np.arange(support.size)
    bottom = powers[:, : below.size] @ below
    # A pole between two samples changes the sign.
    if not bottom.min() > 0:
        return None
    error = np.abs(powers[:, : above.size] @ above / bottom - values)
    # Rounding is in proportion to how much larger the terms are than their sum.
    rounding = (
        powers[:, : above.size] @ np.abs(above) / bottom / scale,
        powers[:, : below.size] @ np.abs(below) / bottom,
    )
    growth, missed = max(map(np.max, rounding)), np.max(error / scale)
    if not (growth <= _LARGEST_GROWTH and missed <= 2 * target):
        return None
    return Series("power", tuple(above.tolist())), Series("power", tuple(below.tolist()))


def _barycentric(b: Points, values: Points, weight: Points) -> tuple[Points, Points, Points] | None:
    """Points of support, values and masses there, by the AAA algorithm.

    Nakatsukasa, Sète, Trefethen 2018: interpolate where the error is largest, choose the masses
    for the least linearized error elsewhere, repeat.
    """
    free = np.ones(b.size, bool)
    fitted = np.full_like(values, np.mean(values))
    for _ in range(_MOST):
        free[np.argmax(np.where(free, np.abs(values - fitted) * weight, -1.0))] = False
        support, at = b[~free], values[~free]
        inverse = 1 / (b[free][:, None] - support)
        loewner = weight[free][:, None] * inverse * (values[free][:, None] - at)
        if not np.isfinite(loewner).all():
            return None
        mass = np.linalg.svd(loewner, full_matrices=False)[2][-1]
        fitted = values.copy()
        fitted[free] = (inverse @ (mass * at)) / (inverse @ mass)
        error = np.max(np.abs(values - fitted) * weight)
        if not np.isfinite(error):
            return None
        if error <= 1:
            return support, at, mass
    return None


def _roots(support: Points, mass: Points) -> Complex128[np.ndarray, " k"]:
    """Where Σ mass/(b - support) vanishes: finite eigenvalues of an arrowhead pencil."""
    size = support.size
    left = np.zeros((size + 1, size + 1))
    left[0, 1:], left[1:, 0] = mass, 1
    left[1:, 1:] = np.diag(support)
    right = np.eye(size + 1)
    right[0, 0] = 0
    found = scipy.linalg.eigvals(left, right)
    return found[np.isfinite(found)]


def _from_roots(roots: Complex128[np.ndarray, " k"]) -> Points:
    """Coefficients of Π (1 - b/root), lowest first."""
    return np.atleast_1d(np.poly(1 / roots).real)
