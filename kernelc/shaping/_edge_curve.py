"""The edge of chaos of one activation: a curve of (q, sigma_w, sigma_b), and one point on it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable

import numpy as np

from .._errors import ActivationError, UnreachableError
from ..activations import ScalarFunction
from ..gaussian import Moments, moments
from ._roots import root


_STEPS = 30
_RANGE = 10.0 ** (np.arange(_STEPS + 1) / 10)  # q from 1/1000 to 1000, a tenth of a decade apart
_ROUNDING = 1e-14  # of q: a sigma_b^2 below it is none
_OF_Q = f"q from {1 / _RANGE[-1]:g} to {_RANGE[-1]:,.0f}"


@dataclasses.dataclass(frozen=True)
class EdgePoint:
    """A point of the edge of chaos.

    Arguments:
        q: the fixed point of the Q map.
        weight_std: sigma_w.
        bias_std: sigma_b.
        q_slope: Q'(q) there: above 1 in size, q values beside q move away from it.
    """

    q: float
    weight_std: float
    bias_std: float
    q_slope: float

    @property
    def first_weight_std(self) -> float:
        """Takes an input of q = 1 to the fixed point: sigma^2 + sigma_b^2 = q."""
        return math.sqrt(self.q - self.bias_std**2)


def edge_point(phi: ScalarFunction, q: float | None, bias_std: float | None) -> EdgePoint:
    """The point of the curve that q or bias_std names, else the one with q nearest to 1.

    Raises:
        UnreachableError: no such point with q from 0.001 to 1000, or phi jumps.
        ActivationError: moments at the q that is given are not finite.
    """
    _refuse_jumps(phi)
    if q is not None:
        return _given_q(phi, float(q))
    wanted = 0.0 if bias_std is None else float(bias_std)
    if bias_std is None and _spare(phi, 1.0) >= 0:
        return _point(phi, 1.0)
    nearest = _nearest(lambda q: _spare(phi, q) - wanted**2)
    if nearest is None:
        raise _unreachable(phi, wanted)
    return dataclasses.replace(_point(phi, nearest), bias_std=wanted)


def _given_q(phi: ScalarFunction, q: float) -> EdgePoint:
    _moments(phi, q)
    spare = _spare(phi, q)
    if spare < 0:
        nearest = _nearest(lambda x: _spare(phi, x))
        other = "another activation" if nearest is None else f"q = {nearest:.6g}"
        raise UnreachableError(
            where=f"activation {phi.name}",
            found=f"sigma_b^2 = {spare:.6g} at q = {q:g}",
            law="a fixed point with C'(1) = 1 has sigma_b^2 = q - E phi^2 / E phi'^2, which is a "
            "variance",
            remedy=f"use {other}, or kernelc.DKS",
        )
    return _point(phi, q)


def _point(phi: ScalarFunction, q: float) -> EdgePoint:
    found = _moments(phi, q)
    variance = 1 / found.slope_second
    return EdgePoint(
        q=q,
        weight_std=math.sqrt(variance),
        bias_std=math.sqrt(_spare(phi, q)),
        q_slope=variance * found.stein / math.sqrt(q),
    )


def _spare(phi: ScalarFunction, q: float) -> float:
    """sigma_b^2 = q - E phi(X)^2 / E phi'(X)^2, X ~ N(0, q); nan where phi grows too fast."""
    try:
        found = _moments(phi, q)
    except ActivationError:
        return math.nan
    spare = q - found.second / found.slope_second
    return 0.0 if abs(spare) <= _ROUNDING * q else spare


def _moments(phi: ScalarFunction, q: float) -> Moments:
    return moments(phi, math.sqrt(q))


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
                return _zero(miss, low, high)
    return None


def _zero(miss: Callable[[float], float], low: float, high: float) -> float:
    return math.exp(root(lambda x: miss(math.exp(x)), math.log(low), math.log(high), 1e-15))


def _refuse_jumps(phi: ScalarFunction) -> None:
    if phi.smoothness < 0:
        at = ", ".join(f"{x:g}" for x, _ in phi.jumps(0))
        raise UnreachableError(
            where=f"activation {phi.name}",
            found=f"it jumps at x = {at}",
            law="E phi'^2 is infinite at a jump, so no sigma_w above 0 has sigma_w^2 E phi'^2 = 1",
            remedy="use a continuous activation, such as tanh or relu",
        )


def _unreachable(phi: ScalarFunction, bias_std: float) -> UnreachableError:
    found = [_spare(phi, q) for q in (*1 / _RANGE[:0:-1], *_RANGE)]
    reached = [math.sqrt(value) for value in found if value >= 0]
    if not reached:
        return UnreachableError(
            where=f"activation {phi.name}",
            found=f"no edge of chaos with {_OF_Q}: sigma_b^2 would be negative",
            law="a fixed point with C'(1) = 1 has sigma_b^2 = q - E phi^2 / E phi'^2",
            remedy="use another activation, such as tanh or relu, or kernelc.DKS",
        )
    low, high = min(reached), max(reached)
    span = f"goes from {low:.3g} to {high:.3g}" if low < high else f"is {low:.3g}"
    return UnreachableError(
        where=f"activation {phi.name}",
        found=f"no edge of chaos with bias_std = {bias_std:g} and {_OF_Q}",
        law=f"there sigma_b^2 = q - E phi^2 / E phi'^2, and sigma_b {span}",
        remedy="ask for what is there, or leave bias_std out",
    )
