"""Fixed points of a Q map: exact where it is a short polynomial, else all between two bounds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import mpmath
import numpy as np
import sympy

from ..._errors import ActivationError, DataError
from ...ir import Network
from .._formulas import Formulas
from .._program import DOUBLE
from ._exact_rates import NotClosed
from ._fixed_points import FixedPoint, Number, Value, rounded, shown
from ._layer_map import LayerMap, exact_map, numeric_map


BETWEEN = (1e-8, 1e4)
"""q values between which fixed points are looked for, beside 0."""
_PER_DECADE = 6
# A map and its slope in floats are right to this much, relative.
_TOLERANCE = 1e-12
_MOST_STEPS = 200
_TINY = 1e-40
# Formulas of more activations that are not homogeneous are long, and solve nothing.
_MOST_FORMULAS = 2

Jet = Callable[[Number], tuple[Number, Number]]
"""From q to Q(q) and Q'(q)."""


def q_fixed_points(
    kernel: Formulas, values: Mapping[str, object], dps: int
) -> tuple[FixedPoint, ...]:
    """All fixed points of the Q map: exact ones, else 0 and those in `BETWEEN`."""
    try:
        found = _exact(exact_map(kernel, values), kernel)
    except NotClosed:
        found = None
    if found is not None:
        return found
    points = _at_zero(kernel, values, dps)
    coarse = numeric_map(kernel, values, DOUBLE)
    roots = _roots(coarse.q_and_slope)
    fine = coarse if dps <= DOUBLE else numeric_map(kernel, values, dps)
    with mpmath.workdps(dps + 10):
        return (*points, *(_polished(fine, root, dps) for root in roots))


def q_point(kernel: Formulas, q: Value, values: Mapping[str, object], dps: int) -> FixedPoint:
    """Q(q) as the value, and Q'(q)."""
    exact = _exact_point(exact_map(kernel, values), q)
    if exact is not None:
        return exact
    layer = numeric_map(kernel, values, dps)
    with mpmath.workdps(dps + 10):
        image, slope = layer.q_and_slope(layer.number(q))
        return FixedPoint(shown(image, dps), shown(rounded(slope, _tolerance(dps)), dps))


def _exact_point(layer: LayerMap[sympy.Expr], q: Value) -> FixedPoint | None:
    """Formulas of Q(q) and Q'(q); None where these are long or not known, for numbers to serve."""
    if not is_short(layer.network, linear_q=True) or sympy.sympify(q).has(sympy.Float):
        return None
    try:
        return FixedPoint(*(sympy.simplify(x) for x in layer.q_and_slope(sympy.sympify(q))))
    except NotClosed:
        return None


def nonlinearities(network: Network, homogeneous: bool = True) -> int:
    """How many activations there are, those that are homogeneous among them or not."""
    found = [phi for node in network if (phi := node.layer.nonlinearity()) is not None]
    return sum(homogeneous or phi.homogeneity is None for phi in found)


def is_short(network: Network, linear_q: bool = False) -> bool:
    """Whether formulas of the whole network are worth writing out.

    Arguments:
        linear_q: whether they are Q maps alone, to which homogeneous activations add no length.
    """
    return nonlinearities(network, homogeneous=not linear_q) <= _MOST_FORMULAS


def _exact(layer: LayerMap[sympy.Expr], kernel: Formulas) -> tuple[FixedPoint, ...] | None:
    """Solutions of Q(q) = q where Q is a polynomial of degree 2 at most in q."""
    if not is_short(layer.network, linear_q=True):
        return None
    q = kernel.symbols.q if kernel.symbols.q.is_Symbol else sympy.Symbol("q", positive=True)
    image = sympy.expand(layer.q_and_slope(q)[0])
    if not image.is_polynomial(q) or image.has(sympy.Float):
        return None
    apart = sympy.Poly(sympy.simplify(image - q), q)
    if apart.degree() > 2:
        return None
    if apart.is_zero:
        return (FixedPoint(q, sympy.Integer(1)),)
    if apart.degree() == 0:
        return ()
    roots = [_with_positive_top(root) for root in sympy.roots(apart)]
    slope = image.diff(q)
    valid = [root for root in roots if root.is_nonnegative is not False]
    return tuple(
        FixedPoint(root, sympy.simplify(slope.xreplace({q: root})))
        for root in sorted(valid, key=sympy.default_sort_key)
    )


def _with_positive_top(root: sympy.Expr) -> sympy.Expr:
    """b/(1 - a) and not -b/(a - 1)."""
    top, bottom = sympy.fraction(sympy.simplify(root))
    return -top / sympy.expand(-bottom) if top.could_extract_minus_sign() else top / bottom


def _at_zero(kernel: Formulas, values: Mapping[str, object], dps: int) -> tuple[FixedPoint, ...]:
    """q = 0, where values that vanish stay so: Q(q)/q has a limit."""
    if not numeric_map(kernel, values, DOUBLE).q_and_slope(_TINY)[0] <= _TINY**0.75:
        return ()
    # As q -> 0, Q'(q) - Q'(0) may fall as the root of q, and phi has half the digits.
    digits = 2 * dps + 6
    with mpmath.workdps(digits + 10):
        layer = numeric_map(kernel, values, digits)
        slope = layer.q_and_slope(mpmath.mpf(10) ** -(2 * dps + 2))[1]
        small = slope < mpmath.mpf(10) ** -dps
        slope = rounded(0 * slope if small else slope, _tolerance(dps))
        found = float(slope) if dps <= DOUBLE else slope
        return (FixedPoint(sympy.Integer(0), shown(found, dps)),)


def _tolerance(dps: int) -> float:
    return _TOLERANCE if dps <= DOUBLE else 10.0 ** (5 - dps)


def _roots(jet: Jet) -> list[float]:
    """Where Q(q) - q changes its sign or touches 0, on a grid fine for maps of networks."""

    def apart(q: float) -> tuple[float, float]:
        try:
            image, slope = jet(q)
        except (ActivationError, DataError, OverflowError):
            return math.inf, math.inf  # q values of the layers leave the floating-point numbers
        return float(image / q - 1), float((slope - image / q) / q)

    low, high = (math.log10(bound) for bound in BETWEEN)
    grid = np.logspace(low, high, round((high - low) * _PER_DECADE) + 1).tolist()
    found: list[float] = []
    points = [(q, *apart(q)) for q in grid]
    for (a, left, left_slope), (b, right, right_slope) in itertools.pairwise(points):
        if abs(left) <= _TOLERANCE:
            found.append(a)
        elif left * right < 0 and abs(right) > _TOLERANCE:
            found.append(_bisected(lambda q: apart(q)[0], a, b))
        elif left * left_slope < 0 < right * right_slope and abs(right) > _TOLERANCE:
            # Between them the distance to 0 is smallest: the curve may touch.
            touching = _bisected(lambda q: apart(q)[1], a, b)
            if abs(apart(touching)[0]) <= _TOLERANCE:
                found.append(touching)
    return found


def _bisected(function: Callable[[float], float], a: float, b: float) -> float:
    """A zero between a and b, where the function has unlike signs."""
    at_a = function(a)
    for _ in range(_MOST_STEPS):
        middle = math.sqrt(a * b)
        if middle in (a, b):
            break
        at = function(middle)
        if at == 0:
            return middle
        a, b, at_a = (middle, b, at) if at * at_a > 0 else (a, middle, at_a)
    return math.sqrt(a * b)


def _polished(layer: LayerMap, root: float, dps: int) -> FixedPoint:
    """The fixed point near a root in floats, by Newton's rule, and the slope there."""
    q: Number = root if dps <= DOUBLE else mpmath.mpf(root)
    image, slope = layer.q_and_slope(q)
    for _ in range(_MOST_STEPS if dps > DOUBLE else 0):
        if abs(slope - 1) <= _TOLERANCE:
            break  # a curve that touches: the root in floats is where the slope is 1
        step = (image - q) / (1 - slope)
        q += step
        image, slope = layer.q_and_slope(q)
        if abs(step) <= q * mpmath.mpf(10) ** (-dps // 2 - 5):
            break
    return FixedPoint(shown(q, dps), shown(rounded(slope, _tolerance(dps)), dps))
