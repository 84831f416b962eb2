"""Moments of φ(αZ+β), and means at variance zero: Gaussian integrals over a line."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import mpmath
import numpy as np

from .._errors import ActivationError
from ..activations import ScalarFunction
from ._line_mp import expectation_mp
from ._nodes import Rule
from ._quadrature import gaussian_rule


Masses = tuple[tuple[float, float], ...]
"""(location, mass) of delta functions."""


@dataclass(frozen=True)
class Moments:
    """Expectations of φ and its distributional derivatives at X = αZ+β.

    Arguments:
        mean: E φ(X).
        second: E φ(X)².
        variance: E (φ(X) - mean)².
        slope: E φ'(X).
        slope_second: E φ'(X)²; infinite where φ jumps.
        curvature_second: E φ''(X)²; infinite where φ or φ' jumps.
        stein: E φ(X)φ'(X)Z = ½ ∂/∂α E φ(X)².
    """

    mean: Any
    second: Any
    variance: Any
    slope: Any
    slope_second: Any
    curvature_second: Any
    stein: Any


def moments(
    phi: ScalarFunction,
    alpha: float = 1.0,
    beta: float = 0.0,
    rule: Callable[[ScalarFunction, float, float], Rule] = gaussian_rule,
) -> Moments:
    """The moments of φ(αZ+β) in float64, relative error about 1e-14.

    Arguments:
        phi: the function.
        alpha: positive scale.
        beta: shift.
        rule: `gaussian_rule`, or `independent_rule` to certify its answer.

    Returns: `Moments` of floats.

    Raises:
        ActivationError: α is not positive, or a second moment is not finite.

    Example:
        >>> from kernelc.activations import named
        >>> round(moments(named("relu")).second, 14)
        0.5
    """
    z, w = rule(phi, alpha, beta)
    x = alpha * z + beta
    value, slope = phi.numpy(0)(x), phi.numpy(1)(x)
    mean = float(w @ value)
    second = value * value
    jumps, kinked = phi.jumps(0), bool(phi.jumps(0) or phi.jumps(1))
    # Integration by parts moves the derivative off φ², so jumps need no term of their own.
    stein = second @ (w * (z * z - 1)) / (2 * alpha) if jumps else (w * value) @ (slope * z)
    return Moments(
        mean=mean,
        second=float(w @ second),
        variance=float(w @ (value - mean) ** 2),
        slope=float(w @ slope) + _at_masses(jumps, alpha, beta),
        slope_second=math.inf if jumps else float(w @ (slope * slope)),
        curvature_second=math.inf if kinked else float(w @ phi.numpy(2)(x) ** 2),
        stein=float(stein),
    )


def moments_mp(phi: ScalarFunction, alpha: Any = 1, beta: Any = 0, dps: int = 30) -> Moments:
    """The moments of φ(αZ+β) to `dps` digits.

    Arguments:
        phi: the function.
        alpha: positive scale (mpmath number, or text of one).
        beta: shift.
        dps: decimal digits wanted.

    Returns: `Moments` of mpmath numbers.

    Raises:
        ActivationError: α is not positive.

    Example:
        >>> from kernelc.activations import named
        >>> print(moments_mp(named("relu"), dps=20).second)
        0.5
    """
    with mpmath.workdps(dps + 15):
        a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
        if not (0 < a < mpmath.inf and mpmath.isfinite(b)):
            raise ActivationError(
                where=phi.name,
                found=f"alpha={alpha}, beta={beta}",
                law="A Gaussian input needs a positive scale and a finite shift",
                remedy="Pass alpha > 0 and a finite beta",
            )
        return _moments_mp(phi, a, b)


def _moments_mp(phi: ScalarFunction, alpha: Any, beta: Any) -> Moments:
    f, df, ddf = (phi.mpmath(order) for order in range(3))
    splits = kinks_mp(phi, alpha, beta)

    def expect(integrand: Callable[[Any, Any], Any]) -> Any:
        return expectation_mp(lambda z: integrand(z, alpha * z + beta), splits)

    mean, second = expect(lambda z, x: f(x)), expect(lambda z, x: f(x) ** 2)
    jumps, kinked = phi.jumps(0), bool(phi.jumps(0) or phi.jumps(1))
    return Moments(
        mean=mean,
        second=second,
        variance=expect(lambda z, x: (f(x) - mean) ** 2),
        slope=expect(lambda z, x: df(x)) + at_masses_mp(jumps, alpha, beta),
        slope_second=mpmath.inf if jumps else expect(lambda z, x: df(x) ** 2),
        curvature_second=mpmath.inf if kinked else expect(lambda z, x: ddf(x) ** 2),
        stein=expect(lambda z, x: f(x) ** 2 * (z * z - 1)) / (2 * alpha),
    )


def _at_masses(masses: Masses, alpha: float, beta: float) -> float:
    """E of point masses at αZ+β."""
    return sum(
        mass * math.exp(-(((x - beta) / alpha) ** 2) / 2) / (math.sqrt(2 * math.pi) * alpha)
        for x, mass in masses
    )


def at_masses_mp(masses: Masses, alpha: Any, beta: Any) -> Any:
    """`_at_masses` at the working precision of mpmath."""
    return sum(
        (mass * mpmath.npdf((location - beta) / alpha) / alpha for location, mass in masses),
        mpmath.mpf(0),
    )


def kinks_mp(phi: ScalarFunction, alpha: Any, beta: Any) -> list[Any]:
    """The break points of φ(αz+β) in z, at the working precision."""
    exact = (piece.lower for piece in phi.pieces[1:])
    return [(mpmath.mpf(point.evalf(mpmath.mp.dps)) - beta) / alpha for point in exact]


@lru_cache(maxsize=2048)
def at_zero(phi: ScalarFunction, order: int = 0) -> float:
    """φ^(order)(0): where it jumps, what the finite layer computes, or the mean of both sides.

    Point masses at 0 are left out: no weight moves a value that is zero.

    Example:
        >>> from kernelc.activations import named
        >>> at_zero(named("sign")), at_zero(named("sigmoid")), at_zero(named("relu"), 1)
        (-1.0, 0.5, 0.5)
    """
    if not jumps_at_zero(phi, order):
        return float(phi.numpy(order)(np.zeros(1))[0])
    if order == 0:
        with jax.enable_x64(True), jax.ensure_compile_time_eval():
            return float(phi.jax(np.float64(0.0)))
    least = np.finfo(np.float64).tiny
    return float(np.mean(phi.numpy(order)(np.array([-least, least]))))


def jumps_at_zero(phi: ScalarFunction, order: int = 0) -> bool:
    """Whether φ^(order) has two values at 0."""
    return any(location == 0 for location, _ in phi.jumps(order))


def line_mean(phi: ScalarFunction, order: int, q: float) -> float:
    """E φ^(order)(u) for u of variance q, which may be 0."""
    if q == 0:
        return at_zero(phi, order)
    a = math.sqrt(q)
    z, w = gaussian_rule(phi, a, 0.0)
    masses = phi.jumps(order - 1) if order else ()
    return float(w @ phi.numpy(order)(a * z)) + _at_masses(masses, a, 0.0)


def line_mean_mp(phi: ScalarFunction, order: int, q: Any) -> Any:
    """`line_mean` at the working precision of mpmath."""
    f = phi.mpmath(order)
    if q == 0:
        return mpmath.mpf(at_zero(phi, order)) if jumps_at_zero(phi, order) else f(mpmath.mpf(0))
    a = mpmath.sqrt(q)
    masses = phi.jumps(order - 1) if order else ()
    total = expectation_mp(lambda z: f(a * z), kinks_mp(phi, a, 0))
    return total + at_masses_mp(masses, a, mpmath.mpf(0))
