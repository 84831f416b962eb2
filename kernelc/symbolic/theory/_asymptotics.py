"""The law by which cosines of a deep network approach their limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property

import sympy

from ..._errors import KernelcError
from .._formulas import Formulas
from .._program import DOUBLE
from ._c_points import cosines
from ._expansions import expansion
from ._fixed_points import FixedPoint, Value, short


# Coefficients this small in floats are rounding.
_TOLERANCE = 1e-12
DEPTH = sympy.Symbol("L", positive=True)
"""The number of layers."""


@dataclasses.dataclass(frozen=True)
class CosineLaw:
    """How |c_L - c*| goes to 0 over L layers.

    Arguments:
        limit: c* and C'(c*).
        power: p, where 1 - C(1 - x) = x - A x^p + ... at c* = 1 and slope 1; None elsewhere.
        coefficient: A; None elsewhere.
    """

    limit: FixedPoint
    power: sympy.Rational | None = None
    coefficient: Value | None = None

    @cached_property
    def expr(self) -> sympy.Expr:
        """(A (p - 1) L)^(-1/(p - 1)) at slope 1; else the factor C'(c*)^L, up to a constant."""
        if self.power is None or self.coefficient is None:
            return sympy.Abs(self.limit.slope) ** DEPTH
        root = 1 / (self.power - 1)
        return sympy.simplify((self.coefficient / root) ** -root) * DEPTH**-root

    def __str__(self) -> str:
        if self.power is not None:
            return f"1 - c_L ~ {short(self.expr)}"
        if self.limit.slope == 1:
            return "c_L = c_0"
        value = self.limit.value
        left = "1 - c_L" if value == 1 else f"c_L - {short(value)}" if value != 0 else "c_L"
        return f"{left} ~ const * ({short(self.limit.slope)})**L"


def _is_zero(value: Value, tolerance: float) -> bool:
    """Whether a coefficient is 0: of a formula in symbols, at every value of these."""
    expr = sympy.sympify(value)
    return sympy.simplify(expr) == 0 if expr.free_symbols else bool(abs(expr) <= tolerance)


def cosine_law(kernel: Formulas, q: Value, values: Mapping[str, object], dps: int) -> CosineLaw:
    """The law at a q value that is a fixed point of the Q map, or for a C map without q.

    The map x -> x - A x^p has 1/x^(p-1) grow by A (p - 1) in a step, in the limit x -> 0.
    """
    limit = cosines(kernel, q, values, dps).limit
    if limit.slope != 1 or limit.value != 1:
        return CosineLaw(limit)
    found = expansion(kernel, 1, 4, q, values, dps).coefficients
    tolerance = _TOLERANCE if dps <= DOUBLE else 10.0 ** (5 - dps)
    for j in (3, 4):
        if not _is_zero(found[j], tolerance):
            return CosineLaw(limit, sympy.Rational(j, 2), found[j])
    raise KernelcError(
        where=kernel.network.name,
        found="a C map that is c up to rounding near c = 1",
        law="the law follows from how the C map bends at 1",
        remedy=f"ask for more digits: dps={2 * max(dps, DOUBLE)}",
    )
