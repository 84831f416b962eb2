"""Exact: the number a float stands for, where it stands for one."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import lru_cache

import sympy

from ..activations import ScalarFunction, stabilize


_DIFFERENCE = Fraction(4, 2**52)
"""Relative: squares and sums of decimals are off by a few roundings."""
_MOST_DIGITS = 10**10
"""Numerator times denominator: about one float in 10^5 is as near to such a fraction by chance."""
_FEWER_DIGITS = 10**5
_LARGEST_DENOMINATOR = 10**5
_SMALLEST = 1e-100


def exact(value: float) -> sympy.Expr:
    """The fraction, root or multiple of a root of pi that a float is the rounding of.

    Decimals are what people write, and deviations of weights are roots: 0.6 is 3/5, 0.36 ** 0.5
    is 3/5 and (2 / math.pi) ** 0.5 is sqrt(2/pi). A float that is none of them stays.

    Arguments:
        value: a finite number.

    Example:
        >>> exact(0.6), exact(2**0.5), exact(0.3**2), exact(0.123456789)
        (3/5, sqrt(2), 9/100, 0.123456789000000)
    """
    for power, unit in ((1, 1), (2, 1), (2, sympy.pi), (2, 1 / sympy.pi)):
        found = _ratio(value, power, unit)
        if found is not None:
            size = (found * unit) ** sympy.Rational(1, power)
            return size if value >= 0 else -size
    return sympy.Float(value)


def without_decimals(expr: sympy.Expr) -> sympy.Expr:
    """The expression with the floats in it as the numbers that they stand for.

    Example:
        >>> without_decimals(0.2 * sympy.Symbol("x"))
        x/5
    """
    return expr.xreplace({f: exact(float(f)) for f in expr.atoms(sympy.Float)})


def rational(value: float) -> sympy.Expr:
    """The number of `exact`, or the binary fraction that the float is: never a rounding.

    Arguments:
        value: a finite number.

    Example:
        >>> rational(0.6), float(rational(0.123456789)) == 0.123456789
        (3/5, True)
    """
    found = exact(value)
    return sympy.Rational(value) if found.is_Float else found


def rationals(expr: sympy.Expr) -> sympy.Expr:
    """The expression with the floats in it as exact numbers; those of more digits than a float
    keep them.

    Example:
        >>> rationals(0.2 * sympy.Symbol("x")), rationals(sympy.Float("0.2", 30)).q > 10**20
        (x/5, True)
    """
    return expr.xreplace({f: _rational(f) for f in expr.atoms(sympy.Float)})


@lru_cache(maxsize=512)
def rational_function(
    phi: ScalarFunction, values: tuple[tuple[sympy.Symbol, sympy.Expr], ...] = ()
) -> ScalarFunction:
    """The activation with its constants as exact numbers, whose products SymPy does not round.

    Arguments:
        phi: the activation.
        values: exact numbers for symbols of its constants.

    Example:
        >>> from kernelc.activations import named
        >>> rational_function(named("leaky_relu", negative_slope=0.3)).expr
        Piecewise((x, x > 0), (3*x/10, True))
    """
    if phi.base is not None:
        return rational_function(phi.base, values).transformed(*map(rationals, phi.affine))
    known = dict(values)
    exact_params = phi.exact_params.items()
    params = tuple((name, rationals(value).xreplace(known)) for name, value in exact_params)
    if phi.definition is None or not params:
        return ScalarFunction(phi.name, rationals(phi.expr), params, phi.definition)
    expr = stabilize(phi.definition.expression(**dict(params)))
    return ScalarFunction(phi.name, expr, params, phi.definition)


def _rational(number: sympy.Float) -> sympy.Expr:
    more = number._prec > sys.float_info.mant_dig
    return sympy.Rational(number) if more else rational(float(number))


def _ratio(value: float, power: int, unit: sympy.Expr | int) -> sympy.Rational | None:
    """The short fraction r with |value|^power = r unit."""
    plain = unit == 1
    if not plain and not _SMALLEST < abs(value) < 1 / _SMALLEST:
        return None  # its square is no float
    target = Fraction(abs(value)) ** power if plain else Fraction(float(abs(value) ** power / unit))
    near = target.limit_denominator(_LARGEST_DENOMINATOR)
    most = _MOST_DIGITS if plain else _FEWER_DIGITS
    if abs(near - target) > _DIFFERENCE * target or near.numerator * near.denominator > most:
        return None
    return sympy.Rational(near.numerator, near.denominator)
