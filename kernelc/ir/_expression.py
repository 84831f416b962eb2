"""Weights that are SymPy expressions, as JSON and back: exact, closed vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

import sympy

from .._errors import KernelcError, LoadError, UnsupportedError
from .._limits import DEEPEST, DEEPEST_FUNCTIONS, MOST_TERMS, bad_name, oversized
from ..activations import check_power, decode_expression, encode_expression


_OPERATORS = {
    cls.__name__: cls
    for cls in (
        *(sympy.Add, sympy.Mul, sympy.Pow, sympy.Abs, sympy.Max, sympy.Min),
        *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tanh),
    )
}
_BINARY = ("Add", "Mul", "Max", "Min")
_ASSUMPTIONS = frozenset(sympy.Symbol("x", positive=True, integer=True).assumptions0)


def encode(expr: sympy.Expr, where: str) -> Any:
    """Nested lists that `decode` turns back into exactly `expr`.

    Raises:
        UnsupportedError: an expression outside the vocabulary, or one that SymPy rewrites when
            it is built again.
    """
    try:
        data = _encoded(expr)
        if decode(data) == expr:
            return data
    except (KernelcError, RecursionError):
        pass
    raise UnsupportedError(
        where=where,
        found=f"the expression {str(expr)[:80]}",
        law="network files hold sums, products, powers and a few functions of symbols",
        remedy="simplify it, or give its symbols values: network.subs({symbol: value})",
    )


def decode(data: Any) -> sympy.Expr:
    """The expression that `encode` described.

    Raises:
        LoadError: unknown, malformed, too deep or too large descriptions.
    """
    if _size(data, 0) > MOST_TERMS:
        _refuse(f"more than {MOST_TERMS} parts")
    try:
        expr = _decoded(data, 0)
    except LoadError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise _error(f"a node that SymPy refuses ({type(error).__name__})") from error
    if not isinstance(expr, sympy.Expr):
        _refuse("a condition where a number was expected")
    if (problem := oversized(expr)) is not None:
        _refuse(problem)
    return expr


def _encoded(expr: Any) -> Any:
    if not expr.free_symbols:
        return encode_expression(expr)
    if type(expr) is sympy.Symbol:
        return ["symbol", expr.name, _assumed(expr)]
    name = expr.func.__name__
    if _OPERATORS.get(name) is not expr.func:
        _refuse(f"{name} of symbols")
    return [name, *[_encoded(arg) for arg in expr.args]]


@lru_cache(maxsize=256)
def _assumed(symbol: sympy.Symbol) -> dict[str, bool]:
    """What to build an equal symbol with: one assumption where one implies the rest."""
    if sympy.Symbol(symbol.name) == symbol:
        return {}
    for key, value in symbol.assumptions0.items():
        if sympy.Symbol(symbol.name, **{key: value}) == symbol:
            return {key: value}
    return {key: bool(value) for key, value in symbol.assumptions0.items()}


def _size(data: Any, depth: int) -> int:
    if depth > DEEPEST:
        _refuse(f"more than {DEEPEST} levels")
    if not isinstance(data, list):
        return 1
    return 1 + sum(_size(item, depth + 1) for item in data)


def _decoded(data: Any, functions: int) -> Any:
    """The expression inside this many functions, which SymPy simplifies level by level."""
    if not _symbolic(data):
        return decode_expression(data)
    kind, *rest = data
    if kind == "symbol":
        return _symbol(rest)
    if kind not in _OPERATORS:
        _refuse(f"{str(kind)[:40]!r} of symbols")
    functions += kind not in (*_BINARY, "Pow")
    if functions > DEEPEST_FUNCTIONS:
        _refuse(f"more than {DEEPEST_FUNCTIONS} functions inside each other")
    args = [_decoded(item, functions) for item in rest]
    if not all(isinstance(arg, sympy.Expr) for arg in args):
        _refuse(f"{kind} of a condition")
    if kind not in _BINARY and len(args) != (2 if kind == "Pow" else 1):
        _refuse(f"{kind} of {len(args)} arguments")
    if kind == "Pow":
        check_power(*args)
    return _OPERATORS[kind](*args)


def _symbolic(data: Any) -> bool:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return False
    return data[0] == "symbol" or any(_symbolic(item) for item in data[1:])


def _symbol(rest: list[Any]) -> sympy.Symbol:
    if len(rest) != 2 or bad_name(rest[0]) is not None:
        _refuse("a symbol without a name")
    name, assumed = rest
    known = isinstance(assumed, dict) and set(assumed) <= _ASSUMPTIONS
    if not known or not all(isinstance(value, bool) for value in assumed.values()):
        _refuse(f"unknown assumptions on the symbol {name[:40]!r}")
    return sympy.Symbol(name, **assumed)


def _error(found: str) -> LoadError:
    return LoadError(
        where="expression",
        found=found,
        law="an expression is nested lists over a fixed set of SymPy nodes",
        remedy="write it with Network.to_json",
    )


def _refuse(found: str) -> NoReturn:
    raise _error(found)
