"""Evaluate a smooth SymPy expression in NumPy, mpmath or JAX: one tape, three arithmetics."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import scipy.special
import sympy

from ._stable import normal_cdf, sigmoid, softplus


@dataclass(frozen=True)
class Arithmetic:
    """How one number system spells constants and elementary functions."""

    number: Callable[[sympy.Expr], Any]
    functions: Mapping[type, Callable[[Any], Any]]
    sqrt: Callable[[Any], Any]
    power: Callable[[Any, Any], Any] = operator.pow
    reciprocal: Callable[[Any], Any] = lambda x: 1 / x


def _float(expr: sympy.Expr) -> float:
    return float(expr.evalf(30))


def _mpf(expr: Any) -> Any:
    value = expr if expr.is_Rational or expr.is_Float else expr.evalf(mpmath.mp.dps + 5)
    if value.is_Rational:
        return mpmath.mpf(value.p) / value.q
    # What does not come out as a real number is none.
    return mpmath.mp.make_mpf(value._mpf_) if value.is_Float else mpmath.nan


# exp(1e9) has no use, and mpmath would build integers as long as such exponents
_LARGEST_EXPONENT = 1e9


def _mp_exp(x: Any) -> Any:
    if mpmath.isnan(x):
        return x
    if abs(x) > _LARGEST_EXPONENT:
        return mpmath.inf if x > 0 else mpmath.mpf(0)
    return mpmath.exp(x)


def _mp_power(base: Any, exponent: Any) -> Any:
    exponent = mpmath.mpf(exponent)
    if base == 0 and exponent < 0:
        return mpmath.inf
    if not mpmath.isfinite(exponent) or abs(exponent) * _size(base) > _LARGEST_EXPONENT:
        # As long as it is positive the base says which way; what else there is is not real.
        return _mp_exp(exponent * mpmath.log(base)) if base > 0 else mpmath.nan
    return mpmath.mpf(base) ** exponent


def _size(number: Any) -> int:
    """Binary digits in front of or behind the point."""
    return abs(mpmath.mag(number)) if number != 0 and mpmath.isfinite(number) else 1


def _mp_reciprocal(x: Any) -> Any:
    # As NumPy has it; mpmath raises.
    return mpmath.inf if x == 0 else 1 / x


def _mp_log(x: Any) -> Any:
    return mpmath.log(x) if x > 0 else -mpmath.inf if x == 0 else mpmath.nan


def _mp_level(function: Callable[[Any], Any], low: int, high: int) -> Callable[[Any], Any]:
    """A function that is constant far out, where mpmath would work with all digits of x."""
    return lambda x: function(x) if abs(x) < 1e5 else mpmath.mpf(high if x > 0 else low)


def _mp_turned(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A periodic function; of arguments whose angle takes a billion digits, NaN."""
    return lambda x: function(x) if _size(x) < _LARGEST_EXPONENT / 1000 else mpmath.nan


def _mp_softplus(x: Any) -> Any:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(_mp_exp(-abs(x)))


def _mp_sigmoid(x: Any) -> Any:
    small = _mp_exp(-abs(x))
    return (1 if x >= 0 else small) / (1 + small)


def _mp_sech(x: Any) -> Any:
    small = _mp_exp(-abs(x))
    return 2 * small / (1 + small * small)


def _jax_sech(x: Any) -> Any:
    small = jnp.exp(-jnp.abs(x))
    return 2 * small / (1 + small * small)


def _np_sech(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return 2 * small / (1 + small * small)


NUMPY = Arithmetic(
    number=_float,
    sqrt=np.sqrt,
    functions={
        sympy.exp: np.exp,
        sympy.log: np.log,
        sympy.sin: np.sin,
        sympy.cos: np.cos,
        sympy.sinh: np.sinh,
        sympy.cosh: np.cosh,
        sympy.tanh: np.tanh,
        sympy.sech: _np_sech,
        sympy.atan: np.arctan,
        sympy.asinh: np.arcsinh,
        sympy.erf: scipy.special.erf,
        sympy.erfc: scipy.special.erfc,
        softplus: lambda x: np.logaddexp(0.0, x),
        sigmoid: scipy.special.expit,
        normal_cdf: scipy.special.ndtr,
    },
)
MPMATH = Arithmetic(
    number=_mpf,
    sqrt=mpmath.sqrt,
    power=_mp_power,
    reciprocal=_mp_reciprocal,
    functions={
        sympy.exp: _mp_exp,
        sympy.log: _mp_log,
        sympy.sin: _mp_turned(mpmath.sin),
        sympy.cos: _mp_turned(mpmath.cos),
        sympy.sinh: lambda x: (_mp_exp(x) - _mp_exp(-x)) / 2 if abs(x) > 1 else mpmath.sinh(x),
        sympy.cosh: lambda x: (_mp_exp(x) + _mp_exp(-x)) / 2,
        sympy.tanh: _mp_level(mpmath.tanh, -1, 1),
        sympy.sech: _mp_sech,
        sympy.atan: mpmath.atan,
        sympy.asinh: mpmath.asinh,
        sympy.erf: _mp_level(mpmath.erf, -1, 1),
        sympy.erfc: _mp_level(mpmath.erfc, 2, 0),
        softplus: _mp_softplus,
        sigmoid: _mp_sigmoid,
        normal_cdf: lambda x: _mp_level(mpmath.erfc, 2, 0)(-x / mpmath.sqrt(2)) / 2,
    },
)
JAX = Arithmetic(
    number=_float,
    sqrt=jnp.sqrt,
    functions={
        sympy.exp: jnp.exp,
        sympy.log: jnp.log,
        sympy.sin: jnp.sin,
        sympy.cos: jnp.cos,
        sympy.sinh: jnp.sinh,
        sympy.cosh: jnp.cosh,
        sympy.tanh: jnp.tanh,
        sympy.sech: _jax_sech,
        sympy.atan: jnp.arctan,
        sympy.asinh: jnp.arcsinh,
        sympy.erf: jax.lax.erf,
        sympy.erfc: jax.lax.erfc,
        softplus: jax.nn.softplus,
        sigmoid: jax.nn.sigmoid,
        normal_cdf: lambda x: 0.5 * jax.lax.erfc(x * -(0.5**0.5)),
    },
)

SMOOTH_FUNCTIONS = tuple(NUMPY.functions)


def compile_tape(expr: sympy.Expr, symbol: sympy.Symbol, arithmetic: Arithmetic) -> Callable:
    """A function of one value that runs the distinct subexpressions of `expr` once each.

    Arguments:
        expr: smooth expression in `symbol`: sums, products, powers, SMOOTH_FUNCTIONS.
        symbol: the free symbol.
        arithmetic: NUMPY, MPMATH or JAX.

    Returns:
        Callable; a constant expression returns a bare number.
    """
    slots: dict[Any, int] = {symbol: 0}
    steps: list[Callable[[list], Any]] = []

    def visit(node: Any) -> int:
        if node not in slots:
            step = _step(node, symbol, arithmetic, visit)
            slots[node] = len(steps) + 1
            steps.append(step)
        return slots[node]

    result = visit(expr)

    def run(x: Any) -> Any:
        values = [x]
        for step in steps:
            values.append(step(values))
        return values[result]

    return run


def _step(node: Any, symbol: sympy.Symbol, arithmetic: Arithmetic, visit: Callable) -> Callable:
    if not node.has(symbol):
        if arithmetic is MPMATH:  # precision is known only at the call
            return lambda values: arithmetic.number(node)
        constant = arithmetic.number(node)
        return lambda values: constant
    if isinstance(node, sympy.Add):
        return _fold([visit(a) for a in node.args], lambda a, b: a + b)
    if isinstance(node, sympy.Mul):
        return _fold([visit(a) for a in node.args], lambda a, b: a * b)
    if isinstance(node, sympy.Pow):
        return _power(node, arithmetic, visit)
    function = arithmetic.functions[type(node)]
    slot = visit(node.args[0])
    return lambda values: function(values[slot])


def _fold(slots: list[int], combine: Callable[[Any, Any], Any]) -> Callable:
    first, *others = slots

    def run(values: list) -> Any:
        total = values[first]
        for slot in others:
            total = combine(total, values[slot])
        return total

    return run


def _power(node: Any, arithmetic: Arithmetic, visit: Callable) -> Callable:
    base, exponent = visit(node.base), node.exp
    if exponent.is_Integer:
        n = int(exponent)
        if n < 0:
            return lambda values: arithmetic.reciprocal(_integer_power(values[base], -n))
        return lambda values: _integer_power(values[base], n)
    if exponent == sympy.S.Half:
        return lambda values: arithmetic.sqrt(values[base])
    if exponent == -sympy.S.Half:
        return lambda values: arithmetic.reciprocal(arithmetic.sqrt(values[base]))
    top = visit(exponent)
    return lambda values: arithmetic.power(values[base], values[top])


def _integer_power(base: Any, n: int) -> Any:
    # repeated squaring: NumPy's power calls libm for every element
    result = None
    while n:
        if n & 1:
            result = base if result is None else result * base
        n >>= 1
        if n:
            base = base * base
    return result
