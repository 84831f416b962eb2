"""SymPy expressions as JSON and back: exact, closed vocabulary, bounded size."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NoReturn, TypeAlias

import sympy

from .._errors import LoadError
from .._limits import (
    DEEPEST,
    DEEPEST_FUNCTIONS,
    MOST_BITS,
    MOST_TERMS,
    bad_name,
    oversized,
)
from ._vocabulary import (
    ATOM_NAMES,
    CONDITION_NAMES,
    CONDITION_NODES,
    CONDITIONS,
    CONSTANTS,
    MANY,
    NODES,
    OF_SYMBOLS,
    UNARY,
    large_constant,
    large_power,
)


Description: TypeAlias = "str | list[Description] | dict[str, bool]"

_ASSUMPTIONS = frozenset(sympy.Symbol("x", positive=True, integer=True).assumptions0)


def encode_expression(expr: sympy.Basic, symbols: bool = False) -> Description:
    """Nested lists and strings that `decode_expression` turns back into exactly `expr`.

    Arguments:
        expr: the expression.
        symbols: whether symbols are written by name and assumptions; else the only one is X.

    Raises:
        LoadError: a node outside the vocabulary.

    Example:
        >>> from kernelc.activations import X
        >>> encode_expression(X / 2)
        ['Mul', ['rational', '1', '2'], 'x']
    """
    if symbols and type(expr) is sympy.Symbol:
        return ["symbol", expr.name, _assumed(expr)]
    if expr in ATOM_NAMES:
        return ATOM_NAMES[expr]
    if isinstance(expr, sympy.Rational):
        whole = isinstance(expr, sympy.Integer)
        return ["integer", str(expr.p)] if whole else ["rational", str(expr.p), str(expr.q)]
    if isinstance(expr, sympy.Float):
        return _encoded_float(expr)
    name = CONDITION_NAMES.get(expr.func) or expr.func.__name__
    if symbols and expr.free_symbols and name not in OF_SYMBOLS:
        _refuse(f"{name} of symbols")
    if isinstance(expr, sympy.Piecewise):
        cases = [[encode_expression(part, symbols) for part in case.args] for case in expr.args]
        return ["Piecewise", *cases]
    if name not in CONDITION_NODES and NODES.get(name) is not expr.func:
        _refuse(f"{name} has no description")
    return [name, *[encode_expression(arg, symbols) for arg in expr.args]]


def _encoded_float(expr: sympy.Float) -> Description:
    value = float(expr)
    if expr._prec == 53 and math.isfinite(value) and sympy.Float(value) == expr:
        return ["float", value.hex()]
    sign, mantissa, exponent, _ = expr._mpf_
    return ["float", str((-1) ** sign * int(mantissa)), str(int(exponent)), str(expr._prec)]


@lru_cache(maxsize=256)
def _assumed(symbol: sympy.Symbol) -> dict[str, bool]:
    """What to build an equal symbol with: one assumption where one implies the rest."""
    if sympy.Symbol(symbol.name) == symbol:
        return {}
    for key, value in symbol.assumptions0.items():
        if sympy.Symbol(symbol.name, **{key: value}) == symbol:
            return {key: value}
    return {key: bool(value) for key, value in symbol.assumptions0.items()}


def decode_expression(data: object, symbols: bool = False) -> sympy.Expr:
    """The expression that was described; touches nothing outside the closed vocabulary.

    Arguments:
        data: what `encode_expression` returned, or anything.
        symbols: whether there may be symbols other than X.

    Raises:
        LoadError: unknown, malformed, too deep or too large descriptions.
    """
    try:
        expr = _Decoder(symbols).expression(data)
    except LoadError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise _error(f"a node that SymPy refuses ({type(error).__name__}: {error})") from error
    if not isinstance(expr, sympy.Expr):
        _refuse("a condition where a number was expected")
    # What SymPy multiplied out may be longer than what was written.
    return expr if (problem := oversized(expr)) is None else _refuse(problem)


class _Decoder:
    """Counts nodes while it builds an expression."""

    def __init__(self, symbols: bool) -> None:
        self.symbols, self.nodes = symbols, 0

    def expression(self, data: object, depth: int = 0, functions: int = 0) -> sympy.Basic:
        """The expression at this depth, inside this many functions of symbols."""
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_TERMS:
            _refuse(f"more than {MOST_TERMS} nodes or {DEEPEST} levels")
        if isinstance(data, str):
            return CONSTANTS[data] if data in CONSTANTS else _refuse(f"{data[:40]!r}")
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            _refuse(f"{str(data)[:40]} where a node was expected")
        kind, *rest = data
        if kind in ("integer", "rational", "float"):
            return _number(kind, rest)
        if kind == "symbol" and self.symbols:
            return _symbol(rest)
        symbolic = self.symbols and _symbolic(data)
        if symbolic:
            functions += kind not in (*MANY, "Pow")
            if kind not in OF_SYMBOLS:
                _refuse(f"{kind[:40]!r} of symbols")
            if functions > DEEPEST_FUNCTIONS:
                _refuse(f"more than {DEEPEST_FUNCTIONS} functions inside each other")
        if kind == "Piecewise":
            return self._piecewise(rest, depth)
        args = [self.expression(item, depth + 1, functions) for item in rest]
        if kind in CONDITION_NODES:
            return _condition(kind, args)
        return _applied(kind, args, symbolic)

    def _piecewise(self, cases: list[object], depth: int) -> sympy.Basic:
        pairs = []
        for case in cases:
            if not (isinstance(case, list) and len(case) == 2):
                _refuse("a Piecewise case that is not [value, condition]")
            value, cond = (self.expression(item, depth + 1) for item in case)
            if not isinstance(cond, CONDITIONS) or not isinstance(value, sympy.Expr):
                _refuse("a Piecewise case that is not [value, condition]")
            pairs.append((value, cond))
        return sympy.Piecewise(*pairs) if pairs else _refuse("an empty Piecewise")


def _symbolic(data: object) -> bool:
    if not isinstance(data, list) or not data or not isinstance(data[0], str):
        return False
    return data[0] == "symbol" or any(_symbolic(item) for item in data[1:])


def _symbol(rest: list[object]) -> sympy.Symbol:
    if len(rest) != 2 or bad_name(rest[0]) is not None:
        _refuse("a symbol without a name")
    name, assumed = rest
    if not (
        isinstance(assumed, dict)
        and set(assumed) <= _ASSUMPTIONS
        and all(isinstance(value, bool) for value in assumed.values())
    ):
        _refuse(f"unknown assumptions on the symbol {str(name)[:40]!r}")
    return sympy.Symbol(str(name), **assumed)


def _condition(kind: str, args: list[sympy.Basic]) -> sympy.Basic:
    logical = kind in ("and", "or", "not")
    wanted = CONDITIONS if logical else sympy.Expr
    count = {"not": 1}.get(kind, len(args) if logical else 2)
    if len(args) != count or not args or not all(isinstance(a, wanted) for a in args):
        _refuse(f"{kind!r} with unfit arguments")
    return CONDITION_NODES[kind](*args)


def _applied(kind: str, args: list[sympy.Basic], symbolic: bool) -> sympy.Basic:
    if kind not in NODES:
        _refuse(f"the unknown node {kind[:40]!r}")
    parts = [arg for arg in args if isinstance(arg, sympy.Expr)]
    if not parts or len(parts) != len(args):
        _refuse(f"{kind} with unfit arguments")
    most = 1 if kind in UNARY else 2 if kind in ("Pow", "Heaviside") else len(args)
    if len(args) > most or (kind == "Pow" and len(args) != 2):
        _refuse(f"{kind} with {len(args)} arguments")
    problem = None if symbolic else large_constant(kind, parts)
    if kind == "Pow":
        problem = problem or large_power(*parts)
    return NODES[kind](*args) if problem is None else _refuse(problem)


def _number(kind: str, rest: list[object]) -> sympy.Number:
    texts = [item for item in rest if isinstance(item, str) and len(item) <= 1200]
    if len(texts) != len(rest):
        _refuse(f"a {kind} that is not written as short strings")
    if kind == "float" and len(texts) == 1:
        value = float.fromhex(texts[0])
        return sympy.Float(value) if math.isfinite(value) else _refuse("a float not finite")
    if len(texts) != {"integer": 1, "rational": 2, "float": 3}[kind]:
        _refuse(f"a {kind} with {len(texts)} parts")
    values = [int(item) for item in texts]
    if kind == "integer":
        return sympy.Integer(values[0])
    if kind == "rational":
        return sympy.Rational(*values) if values[1] != 0 else _refuse("a zero denominator")
    mantissa, exponent, precision = values
    if not (1 <= precision <= MOST_BITS and abs(exponent) <= 4 * MOST_BITS):
        _refuse("a float of excessive precision")
    if mantissa == 0:
        # SymPy keeps the exponent of a zero, which then differs from other zeros.
        return sympy.Float(0, precision=precision)
    return sympy.Float((int(mantissa < 0), abs(mantissa), exponent), precision=precision)


def _error(found: str) -> LoadError:
    return LoadError(
        where="expression",
        found=found,
        law="An expression is nested lists over a fixed set of SymPy nodes",
        remedy="Write it again with to_dict, to_json or save",
    )


def _refuse(found: str) -> NoReturn:
    raise _error(found)
