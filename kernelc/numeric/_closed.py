"""Duals from the closed forms an activation brings along."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import sympy

from ..activations import FLOAT_MODULES, ScalarFunction
from ._angle import arcsine
from ._dual import DualRule
from ._hermite import hermite_rule
from ._numbers import Pair, root


# While it bends no more than this, relative, the slope is a short polynomial of the gap.
_NEAR = 1.0
_NODES = 14


class Forms(NamedTuple):
    """The formulas as functions: of (q, q', drop) E phi phi, E phi' phi' and the derivative of
    that along k; of q the means of phi and phi'.

    The covariance k is (q + q')/2 - drop; exponents such as k - (q + q')/2 keep their digits.
    """

    value: Any
    slope: Any
    bend: Any
    mean: Any
    mean_slope: Any


class ClosedRule(DualRule):
    """K(q, q', k) and its derivative in k as the formulas say, for q values beyond series.

    Arguments:
        name: of the function.
        host: the formulas on floats.
        arrays: the formulas on arrays of JAX.
    """

    def __init__(self, name: str, host: Forms, arrays: Forms) -> None:
        self.name, self.host, self.arrays = name, host, arrays

    def mean(self, q: Any, order: int) -> Any:
        forms = self._forms(q)
        return (forms.mean, forms.mean_slope)[order](q)

    def second(self, q: Any) -> Any:
        return self._forms(q).value(q, q, 0.0)

    def value(self, pair: Pair, order: int) -> Any:
        form = (self.arrays.value, self.arrays.slope)[order]
        return form(pair.left, pair.right, pair.drop)

    def drop(self, pair: Pair) -> Any:
        if not pair.uniform:
            return super().drop(pair)
        q, gap = pair.left, pair.gap
        # Near c = 1 the difference of two duals has no digits left, but its derivative has.
        t, w = np.polynomial.legendre.leggauss(_NODES)
        inside = jnp.asarray((t + 1) / 2, gap.dtype).reshape(-1, *(1,) * gap.ndim)
        slopes = self.arrays.slope(q, q, q * gap * inside)
        near = q * gap * jnp.tensordot(jnp.asarray(w / 2, gap.dtype), slopes, 1)
        forms = self._forms(q)
        flat = gap * (q * forms.bend(q, q, 0.0)) <= _NEAR * forms.slope(q, q, 0.0)
        return jnp.where(flat, near, super().drop(pair))

    def describe(self) -> str:
        return f"{self.name}: closed form"

    def _forms(self, q: Any) -> Forms:
        return self.host if isinstance(q, float) else self.arrays


@functools.lru_cache(maxsize=128)
def closed_rule(phi: ScalarFunction, largest_q: float) -> ClosedRule | None:
    """The rule, where a closed form is known that cancels nowhere up to `largest_q`."""
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k = sympy.Symbol("k", real=True)
    value, slope = phi.closed_dual(q1, q2, k), phi.closed_dual_derivative(q1, q2, k)
    means = [phi.closed_mean(q1, order) for order in (0, 1)]
    if value is None or slope is None or means[0] is None or means[1] is None:
        return None
    drop = sympy.Symbol("drop", real=True)
    covariance = (q1 + q2) / 2 - drop
    pairs = [_gathered(form.xreplace({k: covariance})) for form in (value, slope, slope.diff(k))]
    everything = [*pairs, *means]
    if any(form.atoms(sympy.Piecewise) for form in everything):
        return None
    names = {f.func.__name__ for form in everything for f in form.atoms(sympy.Function)}
    if not names <= set(_NAMES):
        return None
    host = _functions(pairs, means, (q1, q2, drop), [FLOAT_MODULES[0], "scipy", "numpy"])
    if not all(_keeps_digits(phi, host[order], order, largest_q) for order in (0, 1)):
        return None
    return ClosedRule(phi.name, host, _functions(pairs, means, (q1, q2, drop), [_NAMES, jnp]))


def _gathered(form: Any) -> Any:
    """The same with exponents multiplied out, so that what is the same in them cancels."""
    return form.replace(sympy.exp, lambda power: sympy.exp(sympy.expand(power)))


def _functions(pairs: Any, means: Any, symbols: Any, modules: Any) -> Forms:
    two = [sympy.lambdify(symbols, form, modules=modules) for form in pairs]
    one = [sympy.lambdify(symbols[:1], form, modules=modules) for form in means]
    return Forms(*two, *one)


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
                given = [np.asarray(v, kind) for v in (q, q, q * (1 - c))]
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
    "sin": jnp.sin,
    "cos": jnp.cos,
    "erf": jax.lax.erf,
    "normal_cdf": jax.scipy.special.ndtr,
    "sqrt": lambda x: root(x),
}
