"""Fixed points of the Q map and of the C map, and depth scales."""

from __future__ import annotations

import dataclasses
import math
from typing import TypeAlias

import mpmath
import sympy


Value: TypeAlias = float | sympy.Expr
Number: TypeAlias = float | mpmath.mpf


@dataclasses.dataclass(frozen=True)
class FixedPoint:
    """A fixed point of a map, and the slope of the map there.

    Arguments:
        value: the fixed point; the symbol q or c itself where every value is one.
        slope: derivative of the map there.

    Example:
        >>> FixedPoint(sympy.Integer(1), sympy.Rational(1, 2)).depth_scale
        1/log(2)
    """

    value: Value
    slope: Value

    @property
    def stable(self) -> bool | sympy.Basic:
        """|slope| < 1, a condition on symbols where the slope has some."""
        found = sympy.Lt(sympy.Abs(self.slope), 1)
        return bool(found) if found in (sympy.true, sympy.false) else found

    @property
    def depth_scale(self) -> Value:
        """xi = -1/ln |slope| (Schoenholz et al. 2017): oo at slope 1, negative where unstable."""
        return depth_scale(self.slope)

    def __str__(self) -> str:
        kind = {True: "stable", False: "unstable"}.get(self.stable, f"stable if {self.stable}")
        kind = "marginal" if self.slope == 1 else kind
        return f"{short(self.value)} (slope {short(self.slope)}, {kind})"


def depth_scale(slope: Value) -> Value:
    """xi = -1/ln |slope|: differences shrink by e in xi layers.

    Example:
        >>> depth_scale(1), depth_scale(0), round(depth_scale(0.5), 3)
        (oo, 0, 1.443)
    """
    if slope in (1, -1):
        return sympy.oo
    if slope == 0 or abs(slope) == sympy.oo:
        return sympy.Integer(0)
    if not isinstance(slope, sympy.Expr):
        return -1 / math.log(abs(slope))
    if isinstance(slope, sympy.Rational):
        return 1 / sympy.log(1 / abs(slope))  # ln 2 reads better than -ln(1/2)
    return -1 / sympy.log(sympy.Abs(slope))


def rounded(slope: Number, tolerance: float) -> Number:
    """The slope, and exactly 1 where rounding separates it from 1: at criticality."""
    return slope / slope if abs(slope - 1) <= tolerance else slope


def shown(number: Number, dps: int) -> Value:
    """A number as it is returned: a float up to 15 digits, a SymPy number beyond."""
    if isinstance(number, mpmath.mpf):
        return sympy.oo if mpmath.isinf(number) else sympy.Float(number, dps)
    return sympy.oo if number == math.inf else number


def short(value: Value) -> str:
    """A number or a formula as it is printed: floats with six digits."""
    if isinstance(value, float):
        return f"{value:.6g}"
    formula = sympy.sympify(value)
    if formula.is_Float:
        return str(formula)
    return str(formula.xreplace({f: sympy.Float(f, 6) for f in formula.atoms(sympy.Float)}))
