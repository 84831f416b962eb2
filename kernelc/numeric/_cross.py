"""E phi(u) psi(v) for two activations, over arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..activations import ScalarFunction
from ._angle import angle, cubic
from ._dual import derivative
from ._hermite import hermite_rule
from ._panels import PanelRule, expectation
from ._series import power_series


def cross_expectation(
    phi: ScalarFunction,
    psi: ScalarFunction,
    q1: Any,
    q2: Any,
    covariance: Any,
    order: int,
    largest_q: float,
) -> jax.Array:
    """E phi^(order)(u) psi^(order)(v), variances q1, q2: closed forms, series or quadrature.

    Arguments:
        q1, q2, covariance: broadcast against one another.
        largest_q: a bound on both variances.
    """
    q1, q2, covariance = (
        jnp.asarray(
            x,
            jnp.result_type(float, q1, q2, covariance)
            if not hasattr(covariance, "dtype")
            else covariance.dtype,
        )
        for x in (q1, q2, covariance)
    )
    size = jnp.sqrt(q1 * q2)
    gap = jnp.clip(jnp.where(size > 0, 1 - covariance / jnp.where(size > 0, size, 1.0), 0.0), 0, 2)
    # Rounding of the quotient, of which an angle would show the root.
    gap = jnp.where(gap <= 8 * float(jnp.finfo(gap.dtype).eps), 0.0, gap)
    if phi.homogeneity == 1 and psi.homogeneity == 1:
        return _rectified(phi, psi, size, gap, order)
    rules = hermite_rule(phi, largest_q), hermite_rule(psi, largest_q)
    if rules[0] is not None and rules[1] is not None:
        count = max(rule.terms[gap.dtype.itemsize] for rule in rules if rule is not None)
        a = rules[0].coefficients(q1, order, count)
        return power_series(a, 1 - gap, rules[1].coefficients(q2, order, count))
    return _quadrature(phi, psi, q1, q2, gap, order, largest_q)


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
    phi: ScalarFunction, psi: ScalarFunction, q1: Any, q2: Any, gap: Any, order: int, largest: float
) -> jax.Array:
    rules = PanelRule(phi, largest), PanelRule(psi, largest)
    f, g = derivative(phi, order), derivative(psi, order)
    kinks = np.union1d(rules[0].kinks, rules[1].kinks)
    wide = jnp.broadcast_arrays(jnp.sqrt(q1), jnp.sqrt(q2), gap)

    def one(p: Any) -> Any:
        return expectation(jnp, lambda u, v: f(u) * g(v), kinks, rules[0].width, *p)

    found = jax.lax.map(one, tuple(x.ravel() for x in wide), batch_size=16)
    return found.reshape(wide[0].shape)
