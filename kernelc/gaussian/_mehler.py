"""Hermite coefficients, and the power series of a dual at one variance, its rest bounded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from .._errors import ActivationError
from ..activations import ScalarFunction
from ._nodes import PANEL_ORDER, Rule, Vector, hermite_rows, panel_rule, trapezoid_rule
from ._quadrature import rule_size, trapezoid_size


_MAX_DEGREE = 400
# What a series may leave, relative to the kernel at c = 1.
_REST = 1e-15
# Few different numbers of degrees, so that coefficients are computed once for many cosines.
_DEGREES = (128, 512, 2048, 8192, 20_000)
# Nodes of a rule in one dimension whose square takes longer than a series.
_MANY = 500
# Steps shrink by this, not by ½, which keeps aliases of a wave; two must agree to rounding.
_SHRINK, _TRIES, _AGREE = 0.7, 6, 4e-15
# Degrees are made in blocks: each ends with a look at what is left.
_BLOCK = 64
# The integrand is φ times √density times a bounded function. φ² times the density is negligible
# beyond the reach of a rule, so its root is beyond √2 times that.
_REACH, _MARGIN = math.sqrt(2.0), 1.0
# Trapezoids resolve waves up to π/step; those of degree k reach √k.
_GAUSSIAN_WAVE = 4.0


def is_costly(phi: ScalarFunction, q: float) -> bool:
    """Whether φ bends so often at this variance that a rule in two dimensions takes long."""
    if not phi.analytic:
        return False
    size = trapezoid_size(phi, math.sqrt(q))
    return 2 * size.limit / size.width > _MANY


def hermite_dual(phi: ScalarFunction, q: float, c: float, order: int) -> float | None:
    """K(c) = Σ a_k² c^k, a_k the Hermite coefficients of φ^(order)(√q Z); None if not resolved.

    All a_k² are positive and add up to K(1), which one integral gives: Σ_{k≥n} a_k² |c|^k is at
    most |c|^n (K(1) - Σ_{k<n} a_k²). Degrees are added until that is 1e-15 of K(1), or 20,000
    are reached; so the cost grows with the frequency of φ, not with its square.

    Example:
        >>> from kernelc.activations import named
        >>> round(hermite_dual(named("sin"), 1.0, 0.5, 0), 6)
        0.1917
    """
    # Closer to 1 a series is too long, unless its coefficients end before.
    needed = math.log(_REST) / math.log(max(abs(c), 0.01)) if abs(c) < 1 else math.inf
    degree = next((each for each in _DEGREES if each >= needed), _DEGREES[-1])
    power, total = _power(phi, q, order, degree)
    if power is None:
        return None
    rest = max(total - float(np.sum(power)), 0.0)
    if rest * abs(c) ** len(power) > _REST * total:
        return None
    return float(np.polynomial.polynomial.polyval(c, power))


@lru_cache(maxsize=1024)
def _power(
    phi: ScalarFunction, q: float, order: int, degree: int
) -> tuple[Float64[np.ndarray, " degrees"] | None, float]:
    """a_k² for k < `degree`, fewer where they leave nothing; and E φ^(order)(√q Z)².

    A step at which E φ² is right may still be too long for a product of two different waves,
    so steps shrink until two of them agree; None where none do.
    """
    size = trapezoid_size(phi, math.sqrt(q))
    limit = min(_REACH * size.limit + _MARGIN, 37.0)
    step = min(size.width, math.pi / (math.sqrt(degree) + _GAUSSIAN_WAVE))
    before, total = _squares(phi, q, order, degree, step, limit)
    for _ in range(_TRIES):
        step *= _SHRINK
        after, total = _squares(phi, q, order, degree, step, limit)
        if len(after) == len(before) and np.max(np.abs(after - before)) <= _AGREE * total:
            after.setflags(write=False)
            return after, total
        before = after
    return None, total


def _squares(
    phi: ScalarFunction, q: float, order: int, degree: int, step: float, limit: float
) -> tuple[Float64[np.ndarray, " degrees"], float]:
    z, w = trapezoid_rule(step, limit)
    values = phi.numpy(order)(math.sqrt(q) * z)
    total = float(w @ values**2)
    power, left = np.empty(degree), total
    for k, coefficient in enumerate(_coefficients(values, z, w, degree)):
        power[k] = coefficient**2
        left -= power[k]
        if k % _BLOCK == _BLOCK - 1 and left <= _REST * total:
            return power[: k + 1].copy(), total
    return power, total


def _coefficients(values: Vector, z: Vector, w: Vector, count: int) -> Iterator[float]:
    """E f(Z)He_k(Z)/√k! for k < count, from values of f at nodes."""
    root = np.sqrt(w)
    target = root * values
    for row in itertools.islice(hermite_rows(z, root), count):
        yield float(row @ target)


def hermite_coefficients(phi: ScalarFunction, n: int) -> Float64[np.ndarray, " n"]:
    """a_k = E φ(Z)He_k(Z)/√k! for k < n, so that K(1, 1, c) = Σ a_k² c^k.

    Arguments:
        phi: the function.
        n: how many coefficients, at most 401.

    Returns: (n,) coefficients, absolute error about 1e-15·√E φ(Z)².

    Raises:
        ActivationError: n out of range, or E φ(Z)² is not finite.

    Example:
        >>> from kernelc.activations import named
        >>> hermite_coefficients(named("identity"), 3).round(12).tolist()
        [0.0, 1.0, 0.0]
    """
    check_count(phi, n)
    z, w = _panels(phi, n)
    return np.array(list(_coefficients(phi.numpy(0)(z), z, w, n)))


def check_count(phi: ScalarFunction, n: int) -> None:
    """Refuse a number of coefficients that rules do not resolve."""
    if not 1 <= n <= _MAX_DEGREE + 1:
        raise ActivationError(
            where=phi.name,
            found=f"{n} Hermite coefficients asked for",
            law=f"Between 1 and {_MAX_DEGREE + 1} are computed accurately",
            remedy="Ask for a number in that range",
        )


def _panels(phi: ScalarFunction, n: int) -> Rule:
    """Panels fine enough for degree n: p_k oscillates at √k and reaches to 2√k."""
    size = rule_size(phi, 1.0, 0.0, PANEL_ORDER, trapezoids=False)
    # φ·p_k under the density: half its exponent is spent on p_k, so reach further out.
    limit = min(37.0, max(size.limit, 2 * np.sqrt(n) + 8.0))
    width = min(size.width, 12.0 / np.sqrt(n))
    return panel_rule(phi.breakpoints, PANEL_ORDER, width, limit, size.scale)
