"""Duals from the closed forms an activation brings along."""

from __future__ import annotations

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy

from ..activations import ScalarFunction
from ._angle import arcsine
from ._dual import DualRule
from ._hermite import hermite_rule
from ._numbers import Pair, root
from ._panels import PanelRule


# Within this much of k the slope is a short polynomial: its singularities are 1/2 away or more.
_NEAR = 1.0
_NODES = 14


class ClosedRule(DualRule):
    """K(q, q', k) and its derivative in k as the formulas say, for q values beyond series.

    Arguments:
        phi: the function.
        forms: functions of (q, q', k) for orders 0 and 1.
        line: what gives means of one input.
    """

    def __init__(self, phi: ScalarFunction, forms: tuple[Any, Any], line: PanelRule) -> None:
        self.name, self.forms, self.line = phi.name, forms, line

    def mean(self, q: Any, order: int) -> Any:
        return self.line.mean(q, order)

    def second(self, q: Any) -> Any:
        return self.forms[0](q, q, q)

    def value(self, pair: Pair, order: int) -> Any:
        covariance = pair.size * (1 - pair.gap)
        return self.forms[order](pair.left, pair.right, covariance)

    def drop(self, pair: Pair) -> Any:
        if not pair.uniform:
            return super().drop(pair)
        q, gap = pair.left, pair.gap
        # Near c = 1 the difference of two duals has no digits left, but its derivative has.
        t, w = np.polynomial.legendre.leggauss(_NODES)
        inside = jnp.asarray((t + 1) / 2, gap.dtype).reshape(-1, *(1,) * gap.ndim)
        slopes = self.forms[1](q, q, q * (1 - gap * inside))
        near = q * gap * jnp.tensordot(jnp.asarray(w / 2, gap.dtype), slopes, 1)
        return jnp.where(gap * q <= _NEAR, near, super().drop(pair))

    def describe(self) -> str:
        return f"{self.name}: closed form"


@functools.lru_cache(maxsize=128)
def closed_rule(phi: ScalarFunction, largest_q: float) -> ClosedRule | None:
    """The rule, where a closed form is known that cancels nowhere up to `largest_q`."""
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k = sympy.Symbol("k", real=True)
    both = (phi.closed_dual(q1, q2, k), phi.closed_dual_derivative(q1, q2, k))
    found = [form for form in both if form is not None and not form.atoms(sympy.Piecewise)]
    if len(found) < len(both):
        return None
    names = {f.func.__name__ for form in found for f in form.atoms(sympy.Function)}
    if not names <= set(_NAMES):
        return None
    host = [sympy.lambdify((q1, q2, k), form, modules="numpy") for form in found]
    if not all(_keeps_digits(phi, form, order, largest_q) for order, form in enumerate(host)):
        return None
    forms = [sympy.lambdify((q1, q2, k), form, modules=[_NAMES, jnp]) for form in found]
    return ClosedRule(phi, (forms[0], forms[1]), PanelRule(phi, largest_q))


def _keeps_digits(phi: ScalarFunction, form: Any, order: int, largest_q: float) -> bool:
    """Whether the formula holds its digits, compared with series where there are some."""
    rule = hermite_rule(phi, largest_q)
    if rule is None:
        return True
    c = np.linspace(-1, 1, 41)
    for q in (largest_q, largest_q / 16, largest_q / 256):
        a = rule.coefficients(q, order, rule.terms[8])
        exact = np.polynomial.polynomial.polyval(c, a * a)
        with np.errstate(all="ignore"):
            for kind, roundings in ((np.float64, 64), (np.float32, 16)):
                given = [np.asarray(v, kind) for v in (q, q, q * c)]
                error = np.abs(form(*given) - exact).max() / np.abs(exact).max()
                if not error <= roundings * np.finfo(kind).eps:
                    return False
    return True


def _atan2(y: Any, x: Any) -> Any:
    """The angle of (x, y) for x >= 0, by a short polynomial."""
    return arcsine(y / root(x * x + y * y))


_NAMES = {
    "atan2": _atan2,
    "exp": jnp.exp,
    "sqrt": lambda x: root(x),
}
