"""Expansions of a C map at c = 1 and at c = 0."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import mpmath
import sympy

from ..._errors import KernelcError, shown as shown_value
from .._formulas import Formulas
from .._program import DOUBLE
from ._exact_rates import NotClosed
from ._fixed_points import Value, short, shown
from ._layer_map import LayerMap, exact_map, numeric_map
from ._q_points import nonlinearities
from ._series import Series
from ._series_backend import SMALLEST_ORDER, SeriesBackend


# What is zero in floats after the roundings of a network, relative to the largest coefficient.
_TOLERANCE = 1e-13
_MOST_TERMS = 400
# Terms times activations whose formulas are made in time.
_MOST_EXACT = 12
# Operations in a coefficient that SymPy simplifies in time, and in one that says more than digits.
_MOST_SIMPLIFIED, _LONGEST = 150, 25


@dataclasses.dataclass(frozen=True)
class Expansion:
    """C(c) = sum_j a_j (1 - c)^(j/2) near c = 1, or sum_j a_j c^j near c = 0.

    Arguments:
        at: 1 or 0.
        coefficients: a_0, a_1, ...

    Example:
        >>> print(Expansion(1, (1, 0, -1, sympy.Rational(3, 10))))
        1 - (1 - c) + 3/10*(1 - c)**(3/2)
    """

    at: int
    coefficients: tuple[Value, ...]

    def expr(self, c: sympy.Symbol | None = None) -> sympy.Expr:
        """The sum as a SymPy expression in c, without the terms of higher order."""
        cosine = sympy.Symbol("c", real=True) if c is None else c
        step = cosine if self.at == 0 else sympy.sqrt(1 - cosine)
        return sympy.Add(*(a * step**j for j, a in enumerate(self.coefficients)))

    def __str__(self) -> str:
        terms = [self._term(j, a) for j, a in enumerate(self.coefficients) if a != 0] or ["0"]
        rest = (f" - {t[1:]}" if t[0] == "-" else f" + {t}" for t in terms[1:])
        return terms[0] + "".join(rest)

    def _term(self, j: int, coefficient: Value) -> str:
        base = "c" if self.at == 0 else "(1 - c)"
        exponent = sympy.Rational(j, 1 if self.at == 0 else 2)
        power = {0: "", 1: base}.get(exponent, f"{base}**{exponent}")
        if not exponent.is_Integer:
            power = f"{base}**({exponent})"
        number = short(coefficient)
        if not power:
            return number
        if number in ("1", "-1"):
            return number[:-1] + power
        return f"{number}*{power}" if not _is_sum(coefficient) else f"({number})*{power}"


def _is_sum(coefficient: Value) -> bool:
    return isinstance(coefficient, sympy.Add)


def expansion(
    kernel: Formulas,
    at: int,
    order: int,
    q: Value,
    values: Mapping[str, object],
    dps: int,
) -> Expansion:
    """The expansion of the C map with terms up to `order`, in powers of (1 - c)^(1/2) or c."""
    if at not in (0, 1) or isinstance(at, bool):
        raise KernelcError(
            where=kernel.network.name,
            found=f"an expansion at c = {shown_value(at)}",
            law="C maps are expanded at c = 1 and at c = 0",
            remedy="pass at=1 or at=0",
        )
    if type(order) is not int or not 1 <= order <= _MOST_TERMS:
        raise KernelcError(
            where=kernel.network.name,
            found=f"order = {shown_value(order)}",
            law=f"a series has terms up to an order from 1 to {_MOST_TERMS}",
            remedy="pass such an order",
        )
    try:
        return Expansion(at, _exact(kernel, at, order, q, values))
    except NotClosed:
        with mpmath.workdps(dps + 10):
            return Expansion(at, _numeric(kernel, at, order, q, values, dps))


def _exact(
    kernel: Formulas, at: int, order: int, q: Value, values: Mapping[str, object]
) -> tuple[Value, ...]:
    layer = exact_map(kernel, values)
    size = order * nonlinearities(layer.network)
    if sympy.sympify(q).has(sympy.Float) or size > _MOST_EXACT:
        raise NotClosed
    terms = [_simplified(term) for term in _terms(layer, at, order, sympy.sympify(q))]
    long = any(t.count_ops() > _LONGEST or t.has(sympy.Float) for t in terms)
    if long and not sympy.sympify(q).free_symbols:
        raise NotClosed
    return tuple(terms)


def _simplified(term: sympy.Expr) -> sympy.Expr:
    return sympy.simplify(term) if term.count_ops() <= _MOST_SIMPLIFIED else term


def _numeric(
    kernel: Formulas, at: int, order: int, q: Value, values: Mapping[str, object], dps: int
) -> tuple[Value, ...]:
    if sympy.sympify(q).free_symbols:
        raise KernelcError(
            where=kernel.network.name,
            found=f"no value for {q}",
            law="where there is no closed form, numbers are computed from numbers",
            remedy="pass q=..., such as a fixed point of kernel.q_fixed_points()",
        )
    layer = numeric_map(kernel, values, dps)
    terms = _terms(layer, at, order, layer.number(q))
    tolerance = _TOLERANCE if dps <= DOUBLE else mpmath.mpf(10) ** (2 - dps)
    size = max(abs(term) for term in terms)
    return tuple(shown(t if abs(t) > tolerance * size else 0.0 * t, dps) for t in terms)


def _terms(layer: LayerMap, at: int, order: int, q: object) -> tuple:
    """Coefficients of t^0, ..., t^order, with c = 1 - t^2 or c = t."""
    number = layer.number
    cosine = (number(1), number(0), number(-1)) if at else (number(0), number(1))
    kept = max(order, SMALLEST_ORDER)
    terms = layer.c_series(SeriesBackend(layer.rates, kept), q, Series(cosine, kept)).terms
    return (*terms, *(number(0),) * kept)[: order + 1]
