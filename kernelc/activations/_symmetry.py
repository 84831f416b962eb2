"""Parity, and whether DKS or TAT is out of reach: decided at generic points, to fifty digits."""

from __future__ import annotations

from functools import lru_cache

import mpmath
import sympy

from ._formula import Formula, flat
from ._numeric import mpmath_function
from ._pieces import evaluate
from ._stable import X
from ._structure import analytic, derivative_pieces, jumps, pieces


@lru_cache(maxsize=2048)
def parity(function: Formula) -> str | None:
    """Even or odd, decided at generic points of every piece to fifty digits; with a symbol as a
    parameter neither, as for most of its values."""
    if function.symbols:
        return None
    ends = [piece.upper for piece in pieces(function)[:-1]]
    mirrored = [-end for end in reversed(ends)]
    if any(a != b for a, b in zip(ends, mirrored, strict=True)):
        return None
    signs = {1, -1}
    with mpmath.workdps(50):
        value = mpmath_function(function, 0)
        for point in _generic_points(function):
            here, there = value(point), value(-point)
            small = mpmath.mpf("1e-40") * (1 + abs(here))
            signs = {s for s in signs if abs(there - s * here) <= small}
    return {1: "even", -1: "odd"}[signs.pop()] if len(signs) == 1 else None


def _generic_points(function: Formula) -> list[mpmath.mpf]:
    # multiples of irrational numbers: no special value of an elementary function hits them
    points = [mpmath.sqrt(n) / 3 for n in (2, 3, 5, 7, 11)]
    for piece in pieces(function):
        points += [evaluate(X, piece.interior, 50) + mpmath.sqrt(2) / 10**n for n in (3, 6)]
    return [point for point in points if point != 0]


@lru_cache(maxsize=2048)
def infeasible(function: Formula) -> str | None:
    """The proof of infeasibility; transformations with α, γ ≠ 0 cannot remove it."""
    function.require_numbers("a solver of constants")
    root, _ = flat(function)
    if jumps(root, 0):
        return "It jumps, so E φ'(Z)² and with it C'(1) is infinite for every transformation."
    rate = _growth_rate(root) if analytic(root) else None
    if rate is None or rate < 0:
        return None
    if rate > 0:
        return (
            f"φ⁽³⁾ = κφ' with κ = {mpmath.nstr(rate, 6)} > 0 makes Q'(1) = C'(1) + κα² for every "
            "transformation, so Q'(1) = 1 contradicts C'(1) ≥ 1."
        )
    if evaluate(derivative_pieces(root, 2)[0].expr, sympy.S.Zero) == 0:
        return "It is linear, so C(c) = c for every transformation and no shape can be reached."
    return (
        "φ'' is constant, so Q'(1) = C'(1) for every transformation, and C'(1) > 1 because φ is "
        "not linear: Q'(1) = 1 is out of reach."
    )


def _growth_rate(function: Formula) -> mpmath.mpf | None:
    """κ if φ⁽³⁾ = κφ' on the line (decided at generic points to fifty digits), or None."""
    with mpmath.workdps(50):
        first, third = (mpmath_function(function, order) for order in (1, 3))
        points = [p for p in _generic_points(function) if first(p) != 0]
        ratios = [third(p) / first(p) for p in points]
        spread = max(ratios) - min(ratios)
        return ratios[0] if spread <= mpmath.mpf("1e-30") * (1 + abs(ratios[0])) else None
