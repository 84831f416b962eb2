"""Fixed points of a C map: by convexity these are 1, at most one in [0, 1), and -1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import mpmath
import sympy

from .._formulas import Formulas
from .._program import DOUBLE
from ._exact_rates import NotClosed
from ._fixed_points import FixedPoint, Number, Value, rounded, shown
from ._layer_map import LayerMap, exact_map, numeric_map
from ._q_points import is_short


_MOST_STEPS = 10_000
# What is zero in floats after the roundings of a network.
_TOLERANCE = 1e-12


class Cosines(NamedTuple):
    """The fixed points of a C map, the largest first, and its slope at 1."""

    points: tuple[FixedPoint, ...]
    slope: Value

    @property
    def limit(self) -> FixedPoint:
        """The one that cosines approach: that in [0, 1) if there is one, else 1."""
        return next((p for p in self.points[1:] if p.value != -1), self.points[0])


def cosines(kernel: Formulas, q: Value, values: Mapping[str, object], dps: int) -> Cosines:
    """All fixed points of the C map at a q value.

    A kernel of the cosine that is one in every dimension is a power series with coefficients
    a_k >= 0 (Schoenberg 1942), and their sum C(1) is at most 1. So C is convex on [0, 1]: beside
    1 there is one fixed point if C'(1) > 1 or C(1) < 1, and none else, unless C(c) = c. For c < 0,
    |odd part| <= |c| a, a its share at c = 1: only -1 is one, and if all even a_k are 0.
    """
    try:
        return _exact(exact_map(kernel, values), kernel, q)
    except NotClosed:
        with mpmath.workdps(dps + 10):
            return _numeric(numeric_map(kernel, values, dps), kernel, q, dps)


def _exact(layer: LayerMap[sympy.Expr], kernel: Formulas, q: Value) -> Cosines:
    if sympy.sympify(q).has(sympy.Float) or not is_short(layer.network):
        raise NotClosed
    one, zero = sympy.Integer(1), sympy.Integer(0)
    (at_one, slope), (at_zero, first), (opposite, _) = (
        [sympy.simplify(x) for x in layer.c_and_slope(q, c)] for c in (one, zero, -one)
    )
    if at_one != 1:
        raise NotClosed
    if first == 1:
        return Cosines((FixedPoint(kernel.symbols.c, one),), one)
    points = [FixedPoint(one, slope)]
    above = (slope - 1).is_positive
    if above is None and slope != sympy.oo:
        raise NotClosed
    if above or slope == sympy.oo:
        points.append(FixedPoint(zero, first) if at_zero == 0 else _between(layer, q))
    points += [FixedPoint(-one, slope)] if opposite == -1 else []
    return Cosines(tuple(points), slope)


def _between(layer: LayerMap[sympy.Expr], q: sympy.Expr) -> FixedPoint:
    """The fixed point in (0, 1) of a C map that is a polynomial of degree 2 at most."""
    c = sympy.Symbol("c", positive=True)
    image, slope = layer.c_and_slope(q, c)
    apart = sympy.simplify(image - c).as_poly(c)
    if apart is None or apart.degree() > 2:
        raise NotClosed
    (root,) = (x for x in sympy.roots(apart) if x != 1)
    return FixedPoint(root, sympy.simplify(slope.xreplace({c: root})))


def _numeric(layer: LayerMap, kernel: Formulas, q: Value, dps: int) -> Cosines:
    tolerance = _TOLERANCE if dps <= DOUBLE else 10.0 ** (5 - dps)
    variance, one = layer.number(q), layer.number(1)
    at_one, slope = layer.c_and_slope(variance, one)
    whole = abs(at_one - 1) <= tolerance
    at_zero, first = layer.c_and_slope(variance, 0 * one)
    if whole and abs(first - 1) <= tolerance:
        unit = sympy.Integer(1)
        return Cosines((FixedPoint(kernel.symbols.c, unit),), unit)
    chi = shown(rounded(slope, tolerance), dps)
    points = [FixedPoint(sympy.Integer(1), chi)] if whole else []
    if not whole or slope > 1 + tolerance:
        inner = (0 * one, first) if abs(at_zero) <= tolerance else _newton(layer, variance)
        points.append(FixedPoint(*(shown(x, dps) for x in inner)))
    opposite, _ = layer.c_and_slope(variance, -one)
    if abs(opposite + 1) <= tolerance:
        points.append(FixedPoint(sympy.Integer(-1), chi))  # C is odd, C' even
    return Cosines(tuple(points), chi)


def _newton(layer: LayerMap, q: Number) -> tuple[Number, Number]:
    """The first fixed point in [0, 1): C is convex, so Newton's rule comes to it from below."""
    c = layer.number(0)
    image, slope = layer.c_and_slope(q, c)
    for _ in range(_MOST_STEPS):
        after = c + (image - c) / (1 - slope)
        if not c < after < 1:
            break
        c = after
        image, slope = layer.c_and_slope(q, c)
    return c, slope
