"""E phi(u) psi(v) for two activations, over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..activations import ScalarFunction
from ._angle import angle, cubic
from ._hermite import HermiteRule, hermite_rule
from ._panels import PanelRule, over_pairs
from ._rule import derivative
from ._series import power_series


Point = tuple[Any, Any, Any]


def cross_expectations(
    phi: ScalarFunction,
    psi: ScalarFunction,
    points: Sequence[Point],
    order: int,
    largest_q: float,
) -> list[jax.Array]:
    """E phi^(order)(u) psi^(order)(v) at each point: closed forms, series or quadrature.

    Arguments:
        points: variances of u and of v, and their covariance, broadcast against one another.
        largest_q: a bound on the variances.
    """
    measured = [_measured(*point) for point in points]
    if phi.homogeneity == 1 and psi.homogeneity == 1:
        return [_rectified(phi, psi, jnp.sqrt(a * b), gap, order) for a, b, gap in measured]
    rules = hermite_rule(phi, largest_q), hermite_rule(psi, largest_q)
    if rules[0] is not None and rules[1] is not None:
        both = (rules[0], rules[1])
        return [_series(both, point, order) for point in measured]
    return _quadrature(phi, psi, measured, order, largest_q)


def _measured(q1: Any, q2: Any, covariance: Any) -> Point:
    """The variances and 1 - c, as arrays of one type."""
    given = getattr(covariance, "dtype", jnp.result_type(float, q1, q2, covariance))
    q1, q2, covariance = (jnp.asarray(x, given) for x in (q1, q2, covariance))
    size = jnp.sqrt(q1 * q2)
    gap = jnp.clip(jnp.where(size > 0, 1 - covariance / jnp.where(size > 0, size, 1.0), 0.0), 0, 2)
    # Rounding of the quotient, of which an angle would show the root.
    return q1, q2, jnp.where(gap <= 8 * float(jnp.finfo(gap.dtype).eps), 0.0, gap)


def _series(rules: tuple[HermiteRule, HermiteRule], point: Point, order: int) -> jax.Array:
    q1, q2, gap = point
    count = max(rule.terms[gap.dtype.itemsize] for rule in rules)
    a, b = rules[0].coefficients(q1, order, count), rules[1].coefficients(q2, order, count)
    return power_series(a, 1 - gap, b)


def _rectified(
    phi: ScalarFunction, psi: ScalarFunction, size: Any, gap: Any, order: int
) -> jax.Array:
    """Both a min(x, 0) + b max(x, 0): the halves pair up alike or crosswise."""
    (a, b), (c, d) = (_slopes(phi), _slopes(psi))
    theta = angle(gap)
    straight, crossed = (a * c + b * d) / 2, (a * d + b * c) / 2
    bend = (straight - crossed) / np.pi
    if order:
        return straight - bend * theta
    return size * (straight * (1 - gap) + bend * cubic(theta))


def _slopes(phi: ScalarFunction) -> tuple[float, float]:
    below, above = (float(v) for v in phi.numpy(0)([-1.0, 1.0]))
    return -below, above


def _quadrature(
    phi: ScalarFunction, psi: ScalarFunction, points: Sequence[Point], order: int, largest: float
) -> list[jax.Array]:
    rules = PanelRule(phi, largest), PanelRule(psi, largest)
    f, g = derivative(phi, order), derivative(psi, order)
    kinks = np.union1d(rules[0].kinks, rules[1].kinks)
    wide = [(jnp.sqrt(q1), jnp.sqrt(q2), gap) for q1, q2, gap in points]
    width = min(rule.width for rule in rules)
    return over_pairs(lambda u, v: f(u) * g(v), kinks, width, wide)
