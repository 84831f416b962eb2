"""Checks on the fields of layer specs, each with an error that says which field and why."""

from __future__ import annotations

import math
import numbers
from typing import Any

import sympy

from .._errors import GraphError, ShapeError


def positive_integer(kind: str, field: str, value: Any) -> None:
    """Raise `ShapeError` unless `value` is an integer of at least 1."""
    if type(value) is not int or value < 1:
        raise ShapeError(
            where=kind,
            found=f"{field} = {value!r}",
            law=f"{field} is a positive integer",
            remedy=f"give {kind} a {field} of at least 1",
        )


def finite_number(
    kind: str,
    field: str,
    value: Any,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    symbol: bool = True,
) -> Any:
    """`value` as a float or SymPy expression; raise `GraphError` when it is neither."""
    if symbol and _may_be_finite_real(value):
        return float(value) if isinstance(value, sympy.Float) else value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number) and minimum <= number <= maximum:
            return number
    bound = "" if minimum == -math.inf else f" of at least {minimum:g}"
    bound += "" if maximum == math.inf else f" and at most {maximum:g}"
    raise GraphError(
        where=kind,
        found=f"{field} = {value!r}",
        law=f"{field} is a finite real number{bound}" + (" or a SymPy symbol" if symbol else ""),
        remedy=f"give {kind} such a {field}",
    )


def _may_be_finite_real(value: Any) -> bool:
    """Whether `value` is an expression that nothing rules out as a finite real number."""
    if not isinstance(value, sympy.Expr) or value is sympy.nan:
        return False
    return value.is_finite is not False and value.is_real is not False


def trained_bias(kind: str, bias: Any, bias_std: Any) -> None:
    """Raise `GraphError` unless `bias` is a bool, and true when `bias_std` is not 0."""
    if not isinstance(bias, bool) or not (bias or bias_std == 0):
        raise GraphError(
            where=kind,
            found=f"bias = {bias!r} with bias_std = {bias_std!r}",
            law="bias says whether there is one, and what is not there has no spread",
            remedy="give bias_std=0 with bias=False, or leave both out",
        )


def one_of(kind: str, field: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise `GraphError` unless `value` is one of `choices`."""
    if value not in choices:
        raise GraphError(
            where=kind,
            found=f"{field} = {value!r}",
            law=f"{field} is one of {', '.join(map(repr, choices))}",
            remedy=f"choose one of them for {kind}",
        )


def numeric(kind: str, field: str, value: Any) -> float:
    """A float to build weights with; symbols must have been given values first."""
    if isinstance(value, sympy.Expr) and value.free_symbols:
        raise GraphError(
            where=kind,
            found=f"{field} = {value}",
            law="a lowered network has numbers, not symbols",
            remedy="substitute values: network.subs({symbol: value})",
        )
    return float(value)
