"""Formulas run at numbers: each distinct subexpression once, in float64, arrays or mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache, reduce
from operator import add, mul
from typing import TypeAlias

import mpmath
import numpy as np
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
# A sum that is smaller than this, relative to its terms, has 10 digits left at most.
_CANCELLED = 1e-6
# Numbers below this, and covariances small next to them, lose digits in float64.
SMALLEST = 1e-280

Number: TypeAlias = float | mpmath.mpf
"""In a program of arrays, arrays of float64 stand where these do."""
Numbers: TypeAlias = tuple[Number, ...]
Step: TypeAlias = Callable[[list[Number]], Number]
Function: TypeAlias = Callable[..., Number]


class Cancelled(ArithmeticError):
    """Terms of a sum cancel, so that float64 leaves few digits of it."""


class Runnable:
    """A SymPy node that says itself how its number follows from those of its arguments.

    Abstract in all but name: SymPy's metaclass leaves no place for ABCMeta.
    """

    def step(self, writer: Writer) -> Step:
        """From the numbers of the steps before to that of this node."""
        raise NotImplementedError


@lru_cache(maxsize=512)
def program(
    variables: tuple[sympy.Symbol, ...],
    entries: tuple[sympy.Basic, ...],
    dps: int,
    arrays: bool = False,
    guarded: bool = False,
) -> Callable[..., Numbers]:
    """A function from numbers for `variables` to the numbers of `entries`.

    Arguments:
        variables: the free symbols.
        entries: expressions in them; local maps and iterations included.
        dps: decimal digits; up to 15 means float64.
        arrays: whether numbers are arrays of float64, which broadcast. What divides by zero or
            overflows is then not finite, where else it raises.
        guarded: whether a sum of floats raises `Cancelled` when its terms cancel; in arrays, nan
            stands where they do.

    Returns:
        A callable of positional numbers that returns a tuple of numbers.
    """
    with mpmath.workdps(dps + _GUARD):
        writer = Writer(variables, dps, arrays, guarded)
        slots = [writer.visit(entry) for entry in entries]

    def run(*numbers: Number) -> Numbers:
        values = list(numbers)
        with mpmath.workdps(dps + _GUARD), np.errstate(all="ignore" if arrays else None):
            for step in writer.steps:
                values.append(step(values))
        return tuple(values[slot] for slot in slots)

    return run


class Writer:
    """Collects the steps of a program; equal subexpressions share one."""

    def __init__(
        self,
        variables: Sequence[sympy.Symbol],
        dps: int,
        arrays: bool = False,
        guarded: bool = False,
    ) -> None:
        self.dps, self.arrays = dps, arrays
        self.double = dps <= DOUBLE
        self.guarded = guarded and self.double
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
        if isinstance(node, sympy.Add) and self.guarded:
            total = _whole_sums if self.arrays else _whole_sum
            return lambda values: total([values[slot] for slot in slots])
        if isinstance(node, sympy.Add | sympy.Mul):
            fold = add if isinstance(node, sympy.Add) else mul
            return lambda values: reduce(fold, [values[slot] for slot in slots])
        known = _ARRAYS if self.arrays else _FLOATS if self.double else _DIGITS
        call = known.get(node.func)
        if call is None:
            call = self._by_sympy(node.func)
        return lambda values: call(*[values[slot] for slot in slots])

    def _constant(self, node: sympy.Expr) -> Step:
        if node in _ENDLESS:  # a slope that is infinite, written out; `evaluate` judges it
            value = _ENDLESS[node] if self.double else mpmath.mpf(_ENDLESS[node])
        else:
            number = node.evalf(self.dps + _GUARD)
            value = float(number) if self.double else number._to_mpmath(mpmath.mp.prec)
        value = np.float64(value) if self.arrays else value
        return lambda values: value

    def _power(self, node: sympy.Pow) -> Step:
        base, exponent = self.visit(node.base), node.exp
        power = pow if self.arrays else _integer_power
        if exponent.is_Integer:
            n = int(exponent)
            if self.guarded and n < 0:
                power = _of_whole(power, self.arrays)
            return lambda values: power(values[base], n)
        if exponent in (sympy.S.Half, -sympy.S.Half):
            root, n = self._root(), int(2 * exponent)
            if self.guarded and n < 0:
                root = _of_whole(root, self.arrays)
            return lambda values: power(root(values[base]), n)
        top = self.visit(exponent)
        return lambda values: values[base] ** values[top]

    def _root(self) -> Function:
        """Square root; rounding puts 1 - (k / q)^2 just below zero at |c| = 1."""
        if self.arrays:
            return lambda x: np.sqrt(np.maximum(x, 0))
        root = math.sqrt if self.double else mpmath.sqrt
        return lambda x: root(max(x, 0))

    def _by_sympy(self, func: type[sympy.Function]) -> Function:
        """Functions that no table knows: SymPy evaluates them."""
        dps = self.dps + _GUARD

        def call(*numbers: Number) -> Number:
            found = func(*[sympy.Float(number, dps) for number in numbers]).evalf(dps)
            return float(found) if self.double else found._to_mpmath(mpmath.mp.prec)

        return np.vectorize(call, otypes=[np.float64]) if self.arrays else call


def _whole_sum(terms: Sequence[Number]) -> Number:
    """The sum, of which enough digits are left.

    Raises:
        Cancelled: they are not.
    """
    total = reduce(add, terms)
    if abs(total) < _CANCELLED * max(map(abs, terms)):
        raise Cancelled
    return total


def _whole_sums(terms: Sequence[Number]) -> np.ndarray:
    """The sums, nan where too few digits are left."""
    total = reduce(add, terms)
    largest = reduce(np.maximum, map(np.abs, terms))
    return np.where(np.abs(total) < _CANCELLED * largest, np.nan, total)


def _of_whole(function: Function, arrays: bool) -> Function:
    """A function of a number that float64 holds with all digits; of others it raises `Cancelled`,
    or is nan in arrays."""

    def of_array(x: np.ndarray, *others: int) -> np.ndarray:
        return np.where((x > 0) & (x < SMALLEST), np.nan, function(x, *others))

    def of_number(x: Number, *others: int) -> Number:
        if 0 < x < SMALLEST:
            raise Cancelled
        return function(x, *others)

    return of_array if arrays else of_number


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
_ARRAYS: dict[type[sympy.Function], Function] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.atan: np.arctan,
    sympy.atan2: np.arctan2,
    sympy.acos: lambda x: np.arccos(np.clip(x, -1, 1)),
    sympy.asin: lambda x: np.arcsin(np.clip(x, -1, 1)),
    sympy.erf: scipy.special.erf,
    sympy.erfc: scipy.special.erfc,
    sympy.Abs: np.abs,
    sympy.Max: lambda *numbers: reduce(np.maximum, numbers),
    sympy.Min: lambda *numbers: reduce(np.minimum, numbers),
    normal_cdf: scipy.special.ndtr,
    owens_t: scipy.special.owens_t,
}
