"""Formulas run at numbers: each distinct subexpression once, in float64 or in mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, reduce
from operator import add, mul
from typing import TypeAlias

import mpmath
import scipy.special
import sympy

from ..activations import normal_cdf, owens_t


DOUBLE = 15
_ENDLESS = {
    sympy.oo: math.inf,
    sympy.zoo: math.inf,
    sympy.S.NegativeInfinity: -math.inf,
    sympy.nan: math.nan,
}
# Digits carried beyond those asked for.
_GUARD = 5

Number: TypeAlias = float | mpmath.mpf
Numbers: TypeAlias = tuple[Number, ...]
Step: TypeAlias = Callable[[list[Number]], Number]
Function: TypeAlias = Callable[..., Number]


class Runnable:
    """A SymPy node that says itself how its number follows from those of its arguments.

    Abstract in all but name: SymPy's metaclass leaves no place for ABCMeta.
    """

    def step(self, writer: Writer) -> Step:
        """From the numbers of the steps before to that of this node."""
        raise NotImplementedError


@lru_cache(maxsize=512)
def program(
    variables: tuple[sympy.Symbol, ...], entries: tuple[sympy.Basic, ...], dps: int
) -> Callable[..., Numbers]:
    """A function from numbers for `variables` to the numbers of `entries`.

    Arguments:
        variables: the free symbols.
        entries: expressions in them; local maps and iterations included.
        dps: decimal digits; up to 15 means float64.

    Returns:
        A callable of positional numbers that returns a tuple of numbers.
    """
    with mpmath.workdps(dps + _GUARD):
        writer = Writer(variables, dps)
        slots = [writer.visit(entry) for entry in entries]

    def run(*numbers: Number) -> Numbers:
        values = list(numbers)
        with mpmath.workdps(dps + _GUARD):
            for step in writer.steps:
                values.append(step(values))
        return tuple(values[slot] for slot in slots)

    return run


class Writer:
    """Collects the steps of a program; equal subexpressions share one."""

    def __init__(self, variables: Sequence[sympy.Symbol], dps: int) -> None:
        self.dps = dps
        self.double = dps <= DOUBLE
        self.steps: list[Step] = []
        self._given = len(variables)
        self._variables = set(variables)
        self._slots: dict[Hashable, int] = {v: i for i, v in enumerate(variables)}

    def visit(self, node: sympy.Basic) -> int:
        """Where the number of `node` will stand in the list of values."""
        return self.shared(node, lambda writer: writer._step(node))

    def knows(self, node: sympy.Basic) -> bool:
        """Whether the variables suffice for a number of `node`."""
        return node.free_symbols <= self._variables

    def shared(self, key: Hashable, make: Callable[[Writer], Step]) -> int:
        """Where the value of a step stands that several nodes read: one for each key."""
        if key not in self._slots:
            step = make(self)
            self._slots[key] = self._given + len(self.steps)
            self.steps.append(step)
        return self._slots[key]

    def _step(self, node: sympy.Basic) -> Step:
        if isinstance(node, Runnable):
            return node.step(self)
        if not node.args:
            return self._constant(node)
        if isinstance(node, sympy.Pow):
            return self._power(node)
        slots = [self.visit(arg) for arg in node.args]
        if isinstance(node, sympy.Add | sympy.Mul):
            fold = add if isinstance(node, sympy.Add) else mul
            return lambda values: reduce(fold, [values[slot] for slot in slots])
        call = _FLOATS.get(node.func) if self.double else _DIGITS.get(node.func)
        if call is None:
            call = self._by_sympy(node.func)
        return lambda values: call(*[values[slot] for slot in slots])

    def _constant(self, node: sympy.Expr) -> Step:
        if node in _ENDLESS:  # a slope that is infinite, written out; `evaluate` judges it
            endless = _ENDLESS[node] if self.double else mpmath.mpf(_ENDLESS[node])
            return lambda values: endless
        number = node.evalf(self.dps + _GUARD)
        value = float(number) if self.double else number._to_mpmath(mpmath.mp.prec)
        return lambda values: value

    def _power(self, node: sympy.Pow) -> Step:
        base, exponent = self.visit(node.base), node.exp
        if exponent.is_Integer:
            n = int(exponent)
            return lambda values: _integer_power(values[base], n)
        if exponent in (sympy.S.Half, -sympy.S.Half):
            root, n = (math.sqrt if self.double else mpmath.sqrt), int(2 * exponent)
            # Rounding puts 1 - (k / q)^2 just below zero at |c| = 1.
            return lambda values: _integer_power(root(max(values[base], 0)), n)
        top = self.visit(exponent)
        return lambda values: values[base] ** values[top]

    def _by_sympy(self, func: type[sympy.Function]) -> Function:
        """Functions that no table knows: SymPy evaluates them."""
        dps = self.dps + _GUARD

        def call(*numbers: Number) -> Number:
            found = func(*[sympy.Float(number, dps) for number in numbers]).evalf(dps)
            return float(found) if self.double else found._to_mpmath(mpmath.mp.prec)

        return call


def _integer_power(base: Number, n: int) -> Number:
    if n < 0 and base == 0:
        return math.inf if isinstance(base, float) else mpmath.inf
    return base**n


def _inside(function: Function) -> Function:
    """A function on [-1, 1], at arguments that rounding may have put just outside."""
    return lambda x: function(min(max(x, -1), 1))


_FLOATS: dict[type[sympy.Function], Function] = {
    sympy.exp: math.exp,
    sympy.log: math.log,
    sympy.sin: math.sin,
    sympy.cos: math.cos,
    sympy.sinh: math.sinh,
    sympy.cosh: math.cosh,
    sympy.tanh: math.tanh,
    sympy.atan: math.atan,
    sympy.atan2: math.atan2,
    sympy.acos: _inside(math.acos),
    sympy.asin: _inside(math.asin),
    sympy.erf: math.erf,
    sympy.erfc: math.erfc,
    sympy.Abs: abs,
    sympy.Max: max,
    sympy.Min: min,
    normal_cdf: lambda x: float(scipy.special.ndtr(x)),
    owens_t: lambda h, a: float(scipy.special.owens_t(h, a)),
}
_DIGITS: dict[type[sympy.Function], Function] = {
    sympy.exp: mpmath.exp,
    sympy.log: mpmath.log,
    sympy.sin: mpmath.sin,
    sympy.cos: mpmath.cos,
    sympy.atan: mpmath.atan,
    sympy.atan2: mpmath.atan2,
    sympy.acos: _inside(mpmath.acos),
    sympy.asin: _inside(mpmath.asin),
    sympy.erf: mpmath.erf,
    sympy.erfc: mpmath.erfc,
    sympy.Abs: abs,
    sympy.Max: max,
    sympy.Min: min,
    normal_cdf: mpmath.ncdf,
}
