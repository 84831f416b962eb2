"""Formula: SymPy functions that evaluate, compile and expand in a series by a program."""

from __future__ import annotations

import math
from collections.abc import Sequence

import mpmath
import numpy as np
import sympy
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.stringpict import prettyForm

from .._errors import UnsupportedError
from ._program import DOUBLE, Number, Runnable, program


_DOUBLE_BITS = 66
_taken: set[str] = set()


def digits(bits: int) -> int:
    """Decimal digits in a precision of `bits`; everything near float64 counts as 15."""
    # SymPy asks for a few bits more than the 53 it wants; float64 serves those too.
    return DOUBLE if bits <= _DOUBLE_BITS else int(bits / 3.3219)


def unique_name(name: str) -> str:
    """A Python name that no function has yet: generated code calls functions by name."""
    name = "".join(letter if letter.isalnum() else "_" for letter in name)
    found, count = name, 1
    while found in _taken:
        count += 1
        found = f"{name}_{count}"
    _taken.add(found)
    return found


class Formula(Runnable, sympy.Function):
    """A real function that evaluates at numbers through its own program."""

    is_real = True

    def __new__(cls, *args: sympy.Expr, **options: bool) -> sympy.Expr:
        return super().__new__(cls, *args, **options)

    @classmethod
    def eval(cls, *args: sympy.Expr) -> sympy.Expr | None:
        # Closed forms leave pi beside floats; unevaluated, such an argument would come back at
        # every precision that `evalf` tries on the way out.
        floats = {a for arg in args for a in arg.atoms(sympy.Float)}
        if floats and not any(arg.free_symbols for arg in args):
            return _at(cls, args, min(digits(a._prec) for a in floats))
        return None

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        if self.free_symbols:
            return None
        return _at(type(self), self.args, digits(prec))

    @classmethod
    def _imp_(cls, *args: Number | np.ndarray) -> Number | np.ndarray:
        """The function on floats, arrays and mpmath numbers, for code that `lambdify` writes."""
        if any(isinstance(arg, mpmath.mpf) for arg in args):
            return _run(cls, args, mpmath.mp.dps)
        points = np.broadcast_arrays(*[np.asarray(arg, dtype=np.float64) for arg in args])
        values = [_run(cls, point, DOUBLE) for point in zip(*map(np.ravel, points), strict=True)]
        found = np.array(values, dtype=np.float64).reshape(points[0].shape)
        return found if found.ndim else float(found)

    def _eval_nseries(self, x: sympy.Symbol, n: int, logx: object, cdir: object = 0) -> sympy.Expr:
        """Taylor's formula at x = 0."""
        total, term, factorial = sympy.Order(x**n, x), self, sympy.Integer(1)
        for power in range(n):
            value = term.subs(x, 0)
            _require_finite(value, self, x)
            total += value * x**power / factorial
            term, factorial = term.diff(x), factorial * (power + 1)
        return total

    def _eval_as_leading_term(
        self, x: sympy.Symbol, logx: object = None, cdir: object = 0
    ) -> sympy.Expr:
        value = self.subs(x, 0)
        _require_finite(value, self, x)
        return value

    def _eval_is_meromorphic(self, x: sympy.Symbol, a: sympy.Expr) -> bool | None:
        # Limits are values where those are finite: kernels are continuous up to |c| = 1.
        return True if _is_finite(self.subs(x, a)) else None

    def _pretty(self, printer: PrettyPrinter) -> prettyForm:
        return prettyForm(sympy.sstr(self), binding=prettyForm.FUNC)

    def _eval_simplify(self, **options: object) -> sympy.Expr:
        return self.func(*[sympy.simplify(arg, **options) for arg in self.args])


def _at(cls: type[Formula], args: tuple[sympy.Expr, ...], dps: int) -> sympy.Expr:
    """The value at numbers; infinite where it overflows, which `evaluate` judges."""
    # Symbols are left only in arguments that the function does not depend on.
    numbers = [_number(sympy.S.Zero if arg.free_symbols else arg, dps) for arg in args]
    try:
        return sympy.Float(_run(cls, numbers, dps), dps)
    except OverflowError:
        return sympy.oo


def _number(expr: sympy.Expr, dps: int) -> Number:
    if dps <= DOUBLE:
        return float(expr)
    with mpmath.workdps(dps + 5):
        return expr.evalf(dps + 5)._to_mpmath(mpmath.mp.prec)


def _run(cls: type[Formula], numbers: Sequence[Number], dps: int) -> Number:
    dps = max(dps, DOUBLE)
    variables = sympy.symbols(f"x:{len(numbers)}", real=True)
    if dps == DOUBLE:
        numbers = [float(number) for number in numbers]
    return program(variables, (cls(*variables),), dps)(*numbers)[0]


def _is_finite(value: sympy.Expr) -> bool:
    if value.has(sympy.oo, sympy.zoo, sympy.nan):
        return False
    if value.free_symbols:
        return True
    try:
        # In float64: `evalf` of a product asks for more digits, which take minutes.
        return math.isfinite(program((), (value,), DOUBLE)()[0])
    except (ZeroDivisionError, OverflowError):
        return False


def _require_finite(value: sympy.Expr, function: Formula, x: sympy.Symbol) -> None:
    if _is_finite(value):
        return
    raise UnsupportedError(
        where=str(function)[:80],
        found=f"a series in {x} where the function or a derivative is infinite",
        law="named functions are expanded by Taylor's formula, which needs finite derivatives",
        remedy="expand at another point, or write the kernel out first: kernel.expand()",
    )
