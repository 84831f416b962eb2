"""E phi(u) psi(v) for two activations, over arrays: which rule serves, and the rules."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import sympy

from ..activations import FLOAT_MODULES, MP_MODULES, ScalarFunction, closed_cross
from ._angle import angle, cubic
from ._closed import JAX_MODULES, gathered
from ._hermite import HermiteRule, hermite_rule
from ._pair import Number
from ._panels import PanelRule, over_pairs
from ._rule import derivative
from ._series import power_series


Forms = tuple[Callable[..., jax.Array], Callable[..., jax.Array]]
Point = tuple[jax.Array, jax.Array, jax.Array]
# Variances and cosines at which a formula is compared with itself in many digits.
_PARTS, _COSINES = (1.0, 0.1, 1e-3), (-0.9, -0.1, 0.0, 0.4, 0.99)
_DIGITS, _ROUNDINGS = 50, 64


class CrossRule(ABC):
    """E phi^(order)(u) psi^(order)(v) of two activations, as a function of arrays."""

    bounded = False

    def __init__(self, phi: ScalarFunction, psi: ScalarFunction) -> None:
        self.phi, self.psi = phi, psi

    def expectations(
        self, points: Sequence[tuple[Number, Number, Number]], order: int
    ) -> list[jax.Array]:
        """The expectation at variances of u and of v and their covariance, which broadcast."""
        return self.at([_measured(*point) for point in points], order)

    @abstractmethod
    def at(self, points: Sequence[Point], order: int) -> list[jax.Array]:
        """The expectation at variances and 1 - c, as arrays of one type."""

    @abstractmethod
    def describe(self) -> str:
        """One line for `explain`."""

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.phi.name} with {self.psi.name}"


@functools.lru_cache(maxsize=128)
def cross_rule(phi: ScalarFunction, psi: ScalarFunction, largest_q: float) -> CrossRule:
    """Closed in the angle, closed, Hermite series or quadrature: the first that serves.

    Raises:
        UnsupportedError: an activation that jumps, or too steep at such variances for any rule.
    """
    if phi.homogeneity == 1 and psi.homogeneity == 1:
        return RectifiedCross(phi, psi)
    rules = hermite_rule(phi, largest_q), hermite_rule(psi, largest_q)
    if rules[0] is not None and rules[1] is not None:
        return SeriesCross(rules[0], rules[1])
    forms = closed_forms(phi, psi, largest_q)
    if forms is not None:
        return ClosedCross(phi, psi, forms)
    return QuadratureCross(phi, psi, largest_q)


def _measured(q1: Number, q2: Number, covariance: Number) -> Point:
    """The variances and 1 - c, as arrays of one type."""
    given = getattr(covariance, "dtype", jnp.result_type(float, q1, q2, covariance))
    q1, q2, covariance = (jnp.asarray(x, given) for x in (q1, q2, covariance))
    size = jnp.sqrt(q1 * q2)
    gap = jnp.clip(jnp.where(size > 0, 1 - covariance / jnp.where(size > 0, size, 1.0), 0.0), 0, 2)
    # Rounding of the quotient, of which an angle would show the root.
    return q1, q2, jnp.where(gap <= 8 * float(jnp.finfo(gap.dtype).eps), 0.0, gap)


class RectifiedCross(CrossRule):
    """Both a min(x, 0) + b max(x, 0): the halves pair up alike or crosswise."""

    def at(self, points: Sequence[Point], order: int) -> list[jax.Array]:
        (a, b), (c, d) = (_slopes(phi) for phi in (self.phi, self.psi))
        straight, crossed = (a * c + b * d) / 2, (a * d + b * c) / 2
        bend = (straight - crossed) / np.pi
        if order:
            return [straight - bend * angle(gap) for _, _, gap in points]
        return [
            jnp.sqrt(q1 * q2) * (straight * (1 - gap) + bend * cubic(angle(gap)))
            for q1, q2, gap in points
        ]

    def describe(self) -> str:
        return f"{self.name}: closed form in the angle"


def _slopes(phi: ScalarFunction) -> tuple[float, float]:
    below, above = (float(v) for v in phi.numpy(0)([-1.0, 1.0]))
    return -below, above


class SeriesCross(CrossRule):
    """sum_j a_j b_j c^j in the Hermite coefficients of both."""

    def __init__(self, first: HermiteRule, second: HermiteRule) -> None:
        super().__init__(first.phi, second.phi)
        self.rules = first, second

    def at(self, points: Sequence[Point], order: int) -> list[jax.Array]:
        return [self._series(point, order) for point in points]

    def _series(self, point: Point, order: int) -> jax.Array:
        q1, q2, gap = point
        count = max(rule.terms[gap.dtype.itemsize] for rule in self.rules)
        a, b = (r.coefficients(q, order, count) for r, q in zip(self.rules, (q1, q2), strict=True))
        return power_series(a, 1 - gap, b)

    def describe(self) -> str:
        return f"{self.name}: {max(rule.terms[8] for rule in self.rules)} Hermite terms"


class ClosedCross(CrossRule):
    """The formulas of (q1, q2, k) for values and for slopes, for variances beyond series."""

    def __init__(self, phi: ScalarFunction, psi: ScalarFunction, forms: Forms) -> None:
        super().__init__(phi, psi)
        self.forms = forms

    def at(self, points: Sequence[Point], order: int) -> list[jax.Array]:
        return [self.forms[order](q1, q2, (1 - gap) * jnp.sqrt(q1 * q2)) for q1, q2, gap in points]

    def describe(self) -> str:
        return f"{self.name}: closed form"


@functools.lru_cache(maxsize=64)
def closed_forms(phi: ScalarFunction, psi: ScalarFunction, largest_q: float) -> Forms | None:
    """E phi psi and E phi' psi' of (q1, q2, k) in JAX, where known and right to rounding."""
    symbols = *sympy.symbols("q1 q2", positive=True), sympy.Symbol("k", real=True)
    found = []
    for order in (0, 1):
        form = closed_cross(phi, psi, (order, order), symbols)
        if form is None:
            return None
        form = gathered(form)
        here, exact = (sympy.lambdify(symbols, form, m) for m in (FLOAT_MODULES, MP_MODULES))
        if not _keeps_digits(here, exact, largest_q):
            return None
        found.append(sympy.lambdify(symbols, form, JAX_MODULES))
    return found[0], found[1]


def _keeps_digits(
    here: Callable[..., float], exact: Callable[..., float], largest_q: float
) -> bool:
    for q1, q2 in ((largest_q * a, largest_q * b) for a in _PARTS for b in _PARTS):
        size, errors = 0.0, [0.0]
        for c in _COSINES:
            k = c * (q1 * q2) ** 0.5
            with mpmath.workdps(_DIGITS), np.errstate(all="ignore"):
                right = float(exact(*map(mpmath.mpf, (q1, q2, k))))
                errors.append(abs(float(here(q1, q2, k)) - right))
            size = max(size, abs(right))
        if not max(errors) <= _ROUNDINGS * np.finfo(np.float64).eps * size:
            return False
    return True


class QuadratureCross(CrossRule):
    """Panels split at the kinks of both, for every pair."""

    def __init__(self, phi: ScalarFunction, psi: ScalarFunction, largest_q: float) -> None:
        super().__init__(phi, psi)
        rules = PanelRule(phi, largest_q), PanelRule(psi, largest_q)
        self.kinks = np.union1d(rules[0].kinks, rules[1].kinks)
        self.width = min(rule.width for rule in rules)

    def at(self, points: Sequence[Point], order: int) -> list[jax.Array]:
        f, g = derivative(self.phi, order), derivative(self.psi, order)
        wide = [(jnp.sqrt(q1), jnp.sqrt(q2), gap) for q1, q2, gap in points]
        return over_pairs(lambda u, v: f(u) * g(v), self.kinks, self.width, wide)

    def describe(self) -> str:
        return f"{self.name}: quadrature for every pair (slow)"
