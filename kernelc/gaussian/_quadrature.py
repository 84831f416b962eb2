"""Rules for one-dimensional Gaussian expectations, E f(Z) ≈ Σ w_i f(z_i), fitted to f."""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .._errors import ActivationError
from ..activations import ScalarFunction
from ._nodes import LIMIT, PANEL_ORDER, Rule, panel_rule, trapezoid_rule


_LIMITS = (LIMIT, 14.0, 20.0, 28.0, 37.0)  # the density underflows past 38
_SHRINK = 0.7  # not ½: halving keeps resonant aliases of an oscillating integrand
_LARGEST_ALPHA = 2e4
# Rules are refined until moments settle: to this much at least, through this many sizes where they
# settle no further, and down to this width, a million nodes.
_NOISE, _COARSE, _FINEST, _MOST_SIZES = 1e-9, 8, 2e-5, 40
_ALPHA_BINS, _BETA_BINS = 4, 2  # per octave of alpha, per unit of beta
# The longest step or panel, in waves of φ over 2π: six points for each, and half of an order.
_LONGEST_STEP, _LONGEST_PANEL = 1.0, 0.5
_INDEPENDENT_ORDER = 19
_TINY, _ZERO = 1e-290, 1e-25


# Kinks are graded down to this length of φ's input, or this part of a kink's distance from 0.
_LEAST_BEND, _LEAST_PART = 1e-18, 1e-12
_SAME_MOMENTS = 1e-14
# Beside a kink a function bends within this many of its shortest panels.
_BENT = 32


class RuleSize(NamedTuple):
    """How fine a rule must be, in z.

    Attributes:
        width: step of trapezoids or largest panel.
        scale: length of the panels beside a kink; None where they need not be shorter than others.
        limit: the rule covers [-limit, limit].
    """

    width: float
    scale: float | None
    limit: float


def gaussian_rule(phi: ScalarFunction, alpha: float, beta: float) -> Rule:
    """Nodes and weights for E f(αZ+β), f built from φ, φ' and φ''.

    Trapezoids where φ is analytic, panels split at (b-β)/α where it has kinks b; both
    refined until E φ², E φ'² and E φ''² settle, once per coarse bin of (α, β).

    Arguments:
        phi: the function.
        alpha: positive scale.
        beta: shift.

    Returns: nodes z (not αz+β) and weights.

    Raises: ActivationError if α is not positive or the moments are not finite.
    """
    if phi.analytic:
        size = rule_size(phi, alpha, beta, PANEL_ORDER, trapezoids=True)
        return trapezoid_rule(size.width, size.limit)
    return _panels_for(phi, alpha, beta, PANEL_ORDER)


def independent_rule(phi: ScalarFunction, alpha: float, beta: float) -> Rule:
    """A rule sharing no nodes with `gaussian_rule`, to certify what that one computed.

    Arguments: as `gaussian_rule`.

    Returns: nodes z and weights, always panels, of another order and width.

    Raises: ActivationError as `gaussian_rule`.
    """
    return _panels_for(phi, alpha, beta, _INDEPENDENT_ORDER)


def _panels_for(phi: ScalarFunction, alpha: float, beta: float, order: int) -> Rule:
    size = rule_size(phi, alpha, beta, order, trapezoids=False)
    splits = [(b - beta) / alpha for b in phi.breakpoints]
    return panel_rule(splits, order, size.width, size.limit, size.scale)


def trapezoid_size(phi: ScalarFunction, alpha: float) -> RuleSize:
    """The size of the trapezoid rule for αZ, of a function without kinks."""
    return rule_size(phi, alpha, 0.0, PANEL_ORDER, trapezoids=True)


def rule_size(
    phi: ScalarFunction, alpha: float, beta: float, order: int, *, trapezoids: bool
) -> RuleSize:
    """The coarsest size at which E φ², E φ'² and E φ''² at αZ+β settle to rounding."""
    if not (0 < alpha < math.inf and math.isfinite(beta)):
        raise ActivationError(
            where=phi.name,
            found=f"alpha={alpha}, beta={beta}",
            law="A Gaussian input needs a positive scale and a finite shift",
            remedy="Pass alpha > 0 and a finite beta",
        )
    phi, alpha, beta = _root(phi, alpha, beta)
    if alpha > _LARGEST_ALPHA and not phi.breakpoints:
        raise ActivationError(
            where=phi.name,
            found=f"a Gaussian input of standard deviation {alpha:.3g}",
            law=f"beyond {_LARGEST_ALPHA:g} a smooth function bends within so small a part of its "
            "input that integrals take minutes and gigabytes",
            remedy="Keep q values near 1, or use the function's limit, such as relu or sign",
        )
    a = math.ceil(_ALPHA_BINS * math.log2(alpha))
    b = round(_BETA_BINS * beta)
    return _settled_size(phi, a, b, order, trapezoids)


def _root(phi: ScalarFunction, alpha: float, beta: float) -> tuple[ScalarFunction, float, float]:
    """The untransformed function, and the scale and shift at which it is really read.

    A rule for γ(φ(ax + b) + δ) at αZ + β is one for φ at aαZ + (aβ + b). Only there does the
    scale show how fine the rule must be: a = 239 hides in a transformed bent identity.
    """
    if phi.base is None:
        return phi, alpha, beta
    a, b = (float(value) for value in phi.affine[:2])
    return _root(phi.base, abs(a) * alpha, a * beta + b)


@lru_cache(maxsize=4096)
def _settled_size(phi: ScalarFunction, a: int, b: int, order: int, trapezoids: bool) -> RuleSize:
    alpha, beta = 2.0 ** (a / _ALPHA_BINS), b / _BETA_BINS
    sizes = _sizes(phi, alpha, beta, order, trapezoids)
    previous, _ = _probe(phi, alpha, beta, order, sizes[0], trapezoids)
    errors: list[float] = []
    for i, size in enumerate(sizes[1:], 1):
        # What has settled to a few digits and no further has met its noise, however fine the rule.
        if size.width < _FINEST or (i >= _COARSE and min(errors) <= _NOISE):
            break
        current, apart = _probe(phi, alpha, beta, order, size, trapezoids)
        longest = _LONGEST_STEP if trapezoids else _LONGEST_PANEL * order
        if size.width * alpha * _wave(apart) > longest:
            errors.append(math.inf)
        else:
            errors.append(_change(current, previous))
        previous = current
        if errors[-1] <= 4e-15:
            break
    if not min(errors) <= _NOISE:
        raise _unresolved(phi, alpha, beta)
    # Functions that cancel keep a floor of noise: take the first size that reaches it.
    best = int(np.argmax(np.array(errors) <= 10 * min(errors)))
    # Of two agreeing trapezoid rules the finer has an error far below their difference;
    # of two panel rules the difference is the error of the coarser, which then suffices.
    return sizes[best + 1] if trapezoids else sizes[best]


def _wave(moments: np.ndarray) -> float:
    """The larger of the root mean square frequencies of φ and φ'.

    E φ² may settle on steps that are longer than a wave, since aliases of φ² miss zero; then
    products of φ with anything else are wrong.
    """
    pairs = itertools.pairwise(moments)
    known = [above / below for below, above in pairs if below > _ZERO * np.max(moments)]
    return math.sqrt(max(known, default=0.0))


def _sizes(phi: ScalarFunction, alpha: float, beta: float, order: int, trapezoids: bool):
    limit = _reach(phi, alpha, beta)
    if trapezoids:
        start = 0.5 / max(1.0, alpha)
        return [RuleSize(start * _SHRINK**i, None, limit) for i in range(_MOST_SIZES)]
    start = 2.0 if order == PANEL_ORDER else 1.5
    scale = _bend(phi, alpha, beta, order, RuleSize(start, None, limit))
    # Panels beside a kink shrink as the others do: those that stay as they are have not settled.
    return [
        RuleSize(start / 2**i, None if scale is None else scale / 2**i, limit)
        for i in range(_MOST_SIZES)
    ]


def _bend(
    phi: ScalarFunction, alpha: float, beta: float, order: int, size: RuleSize
) -> float | None:
    """The length of panels beside kinks that gives the moments as the shortest one does.

    A function may bend beside a kink within a length of its own, as celu does within its constant.
    Nodes of wider panels miss all of that, and finer ones that miss it too agree with them.
    """
    if not phi.breakpoints:
        return None
    largest = max(abs(beta), *(abs(b) for b in phi.breakpoints))
    least = max(_LEAST_BEND, _LEAST_PART * largest) / alpha
    finest, _ = _probe(phi, alpha, beta, order, size._replace(scale=least), False)
    scales: list[float | None] = [None]
    scale = 1 / alpha
    while scale > least:
        scales.append(scale)
        scale /= 4
    differences: list[float] = []
    for scale in scales:
        found, _ = _probe(phi, alpha, beta, order, size._replace(scale=scale), False)
        differences.append(_change(finest, found))
        if differences[-1] <= _SAME_MOMENTS:
            return scale
    # Functions that cancel keep a floor of noise: take the first scale that reaches it.
    return scales[int(np.argmax(np.array(differences) <= 10 * min(differences)))]


def _change(moments: np.ndarray, others: np.ndarray) -> float:
    """The largest relative difference; a derivative that is zero but for rounding counts as 0."""
    least = max(_TINY, _ZERO * float(np.max(moments)))
    return float(np.max(np.abs(moments - others) / np.maximum(moments, least)))


def _probe(
    phi: ScalarFunction, alpha: float, beta: float, order: int, size: RuleSize, trapezoids: bool
) -> tuple[np.ndarray, np.ndarray]:
    """E φ², E φ'² and E φ''², and the parts of them apart from where φ bends beside a kink."""
    splits = [(b - beta) / alpha for b in phi.breakpoints]
    if trapezoids:
        z, w = trapezoid_rule(size.width, size.limit)
    else:
        z, w = panel_rule(splits, order, size.width, size.limit, size.scale)
    x = alpha * z + beta
    terms = np.array([w * phi.numpy(order)(x) ** 2 for order in range(3)])
    values = terms.sum(axis=1)
    if not np.all(np.isfinite(values)):
        raise _infinite(phi, alpha, beta)
    if size.scale is None:
        return values, values
    apart = np.all(np.abs(z[:, None] - np.array(splits)) > _BENT * size.scale, axis=1)
    return values, terms[:, apart].sum(axis=1)


def _reach(phi: ScalarFunction, alpha: float, beta: float) -> float:
    """The least limit beyond which φ² and φ'² under the density no longer count."""
    splits = [(b - beta) / alpha for b in phi.breakpoints]
    for limit in _LIMITS:
        z, w = panel_rule(splits, 12, 1.0, limit + 1.0)
        x = alpha * z + beta
        with np.errstate(over="ignore", invalid="ignore"):  # reported just below
            masses = w * np.array([phi.numpy(0)(x) ** 2, phi.numpy(1)(x) ** 2])
        if not np.all(np.isfinite(masses)):
            break
        outside = masses[:, np.abs(z) > limit].sum(axis=1)
        if np.all(outside <= 1e-17 * masses.sum(axis=1)):
            return limit
    raise _infinite(phi, alpha, beta)


def _unresolved(phi: ScalarFunction, alpha: float, beta: float) -> ActivationError:
    return ActivationError(
        where=phi.name,
        found=f"moments at scale {alpha:.3g}, shift {beta:.3g} that do not settle",
        law="a Gaussian mean is computed on at most a million nodes, as close as a function bends",
        remedy="Use a function that bends less sharply, or its limit, such as relu or sign",
    )


def _infinite(phi: ScalarFunction, alpha: float, beta: float) -> ActivationError:
    return ActivationError(
        where=phi.name,
        found=f"no finite second moment in float64 at scale {alpha:.3g}, shift {beta:.3g}",
        law="A kernel needs E φ(X)² and E φ'(X)² finite for Gaussian X",
        remedy="Use a function that grows more slowly, or a smaller scale",
    )
