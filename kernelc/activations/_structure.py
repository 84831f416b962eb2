"""Facts about a scalar function that follow from its pieces and its definition."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import mpmath
import sympy

from .._errors import ActivationError
from ._closed_duals import affine_image, exponential_terms, line_expectation, pair_expectation
from ._closed_moments import Terms
from ._pieces import Piece, evaluate, split
from ._registry import Definition
from ._stable import X


if TYPE_CHECKING:
    from ._scalar import ScalarFunction


# A jump below this, relative to the sides, is rounding of constants given as floats.
_ROUNDING = mpmath.mpf("1e-12")
# No activation in use is smooth to this order across a break point without being analytic there.
_MAX_SMOOTHNESS = 24


def order(value: object) -> int:
    """`value` as an order of differentiation.

    Raises:
        ActivationError: not a whole number in 0..24.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_SMOOTHNESS:
        return value
    raise ActivationError(
        where="derivative order",
        found=f"{value!r}",
        law=f"An order of differentiation is a whole number from 0 to {_MAX_SMOOTHNESS}",
        remedy="Pass such a number",
    )


@lru_cache(maxsize=2048)
def pieces(function: ScalarFunction) -> tuple[Piece, ...]:
    """Pieces of φ; a transformed function moves those of its base."""
    if function.base is None:
        return split(function.expr)
    alpha, beta, gamma, delta = function.affine
    moved = []
    for piece in pieces(function.base):
        lower, upper = (_pull_back(end, alpha, beta) for end in (piece.lower, piece.upper))
        if alpha.is_negative:
            lower, upper = upper, lower
        expr = gamma * (piece.expr.xreplace({X: alpha * X + beta}) + delta)
        moved.append(Piece(lower, upper, expr))
    return tuple(moved[::-1] if alpha.is_negative else moved)


def _pull_back(end: Any, alpha: Any, beta: Any) -> Any:
    if end.is_infinite:
        return -end if alpha.is_negative else end
    return (end - beta) / alpha


@lru_cache(maxsize=2048)
def derivative_pieces(function: ScalarFunction, order: int) -> tuple[Piece, ...]:
    """Pieces of φ^(order), with the break points of φ."""
    if order == 0:
        return pieces(function)
    before = derivative_pieces(function, order - 1)
    return tuple(Piece(p.lower, p.upper, p.expr.diff(X)) for p in before)


def derivative(function: ScalarFunction, n: int) -> sympy.Expr:
    """φ^(n) almost everywhere; the left piece owns the break point."""
    if order(n) == 0:
        return function.expr
    parts = derivative_pieces(function, n)
    if len(parts) == 1:
        return parts[0].expr
    cases = [(p.expr, sympy.Le(X, p.upper)) for p in parts[:-1]]
    return sympy.Piecewise(*cases, (parts[-1].expr, True))


def breakpoints(function: ScalarFunction) -> tuple[float, ...]:
    """Locations where pieces meet."""
    return tuple(float(piece.upper) for piece in pieces(function)[:-1])


@lru_cache(maxsize=2048)
def jumps(function: ScalarFunction, n: int) -> tuple[tuple[float, float], ...]:
    """Nonzero jumps of φ^(n)."""
    parts = derivative_pieces(function, order(n))
    found = []
    for left, right in pairwise(parts):
        below, above = evaluate(left.expr, left.upper), evaluate(right.expr, left.upper)
        if abs(above - below) > _ROUNDING * (1 + abs(above) + abs(below)):
            found.append((float(left.upper), float(above - below)))
    return tuple(found)


@lru_cache(maxsize=2048)
def smoothness(function: ScalarFunction) -> int | float:
    """Order of the last continuous derivative."""
    if len(pieces(function)) > 1:
        for n in range(_MAX_SMOOTHNESS):
            if jumps(function, n):
                return n - 1
    return math.inf


@lru_cache(maxsize=2048)
def homogeneity(function: ScalarFunction) -> int | None:
    """Degree d if every piece is a multiple of x^d and all meet at zero."""
    parts = pieces(function)
    if any(piece.upper != 0 for piece in parts[:-1]):
        return None
    degrees = set()
    for piece in parts:
        if piece.expr.is_zero:
            continue
        coefficient, power = sympy.expand(piece.expr).as_coeff_Mul()
        base, degree = power.as_base_exp() if power != 1 else (X, sympy.S.Zero)
        if power != 1 and not power.has(X):
            base, degree = X, sympy.S.Zero
        if base != X or not degree.is_Integer or degree < 0 or not coefficient.is_number:
            return None
        degrees.add(int(degree))
    return degrees.pop() if len(degrees) == 1 else None


@lru_cache(maxsize=2048)
def parity(function: ScalarFunction) -> str | None:
    """Even or odd, decided at generic points of every piece to fifty digits."""
    ends = [piece.upper for piece in pieces(function)[:-1]]
    mirrored = [-end for end in reversed(ends)]
    if any(a != b for a, b in zip(ends, mirrored, strict=True)):
        return None
    signs = {1, -1}
    with mpmath.workdps(50):
        value = function.mpmath(0)
        for point in _generic_points(function):
            here, there = value(point), value(-point)
            small = mpmath.mpf("1e-40") * (1 + abs(here))
            signs = {s for s in signs if abs(there - s * here) <= small}
    return {1: "even", -1: "odd"}[signs.pop()] if len(signs) == 1 else None


def _generic_points(function: ScalarFunction) -> list[Any]:
    # multiples of irrational numbers: no special value of an elementary function hits them
    points = [mpmath.sqrt(n) / 3 for n in (2, 3, 5, 7, 11)]
    for piece in pieces(function):
        points += [evaluate(X, piece.interior, 50) + mpmath.sqrt(2) / 10**n for n in (3, 6)]
    return [point for point in points if point != 0]


@lru_cache(maxsize=2048)
def infeasible(function: ScalarFunction) -> str | None:
    """The proof of infeasibility; transformations with α, γ ≠ 0 cannot remove it."""
    root, _ = _flat(function)
    if jumps(root, 0):
        return "It jumps, so E φ'(Z)² and with it C'(1) is infinite for every transformation."
    rate = _growth_rate(root) if root.analytic else None
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


def _growth_rate(function: ScalarFunction) -> Any:
    """κ if φ⁽³⁾ = κφ' on the line (decided at generic points to fifty digits), or None."""
    with mpmath.workdps(50):
        first, third = function.mpmath(1), function.mpmath(3)
        points = [p for p in _generic_points(function) if first(p) != 0]
        ratios = [third(p) / first(p) for p in points]
        spread = max(ratios) - min(ratios)
        return ratios[0] if spread <= mpmath.mpf("1e-30") * (1 + abs(ratios[0])) else None


def _flat(function: ScalarFunction) -> tuple[ScalarFunction, tuple[Any, Any, Any, Any]]:
    """The function under all transformations, and their composition."""
    a, b, c, d = sympy.S.One, sympy.S.Zero, sympy.S.One, sympy.S.Zero
    while function.base is not None:
        alpha, beta, gamma, delta = function.affine
        # c(γ(φ(α(ax+b)+β)+δ) + d) collected over φ
        a, b, c, d = alpha * a, alpha * b + beta, c * gamma, delta + d / gamma
        function = function.base
    return function, (a, b, c, d)


def _known(function: ScalarFunction) -> tuple[Definition | None, tuple, dict[str, Any]]:
    """The definition with a closed dual that a function is an affine image of, if any."""
    root, (a, b, c, d) = _flat(function)
    if root.definition is not None:
        return root.definition, (a, b, c, d), root.exact_params
    found = affine_image(root.expr) if root.analytic else None
    if found is None:
        return None, (a, b, c, d), {}
    definition, (alpha, beta, gamma, delta) = found
    return definition, (alpha * a, alpha * b + beta, c * gamma, delta + d / gamma), {}


def _terms(function: ScalarFunction, n: int) -> Terms | None:
    root, _ = _flat(function)
    if not root.analytic or exponential_terms(root.expr.diff(X, n)) is None:
        return None
    return exponential_terms(pieces(function)[0].expr.diff(X, n))


def closed_cross(
    first: ScalarFunction,
    second: ScalarFunction,
    orders: tuple[int, int],
    moments: tuple[sympy.Symbol, sympy.Symbol, sympy.Symbol],
) -> sympy.Expr | None:
    """E φ^(m)(u)ψ^(n)(v), (m, n) = orders, for symbols (q1, q2, k), if known."""
    if first == second and orders in ((0, 0), (1, 1)):
        return (closed_dual, closed_dual_derivative)[orders[0]](first, *moments)
    left, right = _terms(first, orders[0]), _terms(second, orders[1])
    if left is None or right is None:
        return None
    return pair_expectation(left, right, *moments)


@lru_cache(maxsize=512)
def closed_dual(function: ScalarFunction, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    """E φ(u)φ(v), transformations folded into the variances and the mean."""
    found = _defined_dual(function, q1, q2, k)
    if found is None and (terms := _terms(function, 0)) is not None:
        return pair_expectation(terms, terms, *(sympy.sympify(x, strict=True) for x in (q1, q2, k)))
    return found


def _defined_dual(function: ScalarFunction, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    rule, (a, b, c, d), params = _known(function)
    if rule is None or rule.dual is None:
        return None
    q1, q2, k = (a**2 * sympy.sympify(value, strict=True) for value in (q1, q2, k))
    product = rule.dual(q1, q2, k, b, **params)
    if product is None or d == 0:
        return None if product is None else c**2 * product
    if rule.expectation is None:
        return None
    means = [rule.expectation(q, b, **params) for q in (q1, q2)]
    if any(mean is None for mean in means):
        return None
    return c**2 * (product + d * (means[0] + means[1]) + d**2)


@lru_cache(maxsize=512)
def closed_dual_derivative(function: ScalarFunction, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    """E φ'(u)φ'(v); δ drops out."""
    found = _defined_slope(function, q1, q2, k)
    if found is None and (terms := _terms(function, 1)) is not None:
        return pair_expectation(terms, terms, *(sympy.sympify(x, strict=True) for x in (q1, q2, k)))
    return found


def _defined_slope(function: ScalarFunction, q1: Any, q2: Any, k: Any) -> sympy.Expr | None:
    rule, (a, b, c, _), params = _known(function)
    if rule is None or rule.dual is None:
        return None
    q1, q2, k = (a**2 * sympy.sympify(value, strict=True) for value in (q1, q2, k))
    if rule.dual_derivative is not None:
        slope = rule.dual_derivative(q1, q2, k, b, **params)
        return None if slope is None else a**2 * c**2 * slope
    t = sympy.Dummy("k", real=True)
    product = rule.dual(q1, q2, t, b, **params)
    return None if product is None else a**2 * c**2 * product.diff(t).xreplace({t: k})


def closed_mean(function: ScalarFunction, q: Any, n: int) -> sympy.Expr | None:
    """E φ^(n)(u), n = 0 or 1: the slope is the derivative in a shift of the input."""
    q = sympy.sympify(q, strict=True)
    rule, (a, b, c, d), params = _known(function)
    if rule is not None and rule.expectation is not None:
        shift = sympy.Dummy("m", real=True)
        mean = rule.expectation(a**2 * q, b if n == 0 else shift, **params)
        if mean is not None:
            return c * (mean + d) if n == 0 else a * c * mean.diff(shift).xreplace({shift: b})
    terms = _terms(function, n)
    return None if terms is None else line_expectation(terms, q)
