"""Duals from the closed forms an activation brings along."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import sympy

from ..activations import FLOAT_MODULES, MP_MODULES, ScalarFunction
from ._angle import arcsine
from ._nodes import legendre
from ._pair import Number, Pair, root
from ._rule import DualRule


# While it bends no more than this, relative, the slope is a short polynomial of the gap.
_NEAR = 1.0
_NODES = 14
# Digits that no cancellation of a formula eats up.
_DIGITS = 50
# Q(q) / Q(q / 4) of a linear function is 4.
_FASTER = 8


Formula = Callable[..., Number]


class Forms(NamedTuple):
    """The formulas as functions: of (m, h, drop) E phi phi, E phi' phi' and the derivative of that
    along k; of (q, q', k) the first two; of q the means of phi and phi'.

    With q = m + h and q' = m - h the covariance k is m - drop; so k - (q + q')/2 in exponents and
    q q' - k^2 = 2 m drop - h^2 - drop^2 in determinants keep their digits. Where q and q' are far
    apart, m - drop has none, and k is known by itself.
    """

    value: Formula
    slope: Formula
    bend: Formula
    apart: Formula
    apart_slope: Formula
    mean: Formula
    mean_slope: Formula


class ClosedRule(DualRule):
    """K(q, q', k) and its derivative in k as the formulas say, for q values beyond series.

    `host` holds the formulas on floats, `arrays` those on arrays of JAX.
    """

    def __init__(self, name: str, host: Forms, arrays: Forms, grows: bool) -> None:
        self.name, self.host, self.arrays, self.grows = name, host, arrays, grows

    def mean(self, q: Number, order: int) -> Number:
        forms = self._forms(q)
        return (forms.mean, forms.mean_slope)[order](q)

    def second(self, q: Number) -> Number:
        return self._forms(q).value(q, 0.0, 0.0)

    def value(self, pair: Pair, order: int) -> Number:
        form = (self.arrays.value, self.arrays.slope)[order]
        middle, half = (pair.left + pair.right) / 2, (pair.left - pair.right) / 2
        near = form(middle, half, pair.drop)
        if not self.grows or pair.uniform:
            return near
        apart = (self.arrays.apart, self.arrays.apart_slope)[order]
        return jnp.where(pair.unlike, apart(pair.left, pair.right, pair.value), near)

    def drop(self, pair: Pair) -> Number:
        if not pair.uniform:
            return super().drop(pair)
        q, gap = pair.left, pair.gap
        # Near c = 1 the difference of two duals has no digits left, but its derivative has.
        t, w = legendre(_NODES)
        inside = jnp.asarray((t + 1) / 2, gap.dtype).reshape(-1, *(1,) * gap.ndim)
        slopes = self.arrays.slope(q, 0.0, q * gap * inside)
        near = q * gap * jnp.tensordot(jnp.asarray(w / 2, gap.dtype), slopes, 1)
        forms = self._forms(q)
        flat = gap * (q * forms.bend(q, 0.0, 0.0)) <= _NEAR * forms.slope(q, 0.0, 0.0)
        return jnp.where(flat, near, super().drop(pair))

    def describe(self) -> str:
        return f"{self.name}: closed form"

    def _forms(self, q: Number) -> Forms:
        return self.host if isinstance(q, float) else self.arrays


@functools.lru_cache(maxsize=128)
def closed_rule(phi: ScalarFunction, largest_q: float) -> ClosedRule | None:
    """The rule, where a closed form is known that cancels nowhere up to `largest_q`."""
    q1, q2 = sympy.symbols("q1 q2", positive=True)
    k = sympy.Symbol("k", real=True)
    value, slope = phi.closed_dual(q1, q2, k), phi.closed_dual_derivative(q1, q2, k)
    mean, mean_slope = (phi.closed_mean(q1, order) for order in (0, 1))
    if value is None or slope is None or mean is None or mean_slope is None:
        return None
    m, h, drop = symbols = sympy.symbols("m h drop", real=True)
    moments = {q1: m + h, q2: m - h, k: m - drop}
    pairs = [gathered(form.xreplace(moments)) for form in (value, slope, slope.diff(k))]
    everything = (*pairs, value, slope, mean, mean_slope)
    used = [f for form in everything for f in form.atoms(sympy.Function)]
    if not {f.func.__name__ for f in used} <= set(_NAMES):  # so no Piecewise either
        return None
    arguments = (symbols,) * 3 + ((q1, q2, k),) * 2 + ((q1,),) * 2
    forms = list(zip(arguments, everything, strict=True))
    host, exact, arrays = (
        Forms(*(sympy.lambdify(names, form, modules=modules) for names, form in forms))
        for modules in (FLOAT_MODULES, MP_MODULES, JAX_MODULES)
    )
    if not all(_keeps_digits(host[order], exact[order], largest_q) for order in (0, 1)):
        return None
    return ClosedRule(phi.name, host, arrays, _grows(exact, largest_q))


def _grows(exact: Forms, largest_q: float) -> bool:
    """Whether Q(q) grows much faster than q below the largest q value."""
    with mpmath.workdps(_DIGITS):
        above, below = (abs(exact.value(mpmath.mpf(largest_q) / n, 0, 0)) for n in (1, 4))
        return bool(above > _FASTER * below)


def gathered(form: sympy.Expr) -> sympy.Expr:
    """The same with exponents and roots multiplied out, so that what is the same cancels."""
    form = form.replace(sympy.exp, lambda power: sympy.exp(sympy.factor_terms(sympy.expand(power))))
    return form.replace(
        lambda part: part.is_Pow and not (part.exp.is_Integer and part.exp > 0),
        lambda part: sympy.expand(part.base) ** part.exp,
    )


def _keeps_digits(form: Formula, exact: Formula, largest_q: float) -> bool:
    """Whether the formula holds its digits, compared with itself in many digits."""
    c = np.linspace(-1, 1, 41)
    for q in (largest_q, largest_q / 16, largest_q / 256):
        for kind, roundings in ((np.float64, 64), (np.float32, 16)):
            given = np.asarray(q, kind), kind(0), np.asarray(q * (1 - c), kind)
            middle = mpmath.mpf(float(given[0]))
            with mpmath.workdps(_DIGITS):
                right = [float(exact(middle, 0, mpmath.mpf(float(drop)))) for drop in given[2]]
            size = float(np.abs(right).max())
            if not size * largest_q < float(np.finfo(kind).max):
                continue  # no number of this type holds the kernel, whatever computes it
            with np.errstate(all="ignore"):
                error = np.abs(form(*given) - np.array(right)).max() / size
            if not error <= roundings * np.finfo(kind).eps:
                return False
    return True


def _atan2(y: jax.Array, x: jax.Array) -> jax.Array:
    """The angle of (x, y) for x >= 0, by a short polynomial."""
    return arcsine(y / root(x * x + y * y))


_NAMES = {
    "atan2": _atan2,
    "exp": jnp.exp,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "erf": jax.lax.erf,
    "normal_cdf": jax.scipy.special.ndtr,
    "sqrt": root,
}
JAX_MODULES = [_NAMES, jnp]
