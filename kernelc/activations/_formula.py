"""Formula: a function of one variable as an exact expression."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import sympy

from .._errors import ActivationError
from .._needs_number import needs_number
from ._registry import Bound, Definition, exact
from ._stable import X


Affine: TypeAlias = tuple[sympy.Expr, sympy.Expr, sympy.Expr, sympy.Expr]
IDENTITY: Affine = (sympy.S.One, sympy.S.Zero, sympy.S.One, sympy.S.Zero)


@dataclass(frozen=True)
class Formula:
    """φ as an exact expression, with where it comes from.

    Arguments:
        name: "tanh", or "phi" for a user's expression.
        expr: the function, in the symbol X.
        params: parameter names and values of a named activation.
        definition: of a named activation.
        base: the function that was transformed.
        affine: (α, β, γ, δ) of γ·(base(α·x + β) + δ).
    """

    name: str
    expr: sympy.Expr
    params: Bound = field(default=(), compare=False)
    definition: Definition | None = field(default=None, compare=False, repr=False)
    base: Formula | None = field(default=None, compare=False, repr=False)
    affine: Affine = field(default=IDENTITY, compare=False, repr=False)

    @cached_property
    def symbols(self) -> frozenset[sympy.Symbol]:
        """Symbols of its parameters, which need numbers before it has values."""
        return frozenset(self.expr.free_symbols - {X})

    def require_numbers(self, what: str) -> None:
        """Raise `ActivationError` where a parameter is a symbol."""
        if self.symbols:
            raise needs_number(
                f"activation {self.name!r}", min(self.symbols, key=str), what, ActivationError
            )

    @property
    def exact_params(self) -> dict[str, sympy.Expr]:
        """Parameters as SymPy numbers."""
        return {key: exact(value) for key, value in self.params}


def flat(function: Formula) -> tuple[Formula, Affine]:
    """The function under all transformations, and their composition."""
    a, b, c, d = IDENTITY
    while function.base is not None:
        alpha, beta, gamma, delta = function.affine
        # c(γ(φ(α(ax+b)+β)+δ) + d) collected over φ
        a, b, c, d = alpha * a, alpha * b + beta, c * gamma, delta + d / gamma
        function = function.base
    return function, (a, b, c, d)
