"""Float64 as the numbers of the kernel rules: one pair of inputs, or an array of pairs."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from .. import gaussian
from .._errors import DataError
from ..activations import ScalarFunction
from ..ir import Real, needs_number
from ._backend import Backend


# Rounding separates k from q by this much, relative, where both stand for the same input.
_SAME = 4 * np.finfo(np.float64).eps

# Beyond this q value closed forms take the place of integrals, whose rules grow with q.
_LONG = 1e2

FloatNumber: TypeAlias = float | Float64[np.ndarray, "..."]


class FloatBackend(Backend[FloatNumber]):
    """Float64 numbers; covariances may be arrays, one entry per pair of inputs.

    q values are floats. A covariance equal to its q value up to rounding is that of an input
    with itself, and stays so: else a chaotic network would amplify the rounding to another c.
    Gaussian means are kept, so that nodes that repeat one pair of values cost nothing.

    Example:
        >>> from kernelc.activations import named
        >>> FloatBackend().dual(named("sin"), 1.0, np.array([0.5, 1.0])).round(6).tolist()
        [0.1917, 0.432332]
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, FloatNumber] = {}
        self._known: dict[tuple[ScalarFunction, float], gaussian.Moments | gaussian.Line] = {}

    def number(self, value: Real | np.ndarray) -> FloatNumber:
        if isinstance(value, np.ndarray):
            return value.astype(np.float64)
        if symbols := getattr(value, "free_symbols", None):
            first = min(symbols, key=str)
            raise needs_number("a number of the network", first, "a kernel in floats")
        return float(value)

    def sqrt(self, value: FloatNumber) -> FloatNumber:
        return math.sqrt(value) if isinstance(value, float) else np.sqrt(value)

    def is_zero(self, value: object) -> bool:
        return isinstance(value, float) and value == 0

    def mean(self, phi: ScalarFunction, q: FloatNumber, order: int = 0) -> float:
        if q == 0:
            return gaussian.at_zero(phi, order)
        unit, scale = _scaled(phi, float(q), order)
        found = self.moments(phi, unit)
        return math.sqrt(scale) * (found.mean, found.slope)[order]

    def q_map(self, phi: ScalarFunction, q: FloatNumber) -> float:
        if q == 0:
            return gaussian.at_zero(phi) ** 2
        unit, scale = _scaled(phi, float(q))
        return scale * self.moments(phi, unit).second

    def dual(
        self, phi: ScalarFunction, q: FloatNumber, k: FloatNumber, order: int = 0
    ) -> FloatNumber:
        if q == 0:
            return _shaped_like(k, np.full(np.size(k), gaussian.at_zero(phi, order) ** 2))
        unit, scale = _scaled(phi, float(q), order)
        k = k if unit == q else k / q
        key = (phi, unit, order, _content(k))
        if key not in self._kept:
            self._kept[key] = self._dual(phi, unit, k, order)
        return scale * self._kept[key]

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: FloatNumber,
        q2: FloatNumber,
        k: FloatNumber,
        order: int = 0,
    ) -> FloatNumber:
        q1, q2 = float(q1), float(q2)
        _positive(phi, q1)
        _positive(psi, q2)
        key = (phi, psi, q1, q2, order, _content(k))
        if key not in self._kept:
            values = [
                gaussian.cross_dual(
                    phi, psi, q1, q2, each, (order, order), one_minus_c=_edge(q1, q2, each)
                )
                for each in np.ravel(k).tolist()
            ]
            self._kept[key] = _shaped_like(k, np.array(values))
        return self._kept[key]

    def _dual(self, phi: ScalarFunction, q: float, k: FloatNumber, order: int) -> FloatNumber:
        found = self.moments(phi, q)
        own = (found.second, found.slope_second)[order] if order < 2 else None
        flat = np.atleast_1d(np.asarray(k, dtype=np.float64))
        distinct, where = np.unique(flat, return_inverse=True)
        values = np.full(distinct.shape, math.nan)
        if own is not None:
            values[distinct >= q * (1 - _SAME)] = own
            mirrored = {"even": own, "odd": -own}.get(str(phi.parity))
            if mirrored is not None:
                # phi' of an even function is odd, and the other way round.
                sign = -1 if order % 2 else 1
                values[distinct <= -q * (1 - _SAME)] = sign * mirrored
        apart = np.isnan(values)
        # Opposite inputs likewise, or their pair is integrated as two that differ.
        distinct[distinct <= -q * (1 - _SAME)] = -q
        values[apart] = gaussian.dual_many(phi, q, q, distinct[apart], order)
        if own is not None and math.isfinite(own):
            # Cauchy-Schwarz, which quadrature meets up to rounding only.
            values = np.clip(values, -own, own)
        return _shaped_like(k, values[where])

    def moments(self, phi: ScalarFunction, q: float) -> gaussian.Moments | gaussian.Line:
        """Moments from closed forms at large q, where these are known, else by quadrature."""
        key = (phi, q)
        if key not in self._known:
            closed = gaussian.closed_line(phi, q) if q > _LONG else None
            self._known[key] = closed or gaussian.moments(phi, math.sqrt(q))
        return self._known[key]


def same_input(q1: float, q2: float, k: float) -> float:
    """The covariance, and exactly that of proportional values where rounding separates them.

    Q(q) and K(q, q) are integrated apart. A jump takes a difference of 1e-16 between them to one
    of 1e-8, and the next jump takes that to 1e-4.

    Example:
        >>> same_input(0.3, 0.3, 0.3 - 1e-16), same_input(0.3, 0.3, -0.2)
        (0.3, -0.2)
    """
    if _edge(q1, q2, k) is None:
        return k
    return math.copysign(q1 if q1 == q2 else math.sqrt(q1) * math.sqrt(q2), k)


def _edge(q1: float, q2: float, k: float) -> float | None:
    """1 - c where k is that of proportional values up to rounding; None elsewhere."""
    if abs(k) < math.sqrt(q1) * math.sqrt(q2) * (1 - _SAME):
        return None
    return 0.0 if k > 0 else 2.0


def _scaled(phi: ScalarFunction, q: float, order: int = 0) -> tuple[float, float]:
    """(q', scale) with dual(q, k) = scale dual(q', k q'/q).

    phi(tx) = t^d phi(x) is brought to q' = 1, so that no size of q costs digits or time.
    """
    _positive(phi, q)
    d = phi.homogeneity
    if d is None:
        return q, 1.0
    try:
        return 1.0, q ** (d - order)
    except OverflowError:
        return 1.0, math.inf


def _positive(phi: ScalarFunction, q: float) -> None:
    if not 0 <= q < math.inf:
        raise DataError(
            where=f"the input of {phi.name}",
            found=f"a q value of {q:g}",
            law="Gaussian means are over a finite variance that is not negative",
            remedy="Keep q values near 1",
        )


def _content(k: FloatNumber) -> Hashable:
    return k if isinstance(k, float) else (np.shape(k), np.asarray(k).tobytes())


def _shaped_like(k: FloatNumber, values: np.ndarray) -> FloatNumber:
    return float(values[0]) if np.ndim(k) == 0 else values.reshape(np.shape(k))
