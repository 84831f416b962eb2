"""Facts about a scalar function that follow from its pieces."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import mpmath
import sympy

from .._errors import ActivationError
from ._formula import Formula
from ._pieces import Piece, evaluate, split
from ._stable import X


T = TypeVar("T")

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
def pieces(function: Formula) -> tuple[Piece, ...]:
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


def _pull_back(end: sympy.Expr, alpha: sympy.Expr, beta: sympy.Expr) -> sympy.Expr:
    if end.is_infinite:
        return -end if alpha.is_negative else end
    return (end - beta) / alpha


def analytic(function: Formula) -> bool:
    """Whether one smooth expression holds on the whole line."""
    return len(pieces(function)) == 1


@lru_cache(maxsize=2048)
def derivative_pieces(function: Formula, order: int) -> tuple[Piece, ...]:
    """Pieces of φ^(order), with the break points of φ."""
    if order == 0:
        return pieces(function)
    before = derivative_pieces(function, order - 1)
    return tuple(Piece(p.lower, p.upper, p.expr.diff(X)) for p in before)


def derivative(function: Formula, n: int) -> sympy.Expr:
    """φ^(n) almost everywhere; the left piece owns the break point."""
    if order(n) == 0:
        return function.expr
    parts = derivative_pieces(function, n)
    if len(parts) == 1:
        return parts[0].expr
    cases = [(p.expr, sympy.Le(X, p.upper)) for p in parts[:-1]]
    return sympy.Piecewise(*cases, (parts[-1].expr, True))


def breakpoints(function: Formula) -> tuple[float, ...]:
    """Locations where pieces meet."""
    return tuple(float(piece.upper) for piece in pieces(function)[:-1])


@lru_cache(maxsize=2048)
def jumps(function: Formula, n: int) -> tuple[tuple[float, float], ...]:
    """Nonzero jumps of φ^(n); a transformed function moves those of its base.

    At a kink that was moved in floats, the sides of a steep function differ by its rounding.
    """
    if function.base is not None:
        return _moved_jumps(function, function.base, n)
    parts = derivative_pieces(function, order(n))
    found = []
    for left, right in pairwise(parts):
        if function.symbols and _meet(left.expr, right.expr, left.upper):
            continue
        function.require_numbers("the size of a jump")
        below, above = evaluate(left.expr, left.upper), evaluate(right.expr, left.upper)
        if abs(above - below) > _ROUNDING * (1 + abs(above) + abs(below)):
            found.append((float(left.upper), float(above - below)))
    return tuple(found)


def _meet(left: sympy.Expr, right: sympy.Expr, at: sympy.Expr) -> bool:
    """Whether two expressions are equal at a point for every value of their symbols."""
    return sympy.simplify((left - right).xreplace({X: at})) == 0


def _moved_jumps(function: Formula, base: Formula, n: int) -> tuple[tuple[float, float], ...]:
    alpha, gamma = float(function.affine[0]), float(function.affine[2])
    at = dict(zip(breakpoints(base), _moved(breakpoints(function), alpha), strict=True))
    factor = math.copysign(1.0, alpha) * gamma * alpha**n
    return tuple((at[x], factor * jump) for x, jump in _moved(jumps(base, n), alpha))


def _moved(found: tuple[T, ...], alpha: float) -> tuple[T, ...]:
    return found if alpha > 0 else found[::-1]


@lru_cache(maxsize=2048)
def smoothness(function: Formula) -> int | float:
    """Order of the last continuous derivative."""
    if len(pieces(function)) > 1:
        for n in range(_MAX_SMOOTHNESS):
            if jumps(function, n):
                return n - 1
    return math.inf


@lru_cache(maxsize=2048)
def homogeneity(function: Formula) -> int | None:
    """Degree d if every piece is a multiple of x^d and all meet at zero."""
    parts = pieces(function)
    if any(piece.upper != 0 for piece in parts[:-1]):
        return None
    degrees = set()
    for piece in parts:
        if piece.expr.is_zero:
            continue
        _, power = sympy.expand(piece.expr).as_independent(X, as_Add=False)
        base, degree = power.as_base_exp() if power != 1 else (X, sympy.S.Zero)
        if base != X or not degree.is_Integer or degree < 0:
            return None
        degrees.add(int(degree))
    return degrees.pop() if len(degrees) == 1 else None
