"""Dual kernels of kinked functions to any number of digits, from means given what both share."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import mpmath
import numpy as np

from ..activations import ScalarFunction
from ._dual import point_masses
from ._fixed_point import LegendreRule, exponential, fixed, legendre_rule
from ._line_mp import USUAL, edges_beside_kinks
from ._moments import at_masses_mp, kinks_mp


_WIDTH = 8
"""Standard deviations of the inner Gaussian in a panel, at most."""
_MOST_PANELS = 600
_GUARD = 40
"""Bits carried beyond the working precision."""


class _Side(NamedTuple):
    """One of the two values, X = scale (root z + spread w) with z shared and w its own."""

    phi: ScalarFunction
    order: int
    scale: Any
    root: Any
    spread: Any

    @property
    def deviation(self) -> Any:
        """Standard deviation of X given z."""
        return self.scale * self.spread

    def largest(self) -> Any:
        """The largest of a few usual values of φ^(m); 1 where they are 0."""
        function = self.phi.mpmath(self.order)
        return max(abs(function(self.scale * z)) for z in USUAL) or mpmath.mpf(1)


class _Panel(NamedTuple):
    """A panel of X, and φ at its nodes times the weights, in fixed point."""

    middle: Any
    width: Any
    values: np.ndarray


def smoothed_cross(
    first: tuple[ScalarFunction, int],
    second: tuple[ScalarFunction, int],
    pair: tuple[Any, Any, Any, Any],
) -> Any:
    """E φ^(m)(u)ψ^(n)(v) as a mean over what u and v share; None where that is long.

    With u = a (√|c| z + √(1−|c|) w) and v alike, it is E_z of a product of two means over w. They
    are entire functions of z, so a trapezoid rule over z is right to all digits at a step that is
    known before: along imaginary z = iy the integrand grows as exp(y² (1+|c|)/(1−|c|)/2). Each
    mean is an integral of φ and a Gaussian over panels between kinks. Their nodes are the same for
    each z: φ is computed once, and the Gaussian by a product from one z to the next.

    Arguments:
        first: φ and m.
        second: ψ and n.
        pair: (a, b, c, s): u = a·z, v = b·(c·z + s·w).
    """
    a, b, c, s = pair
    root, spread = mpmath.sqrt(abs(c)), s / mpmath.sqrt(1 + abs(c))
    if 2 * _limit() > _MOST_PANELS * _WIDTH * spread:
        return None
    step = 2 * mpmath.pi * spread / mpmath.sqrt(2 * _nats() * (1 + abs(c)))
    half = int(_limit() / step) + 1
    left = _means(_Side(*first, a, root, spread), step, half)
    same = (first, a) == (second, b)
    right = left if same else _means(_Side(*second, b, root, spread), step, half)
    if left is None or right is None:
        return None
    if c < 0:
        right = right[::-1]
    weights = [step * mpmath.npdf(i * step) for i in range(-half, half + 1)]
    return mpmath.fsum(w * x * y for w, x, y in zip(weights, left, right, strict=True))


def _nats() -> Any:
    """Natural logarithm of what an error is to be below, with some to spare."""
    return mpmath.mp.prec * mpmath.ln(2) + 10


def _limit() -> Any:
    """Deviations at which the density is below rounding; three more, for φ may grow."""
    return mpmath.sqrt(2 * mpmath.mp.prec * mpmath.ln(2)) + 3


def _means(side: _Side, step: Any, half: int) -> list[Any] | None:
    """E φ^(m)(X) given z = i step, for i from -half to half; None where that takes long."""
    rule = legendre_rule(_WIDTH / 2, mpmath.mp.prec + _GUARD)
    size = min(0, mpmath.mag(side.largest()))
    panels = _panels(side, rule, size)
    if panels is None:
        return None
    slope = side.scale * side.root * step
    found = [0] * (2 * half + 1)
    for panel in panels:
        _add(found, panel, rule, slope, side.deviation)
    norm = 1 / mpmath.sqrt(2 * mpmath.pi)
    means = [norm * mpmath.ldexp(number, size - rule.shift) for number in found]
    masses = point_masses(side.phi, side.order)
    if not masses:
        return means
    at = (i * slope for i in range(-half, half + 1))
    both = zip(means, at, strict=True)
    return [mean + at_masses_mp(masses, side.deviation, beta) for mean, beta in both]


def _panels(side: _Side, rule: LegendreRule, size: int) -> list[_Panel] | None:
    """Panels between kinks, no wider than the Gaussian allows, each with few enough bends of φ.

    The rule leaves of a product with the Gaussian the square of what is left of φ alone behind its
    last Legendre coefficients, so these are to be below the square root of rounding.

    Arguments:
        side: φ, and its argument.
        rule: the rule of each panel.
        size: values are divided by 2 to this power, for those in fixed point have to be near 1.
    """
    function = side.phi.mpmath(side.order)
    waiting = list(itertools.pairwise(_edges(side)))
    tolerance = mpmath.ldexp(1, -(mpmath.mp.prec + _GUARD) // 2)
    found: list[_Panel] = []
    while waiting:
        if len(waiting) + len(found) > _MOST_PANELS:
            return None
        low, high = waiting.pop()
        middle, width = (low + high) / 2, (high - low) / 2
        numbers = [mpmath.ldexp(function(middle + width * node), -size) for node in rule.nodes]
        values = fixed(numbers, rule.shift) * rule.weights >> rule.shift
        last = max(abs(int((values * row).sum() >> rule.shift)) for row in rule.last)
        if mpmath.ldexp(last, -rule.shift) > tolerance * max(1, *map(abs, numbers)):
            waiting += [(low, middle), (middle, high)]
        else:
            found.append(_Panel(middle, width, values))
    return found


def _edges(side: _Side) -> list[Any]:
    """Edges of panels: kinks, what splits wide panels, and where φ bends beside a kink."""
    reach = side.scale * _limit()
    kinks = {x for x in kinks_mp(side.phi, 1, 0) if abs(x) < reach}
    widest = _WIDTH * side.deviation
    edges = {-reach, reach, *kinks}
    for low, high in itertools.pairwise(sorted(edges)):
        count = int((high - low) / widest) + 1
        edges |= {low + (high - low) * i / count for i in range(1, count)}
    rounding = mpmath.ldexp(1, 30 - mpmath.mp.prec)
    function = side.phi.mpmath(side.order)
    return sorted({*edges, *edges_beside_kinks(function, sorted(edges), kinks, rounding)})


def _add(found: list[int], panel: _Panel, rule: LegendreRule, slope: Any, deviation: Any) -> None:
    """What a panel adds to the means at each z, all but a factor that they share.

    About the z nearest to the panel the Gaussian at x is exp(-t²/2) exp(n t d) exp(-n² d²/2), n
    steps further, with t = (x - its center)/deviation and d = slope/deviation.
    """
    half, shift = len(found) // 2, rule.shift
    center = min(max(int(mpmath.nint(panel.middle / slope)), -half), half)
    move = slope / deviation
    reach = min(int((_limit() + _WIDTH / 2) / move) + 1, 2 * half)
    start, wide = (panel.middle - center * slope) / deviation, panel.width / deviation
    t = fixed([start + wide * node for node in rule.nodes], shift)
    row = panel.values * exponential(-(t * t >> shift + 1), shift) >> shift
    factor = exponential(t * fixed([move], shift)[0] >> shift, shift)
    width = fixed([wide], shift)[0]
    # Twice the bits, for these are small where the sums that they multiply are large.
    falls = _falls(move, 2 * shift, reach)
    for sign, by in ((1, factor), (-1, (1 << 2 * shift) // factor)):
        numbers = row
        for n in range(min(reach, half - sign * center) + 1):
            if n or sign > 0:
                added = int(numbers.sum()) * falls[n] >> 2 * shift
                found[half + center + sign * n] += added * width >> shift
            numbers = numbers * by >> shift


def _falls(move: Any, shift: int, reach: int) -> list[int]:
    """exp(-n² move²/2) in fixed point."""
    squares = np.array([n * n for n in range(reach + 1)], dtype=object)
    return list(exponential(-(squares * fixed([move * move / 2], shift)[0]), shift))
