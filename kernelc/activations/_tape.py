"""Evaluate a smooth SymPy expression in NumPy, mpmath or JAX: one tape, three arithmetics."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Generic, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import scipy.special
import sympy
from jaxtyping import Array

from ._stable import X, normal_cdf, sigmoid, softplus


N = TypeVar("N", bound=Any)
Function = Callable[[N], N]
Step = Callable[[list[N]], N]
NumpyValue: TypeAlias = float | np.ndarray
JaxValue: TypeAlias = float | Array

_inverse = partial(operator.truediv, 1)


@dataclass(frozen=True)
class Arithmetic(Generic[N]):
    """How one number system spells constants and elementary functions."""

    number: Callable[[sympy.Expr], N]
    functions: Mapping[type, Function[N]]
    sqrt: Function[N]
    expm1: Function[N]
    power: Callable[[N, N], N] = operator.pow
    reciprocal: Function[N] = _inverse
    late: bool = False
    """Whether constants are made at each call, where the precision is known."""


def _float(expr: sympy.Expr) -> float:
    return float(expr.evalf(30))


def _mpf(expr: sympy.Expr) -> mpmath.mpf:
    value = expr if expr.is_Rational or expr.is_Float else expr.evalf(mpmath.mp.dps + 5)
    if value.is_Rational:
        return mpmath.mpf(value.p) / value.q
    # What does not come out as a real number is none.
    return mpmath.mp.make_mpf(value._mpf_) if value.is_Float else mpmath.nan


# exp(1e9) has no use, and mpmath would build integers as long as such exponents
_LARGEST_EXPONENT = 1e9


def _mp_exp(x: mpmath.mpf) -> mpmath.mpf:
    if mpmath.isnan(x):
        return x
    if abs(x) > _LARGEST_EXPONENT:
        return mpmath.inf if x > 0 else mpmath.mpf(0)
    return mpmath.exp(x)


def _mp_power(base: mpmath.mpf, exponent: mpmath.mpf) -> mpmath.mpf:
    exponent = mpmath.mpf(exponent)
    if base == 0 and exponent < 0:
        return mpmath.inf
    if not mpmath.isfinite(exponent) or abs(exponent) * _size(base) > _LARGEST_EXPONENT:
        # As long as it is positive the base says which way; what else there is is not real.
        return _mp_exp(exponent * mpmath.log(base)) if base > 0 else mpmath.nan
    return mpmath.mpf(base) ** exponent


def _size(number: mpmath.mpf) -> int:
    """Binary digits in front of or behind the point."""
    return abs(mpmath.mag(number)) if number != 0 and mpmath.isfinite(number) else 1


def _mp_log(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.log(x) if x > 0 else -mpmath.inf if x == 0 else mpmath.nan


def _mp_level(function: Function[mpmath.mpf], low: int, high: int) -> Function[mpmath.mpf]:
    """A function that is constant far out, where mpmath would work with all digits of x."""
    return lambda x: function(x) if abs(x) < 1e5 else mpmath.mpf(high if x > 0 else low)


def _mp_turned(function: Function[mpmath.mpf]) -> Function[mpmath.mpf]:
    """A periodic function; of arguments whose angle takes a billion digits, NaN."""
    return lambda x: function(x) if _size(x) < _LARGEST_EXPONENT / 1000 else mpmath.nan


def _mp_softplus(x: mpmath.mpf) -> mpmath.mpf:
    return max(x, mpmath.mpf(0)) + mpmath.log1p(_mp_exp(-abs(x)))


def _mp_sigmoid(x: mpmath.mpf) -> mpmath.mpf:
    small = _mp_exp(-abs(x))
    return (1 if x >= 0 else small) / (1 + small)


def _sech(exp: Function[N]) -> Function[N]:
    def sech(x: N) -> N:
        small = exp(-abs(x))
        return 2 * small / (1 + small * small)

    return sech


_TABLE: dict[type, tuple[Function[NumpyValue], Function[mpmath.mpf], Function[JaxValue]]] = {
    sympy.exp: (np.exp, _mp_exp, jnp.exp),
    sympy.log: (np.log, _mp_log, jnp.log),
    sympy.sin: (np.sin, _mp_turned(mpmath.sin), jnp.sin),
    sympy.cos: (np.cos, _mp_turned(mpmath.cos), jnp.cos),
    sympy.sinh: (
        np.sinh,
        lambda x: (_mp_exp(x) - _mp_exp(-x)) / 2 if abs(x) > 1 else mpmath.sinh(x),
        jnp.sinh,
    ),
    sympy.cosh: (np.cosh, lambda x: (_mp_exp(x) + _mp_exp(-x)) / 2, jnp.cosh),
    sympy.tanh: (np.tanh, _mp_level(mpmath.tanh, -1, 1), jnp.tanh),
    sympy.sech: (_sech(np.exp), _sech(_mp_exp), _sech(jnp.exp)),
    sympy.atan: (np.arctan, mpmath.atan, jnp.arctan),
    sympy.asinh: (np.arcsinh, mpmath.asinh, jnp.arcsinh),
    sympy.erf: (scipy.special.erf, _mp_level(mpmath.erf, -1, 1), jax.lax.erf),
    sympy.erfc: (scipy.special.erfc, _mp_level(mpmath.erfc, 2, 0), jax.lax.erfc),
    softplus: (lambda x: np.logaddexp(0.0, x), _mp_softplus, jax.nn.softplus),
    sigmoid: (scipy.special.expit, _mp_sigmoid, jax.nn.sigmoid),
    normal_cdf: (
        scipy.special.ndtr,
        lambda x: _mp_level(mpmath.erfc, 2, 0)(-x / mpmath.sqrt(2)) / 2,
        lambda x: 0.5 * jax.lax.erfc(x * -(0.5**0.5)),
    ),
}
SMOOTH_FUNCTIONS = tuple(_TABLE)

NUMPY = Arithmetic(_float, {f: row[0] for f, row in _TABLE.items()}, np.sqrt, np.expm1)
MPMATH = Arithmetic(
    number=_mpf,
    functions={f: row[1] for f, row in _TABLE.items()},
    sqrt=mpmath.sqrt,
    power=_mp_power,
    # As NumPy has it; mpmath raises.
    reciprocal=lambda x: mpmath.inf if x == 0 else 1 / x,
    expm1=lambda x: mpmath.expm1(x) if abs(x) < 1 else _mp_exp(x) - 1,
    late=True,
)
JAX = Arithmetic(_float, {f: row[2] for f, row in _TABLE.items()}, jnp.sqrt, jnp.expm1)


def compile_tape(expr: sympy.Expr, arithmetic: Arithmetic[N]) -> Function[N]:
    """A function of X that runs the distinct subexpressions of `expr` once each.

    Arguments:
        expr: smooth expression in X: sums, products, powers, SMOOTH_FUNCTIONS.
        arithmetic: NUMPY, MPMATH or JAX.

    Returns:
        Callable; a constant expression returns a bare number.
    """
    slots: dict[sympy.Basic, int] = {X: 0}
    steps: list[Step[N]] = []

    def visit(node: sympy.Expr) -> int:
        if node not in slots:
            step = _step(node, arithmetic, visit)
            slots[node] = len(steps) + 1
            steps.append(step)
        return slots[node]

    result = visit(expr)

    def run(x: N) -> N:
        values = [x]
        for step in steps:
            values.append(step(values))
        return values[result]

    return run


def _step(
    node: sympy.Expr, arithmetic: Arithmetic[N], visit: Callable[[sympy.Expr], int]
) -> Step[N]:
    if not node.has(X):
        if arithmetic.late:
            return lambda values: arithmetic.number(node)
        constant = arithmetic.number(node)
        return lambda values: constant
    if isinstance(node, sympy.Pow):
        return _power(node, arithmetic, visit)
    if isinstance(node, sympy.Add):
        return _sum(node, arithmetic, visit)
    slots = [visit(arg) for arg in node.args]
    if isinstance(node, sympy.Mul):
        return lambda values: reduce(operator.mul, [values[slot] for slot in slots])
    function = arithmetic.functions[type(node)]
    return lambda values: function(values[slots[0]])


def _sum(node: sympy.Add, arithmetic: Arithmetic[N], visit: Callable[[sympy.Expr], int]) -> Step[N]:
    """A sum that keeps its digits at a small x: terms that vanish there are added last, and
    a exp(y) - a is a expm1(y)."""
    constant = sympy.Add(*[arg for arg in node.args if not arg.has(X)])
    for arg in node.args:
        factor, rest = arg.as_independent(X)
        if constant != 0 and isinstance(rest, sympy.exp) and factor == -constant:
            others = [term for term in node.args if term.has(X) and term is not arg]
            at, by, slots = visit(rest.args[0]), visit(factor), [*map(visit, others)]
            return lambda values: reduce(
                operator.add,
                [values[slot] for slot in slots],
                values[by] * arithmetic.expm1(values[at]),
            )
    small = sorted(node.args, key=lambda arg: arg.xreplace({X: sympy.S.Zero}) == 0)
    slots = [*map(visit, small)]
    return lambda values: reduce(operator.add, [values[slot] for slot in slots])


def _power(
    node: sympy.Pow, arithmetic: Arithmetic[N], visit: Callable[[sympy.Expr], int]
) -> Step[N]:
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


def _integer_power(base: N, n: int) -> N:
    # repeated squaring: NumPy's power calls libm for every element
    result = None
    while n:
        if n & 1:
            result = base if result is None else result * base
        n >>= 1
        if n:
            base = base * base
    assert result is not None  # SymPy has no power of exponent zero
    return result
