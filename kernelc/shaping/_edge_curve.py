"""The edge of chaos of one activation: a curve of (q, sigma_w, sigma_b), and one point on it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import numpy as np

from .._errors import ActivationError, UnreachableError
from ..activations import ScalarFunction
from ..gaussian import moments
from ._feasibility import refuse_jumps, unreachable
from ._roots import root


_STEPS = 30
_RANGE = 10.0 ** (np.arange(_STEPS + 1) / 10)  # q from 1/1000 to 1000, a tenth of a decade apart
_ROUNDING = 1e-14  # of q: a smaller sigma_b^2 counts as 0
_FIXED_POINT = "a fixed point with C'(1) = 1 has sigma_b^2 = q - E phi^2 / E phi'^2"
_OF_Q = f"q from {1 / _RANGE[-1]:g} to {_RANGE[-1]:,.0f}"


@dataclasses.dataclass(frozen=True)
class EdgePoint:
    """The fixed point q of a Q map, sigma_w and sigma_b there, and Q'(q).

    Where the slope is above 1 in size, q values beside the fixed point move away from it.
    """

    q: float
    weight_std: float
    bias_std: float
    q_slope: float

    @property
    def first_weight_std(self) -> float:
        """sigma_w of a layer that reads the input, q = 1: sigma_w^2 + sigma_b^2 = q."""
        return math.sqrt(self.q - self.bias_std**2)


def edge_point(phi: ScalarFunction, q: float | None, bias_std: float | None) -> EdgePoint:
    """The point of the curve that q or bias_std names, else the one with q nearest to 1."""
    law = "E phi'^2 is infinite at a jump, so no sigma_w above 0 has sigma_w^2 E phi'^2 = 1"
    refuse_jumps(phi, 0, law, "use a continuous activation, such as tanh or relu")
    if q is not None:
        return _given_q(phi, float(q))
    wanted = 0.0 if bias_std is None else float(bias_std)
    if bias_std is None and _spare(phi, 1.0) >= 0:
        return _point(phi, 1.0)
    nearest = _nearest(lambda q: _spare(phi, q) - wanted**2)
    if nearest is None:
        raise _out_of_reach(phi, wanted)
    return dataclasses.replace(_point(phi, nearest), bias_std=wanted)


def _given_q(phi: ScalarFunction, q: float) -> EdgePoint:
    moments(phi, math.sqrt(q))  # raises where they are not finite
    spare = _spare(phi, q)
    if spare >= 0:
        return _point(phi, q)
    found = f"sigma_b^2 = {spare:.6g}" if math.isfinite(spare) else "E phi'^2 = 0"
    nearest = _nearest(lambda x: _spare(phi, x))
    other = "another activation" if nearest is None else f"q = {nearest:.6g}"
    raise unreachable(
        phi,
        f"{found} at q = {q:g}",
        f"{_FIXED_POINT}, which is a variance",
        f"use {other}, or kernelc.DKS",
    )


def _point(phi: ScalarFunction, q: float) -> EdgePoint:
    found = moments(phi, math.sqrt(q))
    variance = 1 / found.slope_second
    return EdgePoint(
        q=q,
        weight_std=math.sqrt(variance),
        bias_std=math.sqrt(_spare(phi, q)),
        q_slope=variance * found.stein / math.sqrt(q),
    )


def _spare(phi: ScalarFunction, q: float) -> float:
    """sigma_b^2 = q - E phi(X)^2 / E phi'(X)^2, X ~ N(0, q); nan where it is no number.

    phi may grow too fast, or be constant, to the last digit, wherever X is.
    """
    try:
        found = moments(phi, math.sqrt(q))
    except ActivationError:
        return math.nan
    if found.slope_second == 0:
        return math.nan
    spare = q - found.second / found.slope_second
    if not math.isfinite(spare):
        return math.nan
    return 0.0 if abs(spare) <= _ROUNDING * q else spare


def _nearest(miss: Callable[[float], float]) -> float | None:
    """The zero of `miss` nearest to 1 in ratio, on the range that is searched."""
    values = {1.0: miss(1.0)}
    if values[1.0] == 0:
        return 1.0
    for before, after in itertools.pairwise(_RANGE):
        for low, high in ((before, after), (1 / before, 1 / after)):
            values[high] = miss(high)
            if values[high] == 0:
                return float(high)
            if values[low] * values[high] < 0:
                ends = math.log(low), math.log(high)
                return math.exp(root(lambda x: miss(math.exp(x)), *ends, 1e-15))
    return None


def _out_of_reach(phi: ScalarFunction, bias_std: float) -> UnreachableError:
    found = [_spare(phi, q) for q in (*1 / _RANGE[:0:-1], *_RANGE)]
    reached = [math.sqrt(value) for value in found if value >= 0]
    if not reached:
        negative = any(value < 0 for value in found)
        reason = "would be negative" if negative else "is no finite number"
        return unreachable(
            phi,
            f"no edge of chaos with {_OF_Q}: sigma_b^2 {reason}",
            _FIXED_POINT,
            "use another activation, such as tanh or relu, or kernelc.DKS",
        )
    low, high = min(reached), max(reached)
    span = f"goes from {low:.3g} to {high:.3g}" if low < high else f"is {low:.3g}"
    return unreachable(
        phi,
        f"no edge of chaos with bias_std = {bias_std:g} and {_OF_Q}",
        f"there sigma_b^2 = q - E phi^2 / E phi'^2, and sigma_b {span}",
        "ask for what is there, or leave bias_std out",
    )
