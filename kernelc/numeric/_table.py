"""Duals of any activation at one known q value: a Chebyshev series in the angle."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import Moments, ScalarFunction, moments
from ._angle import angle
from ._dual import DualRule
from ._numbers import Pair, root
from ._panels import expectation, panel_width


# The drop over the gap and the slope dual are analytic in the angle, kinks or not.
_COUNTS = (64, 128, 256)
_TAIL = 1e-12


class TableRule(DualRule):
    """Drop/gap and K' at one q value as Chebyshev series in θ = arccos c.

    Arguments:
        name: of the function.
        q: the q value.
        found: its moments there.
        series: coefficients for drop/gap and for K'.
    """

    def __init__(
        self, name: str, q: float, found: Moments, series: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self.name, self.q, self.moments, self.series = name, q, found, series

    def mean(self, q: Any, order: int) -> Any:
        return self.moments.slope if order else self.moments.mean

    def second(self, q: Any) -> Any:
        return self.moments.second

    def value(self, pair: Pair, order: int) -> Any:
        if order == 0:
            return self.moments.second - self.drop(pair)
        return clenshaw(self.series[1], pair.gap)

    def drop(self, pair: Pair) -> Any:
        gap = pair.gap
        return gap * clenshaw(self.series[0], gap)

    def padded(self, count: int) -> TableRule:
        """The same with series of `count` terms."""
        series = [np.pad(s, (0, count - len(s))) for s in self.series]
        return TableRule(self.name, self.q, self.moments, (series[0], series[1]))

    def describe(self) -> str:
        return f"{self.name}: table of {len(self.series[0])} terms in the angle at q = {self.q:g}"


@functools.lru_cache(maxsize=128)
def table_rule(phi: ScalarFunction, q: float) -> TableRule:
    """The table for one q value.

    Raises:
        UnsupportedError: the series does not settle.
    """
    if phi.jumps(0):
        raise UnsupportedError(
            where=phi.name,
            found="an activation that jumps and is not homogeneous",
            law="its NTK is infinite for equal inputs, and its kernel has no slope there",
            remedy="use a continuous activation",
        )
    for count in _COUNTS:
        theta = (np.cos(np.pi * (np.arange(count) + 0.5) / count) + 1) * math.pi / 2
        series = tuple(chebyshev(values) for values in _sampled(phi, q, theta))
        if all(abs(s[-4:]).max() <= _TAIL * abs(s).max() for s in series):
            return TableRule(phi.name, q, moments(phi, math.sqrt(q)), (series[0], series[1]))
    raise UnsupportedError(
        where=phi.name,
        found=f"a dual at q = {q:g} that {_COUNTS[-1]} Chebyshev terms do not hold",
        law="kernels are evaluated to twelve digits, or not at all",
        remedy="keep q values near 1, or use a less steep activation",
    )


def _sampled(phi: ScalarFunction, q: float, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f, df = phi.numpy(0), phi.numpy(1)
    kinks = np.array(phi.breakpoints, dtype=np.float64)
    a, width = math.sqrt(q), panel_width(phi, math.sqrt(q))
    gaps = 2 * np.sin(theta / 2) ** 2

    def both(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([(f(u) - f(v)) ** 2 / 2, df(u) * df(v)])

    found = np.array([expectation(np, both, kinks, width, a, a, float(gap)) for gap in gaps])
    return found[:, 0] / gaps, found[:, 1]


def chebyshev(values: np.ndarray) -> np.ndarray:
    """Chebyshev coefficients from values at the roots, along the first axis."""
    n = len(values)
    k = np.arange(n)
    basis = np.cos(np.pi * np.outer(k, k + 0.5) / n)
    found = 2 / n * basis @ values
    found[0] /= 2
    return found


def clenshaw(coefficients: Any, gap: Any) -> Any:
    """A Chebyshev series in the angle of a gap."""
    theta = angle(gap)
    x = theta * (2 / math.pi) - 1
    a = [float(v) for v in coefficients] if isinstance(coefficients, np.ndarray) else coefficients
    near, far = jnp.zeros_like(x), jnp.zeros_like(x)
    for value in a[:0:-1]:
        near, far = value + 2 * x * near - far, near
    return a[0] + x * near - far


class PowerRule(DualRule):
    """Homogeneous functions of degree d >= 2: the table at q = 1, times (q q')^(d/2).

    Arguments:
        unit: the table at q = 1.
        degree: d.
    """

    bounded = False

    def __init__(self, unit: TableRule, degree: int) -> None:
        self.unit, self.degree, self.name = unit, degree, unit.name

    def mean(self, q: Any, order: int) -> Any:
        return self.unit.mean(1.0, order) * root(q) ** (self.degree - order)

    def second(self, q: Any) -> Any:
        return self.unit.moments.second * q**self.degree

    def value(self, pair: Pair, order: int) -> Any:
        return self.unit.value(_unit(pair), order) * pair.size ** (self.degree - order)

    def drop(self, pair: Pair) -> Any:
        apart = root(pair.left) ** self.degree - root(pair.right) ** self.degree
        drop = self.unit.drop(_unit(pair)) * pair.size**self.degree
        return self.unit.moments.second * apart**2 / 2 + drop

    def describe(self) -> str:
        return self.unit.describe()


def _unit(pair: Pair) -> Pair:
    return Pair(1.0, 1.0, pair.gap)
