"""Duals of any activation where one q value, not known in advance, serves all pairs."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._chebyshev import coefficients, points
from ._pair import Pair
from ._panels import PanelRule
from ._rule import DualRule
from ._table import TableRule, clenshaw, table_rule


_COUNTS = (6, 12)
_TAIL = 1e-11
_WIDEST = 1e3


class SpanRule(DualRule):
    """Tables at Chebyshev points in log q, interpolated to the q value at hand.

    Arguments:
        tables: tables at the q values of `nodes`.
        low, high: the q values the nodes span.
        line: what gives means of one input.
    """

    def __init__(
        self, tables: tuple[TableRule, ...], low: float, high: float, line: PanelRule
    ) -> None:
        self.low, self.high, self.line = low, high, line
        self.name, self.count = tables[0].name, len(tables[0].series[0])
        stacked = (np.stack([t.series[i] for t in tables]) for i in (0, 1))
        self.drops, self.slopes = (coefficients(values) for values in stacked)

    def mean(self, q: Any, order: int) -> Any:
        return self.line.mean(q, order)

    def second(self, q: Any) -> Any:
        return self.line.second(q)

    def value(self, pair: Pair, order: int) -> Any:
        if order == 0:
            return self.second(pair.left) - self.drop(pair)
        return clenshaw(self._at(self.slopes, pair.left), pair.gap)

    def drop(self, pair: Pair) -> Any:
        return pair.gap * clenshaw(self._at(self.drops, pair.left), pair.gap)

    def describe(self) -> str:
        return f"{self.name}: tables of {self.count} terms in the angle for q in " + (
            f"[{self.low:.3g}, {self.high:.3g}]"
        )

    def _at(self, tables: np.ndarray, q: Any) -> Any:
        """Coefficients in the angle at one q value."""
        q = jnp.asarray(q)
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
    for count in _COUNTS:
        nodes = low * (high / low) ** ((points(count) + 1) / 2)
        try:
            tables = tuple(table_rule(phi, float(q)) for q in nodes)
        except UnsupportedError:
            return None
        longest = max(len(t.series[0]) for t in tables)
        padded = tuple(t.padded(longest) for t in tables)
        rule = SpanRule(padded, low, high, PanelRule(phi, high))
        ends = [abs(c[-1]).max() / abs(c).max() for c in (rule.drops, rule.slopes)]
        if max(ends) <= _TAIL:
            return rule
    return None
