"""Sums over layers in closed form: divided differences of powers, which affine recursions have."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ._maps import LocalMap


_J = sympy.Symbol("j", integer=True, nonnegative=True)
_ROUNDING = 1e-14
"""Floats that differ by less, relative to their size, are equal."""
_NEAR = 1e-4
"""Differences of floats that are smaller have fewer than twelve digits."""


def power_difference(n: sympy.Expr, points: Sequence[sympy.Expr]) -> sympy.Expr:
    """The divided difference of t^n at some points; in (x, y): the sum of x^i y^j, i + j = n - 1.

    Points that may be equal, as far as their formulas tell, give a case for each. Floats that
    nearly are equal leave the sum as it is, since a quotient of their differences has few digits.

    Example:
        >>> n, x = sympy.symbols("n x", positive=True)
        >>> power_difference(n, [sympy.Integer(1), sympy.Integer(1)])
        n
        >>> power_difference(n, [sympy.Integer(3), sympy.Integer(1)])
        3**n/2 - 1/2
        >>> power_difference(n, [x, sympy.Integer(1)])
        Piecewise((n, Eq(x, 1)), ((x**n - 1)/(x - 1), True))
    """
    pairs = [(x, y) for i, x in enumerate(points) for y in points[i + 1 :]]
    if len(pairs) == 1 and _nearly_equal(*points):
        x, y = points
        return sympy.Sum(x**_J * y ** (n - 1 - _J), (_J, 0, n - 1))
    apart = next((pair for pair in pairs if _equal(*pair) is False), None)
    if apart is not None:
        return _quotient(n, points, *apart)
    unknown = next((pair for pair in pairs if _equal(*pair) is None), None)
    if unknown is None:
        order = len(points) - 1
        point = next((p for p in points if not p.has(sympy.Float)), points[0])
        ways = sympy.ff(n, order) / sympy.factorial(order)
        return ways * point ** (n - order) if ways != 0 else ways
    x, y = unknown
    together = power_difference(n, [y if point == x else point for point in points])
    return sympy.Piecewise((together, sympy.Eq(x, y)), (_quotient(n, points, x, y), True))


def as_float(number: sympy.Expr) -> float:
    """A number that formulas of local maps make, each of them computed in float64."""
    maps = {node: node.evalf() for node in number.atoms(LocalMap)}
    return float(number.xreplace(maps))


def _quotient(
    n: sympy.Expr, points: Sequence[sympy.Expr], x: sympy.Expr, y: sympy.Expr
) -> sympy.Expr:
    """The recursion of divided differences over two points that differ."""
    without_x, without_y = list(points), list(points)
    without_x.remove(x)
    without_y.remove(y)
    return (power_difference(n, without_y) - power_difference(n, without_x)) / (x - y)


def _equal(x: sympy.Expr, y: sympy.Expr) -> bool | None:
    """Whether two formulas are equal, up to rounding; None where that depends on their symbols."""
    difference = sympy.expand(x - y)
    if difference == 0:
        return True
    if not difference.free_symbols:
        return abs(as_float(difference)) <= _ROUNDING * max(abs(as_float(x)), abs(as_float(y)))
    if sympy.simplify(difference) == 0:
        return True
    return False if difference.is_zero is False else None


def _nearly_equal(x: sympy.Expr, y: sympy.Expr) -> bool:
    """Whether two floats differ by so little that their difference has few digits."""
    if x.free_symbols or y.free_symbols or not (x.has(sympy.Float) or y.has(sympy.Float)):
        return False
    return not _equal(x, y) and abs(as_float(x - y)) < _NEAR
