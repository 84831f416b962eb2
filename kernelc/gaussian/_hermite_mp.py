"""Hermite coefficients to any number of digits."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath

from ..activations import ScalarFunction
from ._dual_mp import hermite_line
from ._mehler import check_count
from ._moments import expectation_mp, kinks_mp


_GUARD = 15


def hermite_coefficients_mp(phi: ScalarFunction, q: Any, n: int, dps: int = 30) -> list[Any]:
    """a_k = E φ(√q Z)He_k(Z)/√k! for k < n, to `dps` digits of √E φ².

    So E φ(u)φ(v) = Σ a_k² c^k at variances q and cosine c (Mehler), and
    E φ^(k)(√q Z) = a_k √k! q^(-k/2), derivatives distributional.

    Arguments:
        phi: the function.
        q: variance.
        n: how many coefficients, at most 401.
        dps: decimal digits wanted.

    Returns: n mpmath numbers.

    Raises:
        ActivationError: n out of range.

    Example:
        >>> from kernelc.activations import named
        >>> [mpmath.nstr(a, 20) for a in hermite_coefficients_mp(named("square"), 1, 3)]
        ['1.0', '0.0', '1.4142135623730950488']
    """
    check_count(phi, n)
    with mpmath.workdps(dps + _GUARD):
        if phi.analytic:
            found = _by_trapezoids(phi, mpmath.sqrt(q), n)
            return [mpmath.mpf(0) if _vanishes(phi, k) else a for k, a in enumerate(found)]
        return [_coefficient(phi, mpmath.mpf(q), k, mpmath.mp.dps) for k in range(n)]


def _by_trapezoids(phi: ScalarFunction, scale: Any, n: int) -> list[Any]:
    """All at once, at ever more nodes; the finer of two that agree to half the digits is right."""
    step = 1 / (max(2, mpmath.mp.prec // 40) * max(mpmath.mpf(1), scale) * mpmath.sqrt(1 + n / 8))
    before: list[Any] | None = None
    while True:
        line = hermite_line(phi, 0, scale, step, mpmath.mp.prec)
        found = [line.coefficient(k) for k in range(n)]
        agree = mpmath.sqrt(mpmath.ldexp(line.size, 20 - mpmath.mp.prec))
        if (
            before is not None
            and max(abs(a - b) for a, b in zip(found, before, strict=True)) <= agree
        ):
            return found
        before, step = found, step / 2


@lru_cache(maxsize=4096)
def _coefficient(phi: ScalarFunction, q: Any, k: int, dps: int) -> Any:
    if _vanishes(phi, k):
        return mpmath.mpf(0)
    f, scale = phi.mpmath(0), mpmath.sqrt(q)
    # He_k reaches to 2√k: the digits of the terms that cancel there.
    with mpmath.workdps(dps + k // 4):
        total = expectation_mp(lambda z: f(scale * z) * _hermite(k, z), kinks_mp(phi, scale, 0))
    return +total


def _hermite(k: int, z: Any) -> Any:
    """The orthonormal Hermite polynomial of degree k."""
    before, now = mpmath.mpf(0), mpmath.mpf(1)
    for j in range(k):
        before, now = now, (z * now - mpmath.sqrt(j) * before) / mpmath.sqrt(j + 1)
    return now


def _vanishes(phi: ScalarFunction, k: int) -> bool:
    """Whether the coefficient is 0 by parity, and not only up to rounding."""
    return phi.parity == ("odd" if k % 2 == 0 else "even")
