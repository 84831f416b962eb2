"""JAX primitives that act on each entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from ..operations import Shifted
from ..recording import Value, product, scaled, shifted, softmax
from ._reader import Held, Known, Parameters, Reader, Rule, Shapes


_HIDDEN = -1e4
"""Logits of this and below are those of locations that a mask hides."""
Function = Callable[..., Any]


def _expressed(function: Function) -> Rule:
    """The rule of a function of one value and numbers."""

    def rule(
        reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
    ) -> Sequence[Held] | None:
        return _applied(reader, function, given)

    return rule


def _applied(reader: Reader, function: Function, given: Sequence[Held]) -> Sequence[Held] | None:
    held = [x if isinstance(x, Value) else x.number for x in given]
    arguments = [x for x in held if x is not None]
    if len(arguments) < len(given):
        return None
    found = reader.recorder.apply(function, arguments)
    if found is not None and not found.function.free_symbols:
        return [_constant(found)]
    return None if found is None else [found]


def _constant(value: Value) -> Known:
    """A function that does not depend on its argument, as a test for NaN does not."""
    if isinstance(value.function, sympy.Expr):
        return Known(np.full(value.shape, float(value.function), np.float32))
    return Known(np.full(value.shape, bool(value.function)))


def _logical(function: Function) -> Rule:
    """The rule of an operation on conditions; integers are not read."""

    def rule(
        reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
    ) -> Sequence[Held] | None:
        if any(isinstance(x, Value) and isinstance(x.function, sympy.Expr) for x in given):
            return None
        return _applied(reader, lambda *terms: function(*map(_truth, terms)), given)

    return rule


def _truth(term: Any) -> Any:
    return sympy.true if term == sympy.Float(1) else sympy.false if term == sympy.Float(0) else term


def _power(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    exponent = int(parameters["y"])
    return _applied(reader, lambda u: u**exponent, given)


def _select(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    if len(given) != 3:
        return None

    which, no, yes = given
    if (
        isinstance(which, Known)
        and which.array.size
        and (which.array == which.array.ravel()[0]).all()
    ):
        return [yes if which.array.ravel()[0] else no]
    if isinstance(which, Known) and which.array.ndim:
        return _masked(reader, which.array.astype(bool), no, yes, shapes[0])

    def chosen(which: Any, no: Any, yes: Any) -> Any:
        return sympy.Piecewise((yes, which), (no, True))

    return _applied(reader, chosen, given)


def _masked(
    reader: Reader, which: np.ndarray, no: Held, yes: Held, shape: tuple[int, ...]
) -> Sequence[Held] | None:
    """A value with very negative numbers in some entries: what a softmax does not see."""
    value, other, hidden = (yes, no, ~which) if isinstance(yes, Value) else (no, yes, which)
    number = other.number if isinstance(other, Known) else None
    if not isinstance(value, Value) or number is None or number > _HIDDEN:
        return None
    table = np.where(hidden, -np.inf, 0.0)
    return [reader.recorder.record(Shifted(table), [value], shape)]


def _add(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    return _sum(reader, given, shapes[0], 1)


def _subtract(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    return _sum(reader, given, shapes[0], -1)


def _sum(
    reader: Reader, given: Sequence[Held], shape: tuple[int, ...], sign: int
) -> Sequence[Held] | None:
    one, other = given
    if isinstance(one, Value) and isinstance(other, Value):
        return [reader.recorder.add(one, other, shape, sign)]
    found = _applied(reader, lambda a, b: a + sign * b, given)
    if found is not None:
        return found
    if isinstance(one, Known):
        assert isinstance(other, Value)  # equations of arrays that are known are evaluated
        negative = reader.recorder.mapped(lambda u: sign * u, other)
        return [shifted(reader.recorder, negative, one.array)]
    assert isinstance(other, Known)
    return [shifted(reader.recorder, one, sign * other.array)]


def _multiply(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    one, other = given
    if isinstance(one, Value) and isinstance(other, Value):
        return [product(reader.recorder, one, other, shapes[0])]
    return _applied(reader, lambda a, b: a * b, given) or _scaled(reader, given, shapes[0])


def _divide(
    reader: Reader, given: Sequence[Held], parameters: Parameters, shapes: Shapes
) -> Sequence[Held] | None:
    one, other = given
    found = _applied(reader, lambda a, b: a / b, given)
    if found is not None:
        return found
    if isinstance(one, Value) and isinstance(other, Value):
        weights = softmax(reader.recorder, one, other, shapes[0])
        inverse = reader.recorder.mapped(lambda u: 1 / u, other)
        return [weights or product(reader.recorder, one, inverse, shapes[0])]
    if isinstance(one, Value) and isinstance(other, Known):
        return _scaled(reader, (one, Known(1 / other.array, other.trained)), shapes[0])
    return None


def _scaled(reader: Reader, given: Sequence[Held], shape: tuple[int, ...]) -> Sequence[Held]:
    (value,) = (x for x in given if isinstance(x, Value))
    (table,) = (x.array for x in given if isinstance(x, Known))
    return [scaled(reader.recorder, value, table)]


def _raised(base: Any, exponent: Any) -> Any:
    """A power, which is a root where the exponent is a multiple of one half."""
    doubled = float(2 * exponent) if exponent.is_number else 0.5
    return base ** (sympy.Rational(int(doubled), 2) if doubled.is_integer() else exponent)


_FUNCTIONS: dict[str, Function] = {
    "tanh": sympy.tanh,
    "logistic": lambda u: 1 / (1 + sympy.exp(-u)),
    "exp": sympy.exp,
    "exp2": lambda u: 2**u,
    "log": sympy.log,
    "log1p": lambda u: sympy.log(1 + u),
    "expm1": lambda u: sympy.exp(u) - 1,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "asinh": sympy.asinh,
    "atan": sympy.atan,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "cbrt": lambda u: sympy.sign(u) * sympy.Abs(u) ** sympy.Rational(1, 3),
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "erf": sympy.erf,
    "erfc": lambda u: 1 - sympy.erf(u),
    "sqrt": sympy.sqrt,
    "rsqrt": lambda u: 1 / sympy.sqrt(u),
    "square": lambda u: u**2,
    "neg": lambda u: -u,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "max": sympy.Max,
    "min": sympy.Min,
    "pow": _raised,
    "clamp": lambda low, u, high: sympy.Min(sympy.Max(u, low), high),
    "gt": lambda a, b: sympy.Gt(a, b),
    "ge": lambda a, b: sympy.Ge(a, b),
    "lt": lambda a, b: sympy.Lt(a, b),
    "le": lambda a, b: sympy.Le(a, b),
    "eq": lambda a, b: sympy.Eq(a, b),
    "ne": lambda a, b: sympy.Ne(a, b),
    "is_finite": lambda u: sympy.true,
}
ELEMENTWISE: dict[str, Rule] = {
    **{name: _expressed(function) for name, function in _FUNCTIONS.items()},
    "and": _logical(sympy.And),
    "or": _logical(sympy.Or),
    "not": _logical(sympy.Not),
    "integer_pow": _power,
    "select_n": _select,
    "add": _add,
    "add_any": _add,
    "sub": _subtract,
    "mul": _multiply,
    "div": _divide,
}
