"""Activation: an elementwise nonlinearity, one SymPy expression and what follows from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import final

import equinox as eqx
import sympy
from jax.typing import DTypeLike
from jaxtyping import Array

from .._errors import ActivationError, shown
from ..activations import ACTIVATIONS, ScalarFunction, from_expression, named
from ..ir import KernelAlgebra, Layer, S, Shape, Shapes, short
from ..modules import MapModule, as_dtype
from ._fields import finite_number


@final
@dataclasses.dataclass(frozen=True, init=False)
class Activation(Layer):
    """An elementwise nonlinearity u -> gamma (phi(alpha u + beta) + delta).

    K <- E phi(u) phi(v), Theta <- Theta E phi'(u) phi'(v), (u, v) Gaussian with the
    covariances of the input (Cho & Saul 2009; Jacot et al. 2018).

    Arguments:
        function: a name ("tanh"), a SymPy expression in one symbol, or a `ScalarFunction`.
        alpha, beta, gamma, delta: the transformation DKS and TAT solve for; 1, 0, 1, 0 leaves
            the function as it is.
        params: parameters of a named function, such as negative_slope=0.2.

    Raises:
        ActivationError: an unknown name or parameter, or an expression that is not a real
            function of one variable.

    Example:
        >>> import sympy, kernelc as kc
        >>> x = sympy.Symbol("x")
        >>> kc.Activation(x * sympy.tanh(x)).text()
        'Activation(x*tanh(x))'
    """

    function: ScalarFunction
    alpha: float = 1.0
    beta: float = 0.0
    gamma: float = 1.0
    delta: float = 0.0

    def __init__(
        self,
        function: str | sympy.Expr | ScalarFunction,
        *,
        alpha: float = 1.0,
        beta: float = 0.0,
        gamma: float = 1.0,
        delta: float = 0.0,
        **params: object,
    ) -> None:
        object.__setattr__(self, "function", _scalar_function(function, params))
        transform = {"alpha": alpha, "beta": beta, "gamma": gamma, "delta": delta}
        for field, value in transform.items():
            number = finite_number("Activation", field, value, symbol=False)
            object.__setattr__(self, field, number)
        if self.alpha == 0 or self.gamma == 0:
            raise ActivationError(
                where=f"Activation({self.function.name})",
                found=f"alpha = {self.alpha:g}, gamma = {self.gamma:g}",
                law="a scale of zero makes the activation constant",
                remedy="use non-zero scales",
            )

    @cached_property
    def scalar(self) -> ScalarFunction:
        """The transformed function, as one `ScalarFunction`."""
        if not self.is_transformed:
            return self.function
        return self.function.transformed(self.alpha, self.beta, self.gamma, self.delta)

    @property
    def is_transformed(self) -> bool:
        """Whether any of alpha, beta, gamma, delta differs from the identity."""
        return (self.alpha, self.beta, self.gamma, self.delta) != (1.0, 0.0, 1.0, 0.0)

    def out_shape(self, shapes: Shapes, where: str) -> Shape:
        return shapes[0]

    def kernel(self, algebra: KernelAlgebra[S], inputs: Sequence[S], shapes: Shapes) -> S:
        return algebra.nonlinearity(inputs[0], self.scalar)

    def kernel_key(self, shapes: Shapes) -> Hashable:
        return self.function, self.alpha, self.beta, self.gamma, self.delta

    def nonlinearity(self) -> ScalarFunction:
        return self.function

    def with_transform(
        self, alpha: float, beta: float, gamma: float, delta: float, **params: float
    ) -> Activation:
        function = self.function
        if params:
            function = named(function.name, **{**dict(function.params), **params})
        return Activation(function, alpha=alpha, beta=beta, gamma=gamma, delta=delta)

    def module(self, shapes: Shapes, out: Shape, key: Array, dtype: DTypeLike) -> ActivationModule:
        return ActivationModule(self.function.jax, self.alpha, self.beta, self.gamma, self.delta)

    def text(self) -> str:
        shown = [repr(self.function.name)]
        if self.function.name == "phi":
            shown = [str(self.function.expr)]
        shown += [f"{key}={short(value)}" for key, value in self.function.params]
        if self.is_transformed:
            for field in ("alpha", "beta", "gamma", "delta"):
                shown.append(f"{field}={getattr(self, field):.6g}")
        return f"Activation({', '.join(shown)})"


def _scalar_function(function: object, params: dict[str, object]) -> ScalarFunction:
    if isinstance(function, str):
        return named(function, **params)
    if params:
        raise ActivationError(
            where="Activation",
            found=f"parameters {sorted(params)} beside an expression",
            law="parameters belong to named activations",
            remedy="substitute them into the expression",
        )
    if isinstance(function, ScalarFunction):
        return function
    if callable(function) or not isinstance(function, sympy.Expr):
        raise _no_formula(function)
    return from_expression(function)


def _no_formula(function: object) -> ActivationError:
    # People pass jax.nn.relu or torch.nn.ReLU(): the error tells the name it has here.
    name = str(getattr(function, "__name__", type(function).__name__))
    plain = name.replace("_", "").lower()
    # jax.nn.gelu is "gelu_tanh" unless told otherwise, so both are named.
    same = [e for e in ACTIVATIONS if e.replace("_", "") == plain or e.startswith(f"{plain}_")]
    expression = (
        'a SymPy expression in one symbol, such as u * sympy.tanh(u), u = sympy.Symbol("u")'
    )
    return ActivationError(
        where="Activation",
        found=f"the function {name}" if callable(function) else shown(function),
        law="an activation is a name or a formula, from which kernels are derived",
        remedy=f"pass {' or '.join(map(repr, same or ['tanh']))}, or {expression}",
    )


class ActivationModule(MapModule):
    """γ(φ(αx + β) + δ), entry by entry and in the dtype of x (Martens et al. 2021).

    Arguments:
        phi: an elementwise function of one array; a module-level function, so that two models
            built alike share compiled code.
        alpha, beta, gamma, delta: the constants, not trained.

    Example:
        >>> import jax.numpy as jnp
        >>> ActivationModule(jnp.abs, gamma=2.0)((jnp.array([[-1.0, 3.0]]),))[0].tolist()
        [[2.0, 6.0]]
    """

    phi: Callable[[Array], Array] = eqx.field(static=True)
    # Python floats, because they are weakly typed: they never promote the dtype of x.
    alpha: float = eqx.field(static=True, converter=float, default=1.0)
    beta: float = eqx.field(static=True, converter=float, default=0.0)
    gamma: float = eqx.field(static=True, converter=float, default=1.0)
    delta: float = eqx.field(static=True, converter=float, default=0.0)

    def apply(self, x: Array) -> Array:
        y = as_dtype(self.phi(self.alpha * x + self.beta), x.dtype)
        return self.gamma * (y + self.delta)
