"""The numbers of a kernel for the symbols it was derived with, whatever `subs` replaced since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import sympy

from ..ir import symbols_of
from ._exact_numbers import rationals
from ._formulas import Formulas


USUAL = {"c", "q", "s", "c_b"}

Given: TypeAlias = float | str | sympy.Expr
"""A number given for a symbol: texts and SymPy numbers keep all their digits."""
Pairs: TypeAlias = dict[sympy.Symbol, sympy.Expr] | list[tuple[sympy.Symbol, sympy.Expr]]


class NumbersAsDerived(NamedTuple):
    """Exact numbers for the symbols of a kernel, as it was derived.

    Attributes:
        usual: q value and cosines by name; those that nothing was given for are left out.
        others: the symbols of the network.
    """

    usual: dict[str, sympy.Expr]
    others: dict[sympy.Symbol, sympy.Expr]


def numbers_as_derived(kernel: Formulas, given: Mapping[str, Given]) -> NumbersAsDerived | None:
    """What the symbols of a kernel were before `subs`, at the numbers given for those of today.

    Arguments:
        kernel: the kernel.
        given: numbers by name.

    Returns:
        None where `subs` replaced more than symbols, or a symbol of the network has no number.
    """
    changes = [_pairs(values) for values in kernel.replaced]
    exact = {name: _exact(name, value) for name, value in given.items()}
    symbols = kernel.symbols
    start = {"q": symbols.q, "c": symbols.c, "s": symbols.s, "c_b": symbols.c_b}
    replaced = [pairs for pairs in changes if pairs is not None]
    if len(replaced) < len(changes):
        return None
    usual = {name: _followed(expr, replaced, exact) for name, expr in start.items()}
    others = {symbol: _followed(symbol, replaced, exact) for symbol in symbols_of(kernel.network)}
    usual = {name: value for name, value in usual.items() if value.is_number}
    valid = {"q", "c"} <= set(usual) and all(map(_is_real, others.values()))
    return NumbersAsDerived(usual, others) if valid and _is_pair(usual) else None


def _is_real(value: sympy.Expr) -> bool:
    return bool(value.is_number and value.is_real)


def _is_pair(usual: Mapping[str, sympy.Expr]) -> bool:
    """Whether two inputs can have this q value and these cosines."""
    cosines = [value for name, value in usual.items() if name != "q"]
    return bool(usual["q"].is_positive) and all(
        _is_real(value) and abs(value) <= 1 for value in cosines
    )


def _followed(
    expr: sympy.Expr, changes: list[Pairs], given: Mapping[str, sympy.Expr]
) -> sympy.Expr:
    for pairs in changes:
        expr = expr.subs(pairs)
    known = {s: given[str(s)] for s in expr.free_symbols if str(s) in given}
    return expr.xreplace(known)


def _pairs(values: tuple[Any, ...]) -> Pairs | None:
    """Arguments of `subs` with exact numbers; None where they replace more than symbols."""
    first = values[0] if len(values) == 1 else (values,)
    items = list(first.items() if isinstance(first, Mapping) else first)
    if not all(isinstance(old, sympy.Symbol) and not isinstance(new, str) for old, new in items):
        return None
    exact = [(old, _exact(str(old), new)) for old, new in items]
    return dict(exact) if isinstance(first, Mapping) else exact


def _exact(name: str, value: Given) -> sympy.Expr:
    """The number as a fraction: a weight what it is short for, a cosine each bit that it has."""
    if isinstance(value, str):
        return sympy.Rational(value)
    expr: sympy.Expr = sympy.sympify(value)
    if name not in USUAL:
        return rationals(expr)
    return expr.xreplace({number: sympy.Rational(number) for number in expr.atoms(sympy.Float)})
