"""SymPy expressions as JSON and back: exact, closed vocabulary, bounded size."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from .._errors import LoadError
from .._limits import (
    DEEPEST,
    LARGEST_ARGUMENT,
    LARGEST_EXPONENT,
    LARGEST_NUMBER,
    MOST_BITS,
    MOST_TERMS,
    deep_constant,
    oversized,
)
from ._stable import X, normal_cdf, sigmoid, softplus


_NODES = {
    cls.__name__: cls
    for cls in (
        *(sympy.Add, sympy.Mul, sympy.Pow),
        *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh),
        *(sympy.sech, sympy.atan, sympy.asinh, sympy.erf, sympy.erfc),
        *(softplus, sigmoid, normal_cdf),
        *(sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min),
    )
}
_CONDITIONS = {
    "<": sympy.Lt,
    "<=": sympy.Le,
    ">": sympy.Gt,
    ">=": sympy.Ge,
    "==": sympy.Eq,
    "!=": sympy.Ne,
    "and": sympy.And,
    "or": sympy.Or,
    "not": sympy.Not,
}
_CONSTANTS = {"x": X, "pi": sympy.pi, "e": sympy.E, "true": sympy.true, "false": sympy.false}
_ATOM_NAMES = {value: name for name, value in _CONSTANTS.items()}
_CONDITION_NAMES = {cls: name for name, cls in _CONDITIONS.items()}

CONDITIONS = (BooleanAtom, BooleanFunction, Relational)
_UNARY = {name for name in _NODES if name not in ("Add", "Mul", "Pow", "Heaviside", "Max", "Min")}


def vocabulary() -> tuple[type, ...]:
    """The SymPy classes an activation may be built from."""
    return (*_NODES.values(), sympy.Piecewise)


def encode_expression(expr: Any) -> Any:
    """Nested lists and strings that `decode_expression` turns back into exactly `expr`.

    Example:
        >>> encode_expression(X / 2)
        ['Mul', ['rational', '1', '2'], 'x']
    """
    if expr in _ATOM_NAMES:
        return _ATOM_NAMES[expr]
    if isinstance(expr, sympy.Integer):
        return ["integer", str(expr.p)]
    if isinstance(expr, sympy.Rational):
        return ["rational", str(expr.p), str(expr.q)]
    if isinstance(expr, sympy.Float):
        return _encode_float(expr)
    if isinstance(expr, sympy.Piecewise):
        cases: Any = expr.args
        return [
            "Piecewise",
            *[[encode_expression(value), encode_expression(cond)] for value, cond in cases],
        ]
    name = _CONDITION_NAMES.get(expr.func) or expr.func.__name__
    if name not in _CONDITIONS and _NODES.get(name) is not expr.func:
        _refuse(f"{name} has no description")
    return [name, *[encode_expression(arg) for arg in expr.args]]


def _encode_float(expr: Any) -> Any:
    value = float(expr)
    if expr._prec == 53 and math.isfinite(value) and sympy.Float(value) == expr:
        return ["float", value.hex()]
    sign, mantissa, exponent, _ = expr._mpf_
    return ["float", str((-1) ** sign * int(mantissa)), str(int(exponent)), str(expr._prec)]


def decode_expression(data: Any) -> Any:
    """The expression that was described; touches nothing outside the closed vocabulary.

    Raises:
        LoadError: unknown, malformed, too deep or too large descriptions.
    """
    try:
        expr = _Decoder().expression(data, 0)
        # What SymPy multiplied out may be longer than what was written.
        return expr if (problem := oversized(expr)) is None else _refuse(problem)
    except LoadError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise _error(f"a node that SymPy refuses ({type(error).__name__}: {error})") from error


class _Decoder:
    def __init__(self) -> None:
        self.nodes = 0

    def expression(self, data: Any, depth: int) -> Any:
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_TERMS:
            _refuse(f"more than {MOST_TERMS} nodes or {DEEPEST} levels")
        if isinstance(data, str):
            return _CONSTANTS[data] if data in _CONSTANTS else _refuse(f"{data[:40]!r}")
        if not (isinstance(data, list) and data and isinstance(data[0], str)):
            _refuse(f"{str(data)[:40]} where a node was expected")
        kind, *rest = data
        if kind in ("integer", "rational", "float"):
            return _number(kind, rest)
        if kind == "Piecewise":
            return self._piecewise(rest, depth)
        args = [self.expression(item, depth + 1) for item in rest]
        if kind in _CONDITIONS:
            return self._condition(kind, args)
        if kind not in _NODES:
            _refuse(f"the unknown node {kind[:40]!r}")
        return _apply(kind, args)

    def _piecewise(self, cases: list, depth: int) -> Any:
        pairs = []
        for case in cases:
            if not (isinstance(case, list) and len(case) == 2):
                _refuse("a Piecewise case that is not [value, condition]")
            value, cond = (self.expression(item, depth + 1) for item in case)
            if not isinstance(cond, CONDITIONS) or not isinstance(value, sympy.Expr):
                _refuse("a Piecewise case that is not [value, condition]")
            pairs.append((value, cond))
        if not pairs:
            _refuse("an empty Piecewise")
        return sympy.Piecewise(*pairs)

    def _condition(self, kind: str, args: list) -> Any:
        logical = kind in ("and", "or", "not")
        wanted = CONDITIONS if logical else sympy.Expr
        count = {"not": 1}.get(kind, len(args) if logical else 2)
        if len(args) != count or not args or not all(isinstance(a, wanted) for a in args):
            _refuse(f"{kind!r} with unfit arguments")
        return _CONDITIONS[kind](*args)


def _apply(kind: str, args: list) -> Any:
    if not args or not all(isinstance(a, sympy.Expr) for a in args):
        _refuse(f"{kind} with unfit arguments")
    if (kind in _UNARY and len(args) != 1) or (kind == "Pow" and len(args) != 2):
        _refuse(f"{kind} with {len(args)} arguments")
    if kind == "Heaviside" and len(args) > 2:
        _refuse(f"{kind} with {len(args)} arguments")
    for problem in filter(None, map(deep_constant, args)):
        _refuse(problem)
    growing = args if kind in _UNARY else args[1:] if kind == "Pow" else []
    if any(too_large(a, LARGEST_ARGUMENT) for a in growing) or any(
        too_large(a, LARGEST_NUMBER) for a in args
    ):
        _refuse(f"{kind} of a constant that is too large")
    if kind == "Pow":
        check_power(*args)
    return _NODES[kind](*args)


def too_large(number: Any, bound: float) -> bool:
    """Whether a constant (an expression without symbols) is not a finite number up to `bound`."""
    return bool(number.is_number) and not abs(number.evalf(5)) <= bound


def check_power(base: Any, exponent: Any) -> None:
    """Raise `LoadError` for a power that SymPy would take long to write out."""
    if exponent.is_Float and not abs(exponent) <= MOST_BITS:
        _refuse("an exponent that is too large")
    if exponent.is_Rational and max(abs(exponent.p), exponent.q) > LARGEST_EXPONENT:
        _refuse("an exponent of too many digits")
    # SymPy multiplies number powers out at once: 10**(10**9) would fill the memory
    bits = sum(abs(n.p).bit_length() + n.q.bit_length() for n in base.atoms(sympy.Rational))
    if exponent.is_Rational and abs(exponent) * max(bits, 1) > MOST_BITS:
        _refuse("a power too large to write out")


def _number(kind: str, rest: list) -> Any:
    if not all(isinstance(item, str) and len(item) <= 1200 for item in rest):
        _refuse(f"a {kind} that is not written as short strings")
    if kind == "float" and len(rest) == 1:
        value = float.fromhex(rest[0])
        return sympy.Float(value) if math.isfinite(value) else _refuse("a float not finite")
    counts = {"integer": 1, "rational": 2, "float": 3}
    if len(rest) != counts[kind]:
        _refuse(f"a {kind} with {len(rest)} parts")
    values = [int(item) for item in rest]
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
        where="activation description",
        found=found,
        law="A description is nested lists over a fixed set of SymPy nodes, written by to_dict",
        remedy="Write it again with to_dict",
    )


def _refuse(found: str) -> NoReturn:
    raise _error(found)
