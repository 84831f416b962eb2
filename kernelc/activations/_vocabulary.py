"""What activations and weights are built from, and how large its numbers may be."""

from __future__ import annotations

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from .._limits import (
    LARGEST_ARGUMENT,
    LARGEST_EXPONENT,
    LARGEST_NUMBER,
    MOST_BITS,
    deep_constant,
)
from ._stable import X, normal_cdf, sigmoid, softplus


NODES = {
    cls.__name__: cls
    for cls in (
        *(sympy.Add, sympy.Mul, sympy.Pow),
        *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.sinh, sympy.cosh, sympy.tanh),
        *(sympy.sech, sympy.atan, sympy.asinh, sympy.erf, sympy.erfc),
        *(softplus, sigmoid, normal_cdf),
        *(sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min),
    )
}
CONDITION_NODES = {
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
CONSTANTS = {"x": X, "pi": sympy.pi, "e": sympy.E, "true": sympy.true, "false": sympy.false}
ATOM_NAMES = {value: name for name, value in CONSTANTS.items()}
CONDITION_NAMES = {cls: name for name, cls in CONDITION_NODES.items()}

CONDITIONS = (BooleanAtom, BooleanFunction, Relational)
MANY = ("Add", "Mul", "Max", "Min")
UNARY = {name for name in NODES if name not in (*MANY, "Pow", "Heaviside")}
OF_SYMBOLS = frozenset((*MANY, "Pow", "Abs", "exp", "log", "sin", "cos", "tanh"))
"""What may hold symbols other than X: the weights of layers need no more."""


def vocabulary() -> tuple[type, ...]:
    """The SymPy classes an activation may be built from."""
    return (*NODES.values(), sympy.Piecewise)


def too_large(number: sympy.Expr, bound: float) -> bool:
    """Whether a constant (an expression without symbols) is not a finite number up to `bound`."""
    return bool(number.is_number) and not bool(abs(number.evalf(5)) <= bound)


def large_constant(kind: str, args: list[sympy.Expr]) -> str | None:
    """Why SymPy would take long to evaluate a node of constants, or None."""
    for problem in filter(None, map(deep_constant, args)):
        return problem
    growing = args if kind in UNARY else args[1:] if kind == "Pow" else []
    if any(too_large(a, LARGEST_ARGUMENT) for a in growing) or any(
        too_large(a, LARGEST_NUMBER) for a in args
    ):
        return f"{kind} of a constant that is too large"
    return None


def large_power(base: sympy.Expr, exponent: sympy.Expr) -> str | None:
    """Why SymPy would take long to write out a power, or None."""
    if isinstance(exponent, sympy.Float) and not abs(exponent) <= MOST_BITS:
        return "an exponent that is too large"
    if not isinstance(exponent, sympy.Rational):
        return None
    if max(abs(exponent.p), exponent.q) > LARGEST_EXPONENT:
        return "an exponent of too many digits"
    # SymPy multiplies number powers out at once: 10**(10**9) would fill the memory
    bits = sum(abs(n.p).bit_length() + n.q.bit_length() for n in base.atoms(sympy.Rational))
    return "a power too large to write out" if abs(exponent) * max(bits, 1) > MOST_BITS else None
