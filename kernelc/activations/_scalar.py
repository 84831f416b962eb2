"""Activations as exact scalar functions with their numeric and differentiable forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import sympy
from sympy import Expr

from .._errors import ActivationError, LoadError, reason
from . import _closed as closed, _structure as structure, _symmetry as symmetry
from ._admission import admit
from ._expression_json import decode_expression, encode_expression
from ._formula import IDENTITY, Formula
from ._numeric import (
    JaxFunction,
    MpmathFunction,
    NumpyFunction,
    jax_function,
    mpmath_function,
    numpy_function,
)
from ._pieces import Piece
from ._registry import Parameter, bind, exact, lookup
from ._stable import X, stabilize


Number: TypeAlias = float | Expr
Description: TypeAlias = dict[str, object]
# Transformations of transformations in a description.
_DEEPEST = 64


class ScalarFunction(Formula):
    """φ: ℝ → ℝ as an exact expression, with every form the compiler computes in.

    Made by `named`, `from_expression`, `ScalarFunction.from_dict` and `transformed`.

    Example:
        >>> named("relu").breakpoints, named("relu").smoothness
        ((0.0,), 0)
    """

    base: ScalarFunction | None

    def __reduce__(self) -> tuple[Callable[..., ScalarFunction], tuple[Description]]:
        # The definition holds functions, which do not pickle; the description is exact.
        return ScalarFunction.from_dict, (self.to_dict(),)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Maximal intervals and the smooth expression on each, left to right."""
        return structure.pieces(self)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Where pieces meet, ascending."""
        return structure.breakpoints(self)

    def jumps(self, order: int) -> tuple[tuple[float, float], ...]:
        """(location, jump of φ^(order)) wherever that jump is not zero.

        Example:
            >>> named("abs").jumps(1)
            ((0.0, 2.0),)
        """
        return structure.jumps(self, order)

    @property
    def smoothness(self) -> int | float:
        """Order of the last continuous derivative: -1 jumps, 0 kinks, math.inf smooth."""
        return structure.smoothness(self)

    @property
    def analytic(self) -> bool:
        """Whether one smooth expression holds on the whole line."""
        return structure.analytic(self)

    @property
    def homogeneity(self) -> int | None:
        """d with φ(t·x) = t^d·φ(x) for every t > 0, or None."""
        return structure.homogeneity(self)

    @property
    def parity(self) -> str | None:
        """ "even", "odd" or None."""
        return symmetry.parity(self)

    def derivative(self, order: int = 1) -> Expr:
        """φ^(order) away from the break points, as an expression in X."""
        return structure.derivative(self, order)

    def numpy(self, order: int = 0) -> NumpyFunction:
        """φ^(order) on float64 arrays; at a break point, the value from the left.

        Silent and finite wherever the true value is, for |x| ≤ 1e4.

        Example:
            >>> float(named("softplus").numpy(1)(-1e4))
            0.0
        """
        return numpy_function(self, structure.order(order))

    def mpmath(self, order: int = 0) -> MpmathFunction:
        """φ^(order) on mpmath numbers at the working precision."""
        return mpmath_function(self, structure.order(order))

    @property
    def jax(self) -> JaxFunction:
        """φ on JAX arrays of any float type; keeps the type, and forward mode works.

        Values and gradients of named activations are finite wherever the true ones fit the type;
        a user's expression has that after `stabilize`, as far as the patterns known there go.
        """
        return jax_function(self)

    def transformed(
        self, alpha: Number = 1, beta: Number = 0, gamma: Number = 1, delta: Number = 0
    ) -> ScalarFunction:
        """γ·(φ(α·x + β) + δ).

        Raises:
            ActivationError: a constant that is not a finite real number, or α or γ zero.

        Example:
            >>> named("tanh").transformed(alpha=2, delta=1).expr
            tanh(2*x) + 1
        """
        constants = {"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta}
        a, b, c, d = (_constant(key, value) for key, value in constants.items())
        if (a, b, c, d) == IDENTITY:
            return self
        expr = c * (self.expr.xreplace({X: a * X + b}) + d)
        return ScalarFunction(self.name, expr, self.params, None, self, (a, b, c, d))

    def closed_dual(self, q1: Number, q2: Number, k: Number) -> Expr | None:
        """E φ(u)φ(v), (u, v) Gaussian, means zero, variances q1 and q2, covariance k, if known."""
        return closed.closed_dual(self, q1, q2, k)

    def closed_dual_derivative(self, q1: Number, q2: Number, k: Number) -> Expr | None:
        """E φ'(u)φ'(v) = ∂/∂k E φ(u)φ(v) (Price's theorem; distributional at jumps), if known."""
        return closed.closed_dual_derivative(self, q1, q2, k)

    def closed_mean(self, q: Number, order: int = 0) -> Expr | None:
        """E φ^(order)(u), u Gaussian of mean zero and variance q, order 0 or 1, if known."""
        return closed.closed_mean(self, q, order)

    def subs(self, values: Mapping[sympy.Symbol, object]) -> ScalarFunction:
        """The function with symbols of its parameters replaced, all at once.

        Example:
            >>> a = sympy.Symbol("a", real=True)
            >>> named("leaky_relu", negative_slope=a).subs({a: 0.2}).params
            (('negative_slope', 0.2),)
        """
        if not self.symbols & set(values):
            return self
        if self.base is not None:
            return self.base.subs(values).transformed(*self.affine)
        known = {name: _replaced(value, values) for name, value in self.params}
        return named(self.name, **known)

    @property
    def infeasible(self) -> str | None:
        """Why no transformation satisfies DKS or TAT, or None."""
        return symmetry.infeasible(self)

    def to_dict(self) -> Description:
        """A JSON-able exact description; `from_dict` is its inverse."""
        return _described(self)

    @classmethod
    def from_dict(cls, data: object) -> ScalarFunction:
        """The function `to_dict` described.

        Raises:
            LoadError: anything `to_dict` would not write.
        """
        return _load(data, depth=0)


def _described(function: Formula) -> Description:
    if function.base is not None:
        affine = [encode_expression(value) for value in function.affine]
        return {"transformed": _described(function.base), "affine": affine}
    if function.definition is not None:
        return {"name": function.name, "params": {k: _listed(v) for k, v in function.params}}
    return {"name": function.name, "expr": encode_expression(function.expr)}


def named(name: str, **params: object) -> ScalarFunction:
    """The activation `name` of ACTIVATIONS; an alias such as "silu" stays its name.

    Raises:
        ActivationError: unknown name (close ones are listed), unknown or invalid parameters.

    Example:
        >>> named("leaky_relu", negative_slope=0.2).params
        (('negative_slope', 0.2),)
    """
    definition = lookup(name)
    bound = bind(definition, params)
    expr = stabilize(definition.expression(**{key: exact(v) for key, v in bound}))
    return ScalarFunction(name, expr, bound, definition)


def from_expression(expr: Expr, name: str = "phi") -> ScalarFunction:
    """A SymPy expression in one symbol as an activation.

    Raises:
        ActivationError: more or fewer symbols, values that are not real and finite, an infinite
            slope, a kink SymPy cannot locate, a constant.

    Example:
        >>> t = sympy.Symbol("t")
        >>> from_expression(t / (1 + sympy.exp(-t))).expr
        x*sigmoid(x)
    """
    return ScalarFunction(name, admit(expr))


def _constant(key: str, value: Number) -> Expr:
    number = exact(value) if isinstance(value, float) and math.isfinite(value) else value
    try:
        number = sympy.sympify(number, strict=True)
    except (sympy.SympifyError, TypeError):
        number = sympy.nan
    if not number.is_number or number.is_real is not True or number.is_finite is not True:
        raise _bad_constant(key, value, "is a finite real number")
    if key in ("alpha", "gamma") and number.is_zero:
        raise _bad_constant(key, value, "is not zero: the function would be constant")
    return number


def _bad_constant(key: str, value: object, law: str) -> ActivationError:
    return ActivationError(
        where="activation transform",
        found=f"{key} = {str(value)[:80]}",
        law=f"In γ(φ(αx + β) + δ), {key} {law}",
        remedy=f"Pass another {key}",
    )


def _replaced(value: Parameter, values: Mapping[sympy.Symbol, object]) -> object:
    if isinstance(value, sympy.Expr):
        expr: sympy.Expr = value
        return expr.subs(dict(values), simultaneous=True)
    return value


def _listed(value: Parameter) -> object:
    if isinstance(value, sympy.Expr):
        return {"expr": encode_expression(value, symbols=True)}
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _read(value: object) -> object:
    match value:
        case {"expr": expr, **rest} if not rest:
            return decode_expression(expr, symbols=True)
    return value


def _load(data: object, depth: int) -> ScalarFunction:
    try:
        match data:
            case {"transformed": inner, "affine": [_, _, _, _] as affine, **rest} if not rest:
                if depth < _DEEPEST:
                    return _load(inner, depth + 1).transformed(*map(decode_expression, affine))
            case {"name": str(name), "params": {**params}, **rest} if not rest:
                return named(name, **{key: _read(value) for key, value in params.items()})
            case {"name": str(name), "expr": expr, **rest} if not rest:
                return from_expression(decode_expression(expr), name)
    except (ActivationError, TypeError) as error:
        raise _bad_description(reason(error)) from error
    raise _bad_description(f"{str(data)[:80]!r} is none of the three forms")


def _bad_description(found: str) -> LoadError:
    return LoadError(
        where="activation description",
        found=found,
        law="A description has a name with params, a name with expr, or transformed with affine",
        remedy="Write it again with to_dict",
    )
