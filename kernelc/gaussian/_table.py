"""Duals of any activation where one q value serves all pairs: Chebyshev series in the angle."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._angle import angle
from ._moments import Moments, moments
from ._pair import Number, Pair, root
from ._panels import PanelRule, one_expectation, panel_width
from ._rule import DualRule
from ._series import chebyshev_coefficients, chebyshev_series, extrema, from_extrema, points


# The drop over the gap and the slope dual are analytic in the angle, kinks or not.
_COUNTS = (64, 128, 256)
_TAIL = 1e-12
# Points in log q, the last terms there, and the largest ratio of q values.
_NODES, _SPAN_TAIL, _WIDEST = (6, 12), 1e-11, 1e3


class TableRule(DualRule):
    """Drop/gap and K' at one known q value as Chebyshev series in θ = arccos c."""

    def __init__(
        self, name: str, q: float, found: Moments, series: tuple[np.ndarray, np.ndarray]
    ) -> None:
        self.name, self.q, self.moments, self.series = name, q, found, series

    def mean(self, q: Number, order: int) -> Number:
        return self.moments.slope if order else self.moments.mean

    def second(self, q: Number) -> Number:
        return self.moments.second

    def value(self, pair: Pair, order: int) -> Number:
        if order == 0:
            return self.moments.second - self.drop(pair)
        return clenshaw(self.series[1], pair.gap)

    def drop(self, pair: Pair) -> Number:
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
    found = moments(phi, math.sqrt(q))
    values = np.empty((2, 0))
    for count in _COUNTS:
        x = extrema(count)
        # Points of a shorter series are every other point of the next.
        new = _sampled(phi, found, q, (x[1::2] if values.size else x))
        values = _interleaved(values, new) if values.size else new
        series = from_extrema(values)
        if np.all(abs(series[:, -4:]).max(1) <= _TAIL * abs(series).max(1)):
            return TableRule(phi.name, q, found, (series[0], series[1]))
    raise UnsupportedError(
        where=phi.name,
        found=f"a dual at q = {q:g} that {_COUNTS[-1]} Chebyshev terms do not hold",
        law="kernels are evaluated to twelve digits, or not at all",
        remedy="keep q values near 1, or use a less steep activation",
    )


def _sampled(phi: ScalarFunction, found: Moments, q: float, x: np.ndarray) -> np.ndarray:
    """Drop/gap and K' where the angle is (x + 1) π/2: (2, points)."""
    f, df = phi.numpy(0), phi.numpy(1)
    kinks = np.array(phi.breakpoints, dtype=np.float64)
    a, width = math.sqrt(q), panel_width(phi, math.sqrt(q))

    def both(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([(f(u) - f(v)) ** 2 / 2, df(u) * df(v)])

    rows = []
    for gap in 2 * np.sin((x + 1) * (math.pi / 4)) ** 2:
        if gap == 0:
            rows.append((q * found.slope_second, found.slope_second))
        else:
            drop, slope = one_expectation(both, kinks, width, a, a, float(gap))
            rows.append((drop / gap, slope))
    return np.array(rows).T


def _interleaved(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    out = np.empty((len(old), old.shape[1] + new.shape[1]))
    out[:, ::2], out[:, 1::2] = old, new
    return out


def clenshaw(coefficients: np.ndarray | jax.Array, gap: jax.Array) -> jax.Array:
    """A Chebyshev series in the angle of a gap."""
    return chebyshev_series(coefficients, angle(gap) * (2 / math.pi) - 1)


class PowerRule(DualRule):
    """Homogeneous functions of degree d >= 2: the table at q = 1, times (q q')^(d/2)."""

    bounded = False

    def __init__(self, unit: TableRule, degree: int) -> None:
        self.unit, self.degree, self.name = unit, degree, unit.name

    def mean(self, q: Number, order: int) -> Number:
        return self.unit.mean(1.0, order) * root(q) ** (self.degree - order)

    def second(self, q: Number) -> Number:
        return self.unit.moments.second * q**self.degree

    def value(self, pair: Pair, order: int) -> Number:
        return self.unit.value(_unit(pair), order) * pair.size ** (self.degree - order)

    def drop(self, pair: Pair) -> Number:
        apart = root(pair.left) ** self.degree - root(pair.right) ** self.degree
        drop = self.unit.drop(_unit(pair)) * pair.size**self.degree
        return self.unit.moments.second * apart**2 / 2 + drop

    def describe(self) -> str:
        return self.unit.describe()


def _unit(pair: Pair) -> Pair:
    return Pair(1.0, 1.0, pair.gap)


class SpanRule(DualRule):
    """Tables at Chebyshev points in log q, interpolated to one q value not known in advance.

    `low`, `high`: the q values the tables span; `line` gives means of one input.
    """

    def __init__(
        self, tables: tuple[TableRule, ...], low: float, high: float, line: PanelRule
    ) -> None:
        self.low, self.high, self.line = low, high, line
        self.name, self.count = tables[0].name, len(tables[0].series[0])
        stacked = (np.stack([t.series[i] for t in tables]) for i in (0, 1))
        self.drops, self.slopes = (chebyshev_coefficients(values) for values in stacked)

    def mean(self, q: Number, order: int) -> Number:
        return self.line.mean(q, order)

    def second(self, q: Number) -> Number:
        return self.line.second(q)

    def value(self, pair: Pair, order: int) -> Number:
        if order == 0:
            return self.second(pair.left) - self.drop(pair)
        return clenshaw(self._at(self.slopes, pair.left), pair.gap)

    def drop(self, pair: Pair) -> Number:
        return pair.gap * clenshaw(self._at(self.drops, pair.left), pair.gap)

    def describe(self) -> str:
        return f"{self.name}: tables of {self.count} terms in the angle for q in " + (
            f"[{self.low:.3g}, {self.high:.3g}]"
        )

    def _at(self, tables: np.ndarray, q: Number) -> jax.Array:
        """Coefficients in the angle at one q value."""
        width = math.log(self.high / self.low)
        x = 2 * (jnp.log(q) - math.log(self.low)) / width - 1
        basis = jnp.cos(np.arange(len(tables)) * jnp.arccos(jnp.clip(x, -1, 1)))
        return basis @ jnp.asarray(tables, basis.dtype)


@functools.lru_cache(maxsize=64)
def span_rule(phi: ScalarFunction, low: float, high: float) -> SpanRule | None:
    """The rule for q values from `low` to `high`; None where too many tables would be needed."""
    low, high = low / 1.001, high * 1.001
    if high / low > _WIDEST:
        return None
    for count in _NODES:
        nodes = low * (high / low) ** ((points(count) + 1) / 2)
        try:
            tables = tuple(table_rule(phi, float(q)) for q in nodes)
        except UnsupportedError:
            return None
        longest = max(len(t.series[0]) for t in tables)
        padded = tuple(t.padded(longest) for t in tables)
        rule = SpanRule(padded, low, high, PanelRule(phi, high))
        ends = [abs(c[-1]).max() / abs(c).max() for c in (rule.drops, rule.slopes)]
        if max(ends) <= _SPAN_TAIL:
            return rule
    return None
