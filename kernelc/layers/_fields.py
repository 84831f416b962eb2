"""Checks on the fields of layer specs, each with an error that says which field and why."""

from __future__ import annotations

import math
import numbers
from typing import TypeGuard, cast

import sympy

from .._errors import GraphError, ShapeError, shown
from .._limits import (
    LARGEST_AXIS,
    LARGEST_SCALE,
    SMALLEST_SCALE,
    is_real_number,
    oversized,
    real,
    whole,
)
from ..ir import Real, Shape, Shapes, needs_number


def positive_integers(layer: object, *fields: str) -> None:
    """Make those fields ints; raise `ShapeError` unless they are integers from 1 to 2^31 - 1."""
    kind = type(layer).__name__
    for field in fields:
        value = whole(getattr(layer, field))
        if type(value) is not int or not 1 <= value <= LARGEST_AXIS:
            raise ShapeError(
                where=kind,
                found=f"{field} = {shown(value)}",
                law=f"{field} is a positive integer of at most {LARGEST_AXIS:,}",
                remedy=f"give {kind} a {field} of at least 1",
            )
        object.__setattr__(layer, field, value)


def positive_shape(kind: str, shape: object) -> None:
    """Raise `ShapeError` unless `shape` is a tuple of positive integers, at least one."""
    sizes = shape if isinstance(shape, tuple) else ()
    if not sizes or any(type(n) is not int or n < 1 for n in sizes):
        raise ShapeError(
            where=kind,
            found=f"shape {shown(shape)}",
            law="an example has at least one axis, all of them positive integers, the "
            "last one its channels",
            remedy="write Input((784,)) for vectors, Input((32, 32, 3)) for images",
        )


def axis_sizes(kind: str, field: str, value: object) -> tuple[int, ...]:
    """`value` as sizes of one to three axes; raise `ShapeError` when it is something else."""
    found = tuple(value) if isinstance(value, tuple | list) else (value,)
    sizes = tuple(whole(size) for size in found)
    if 1 <= len(sizes) <= 3 and all(
        type(size) is int and 1 <= size <= LARGEST_AXIS for size in sizes
    ):
        return cast("tuple[int, ...]", sizes)
    raise ShapeError(
        where=kind,
        found=f"{field} = {shown(value)}",
        law=f"{field} are one to three positive integers of at most {LARGEST_AXIS:,}",
        remedy=f"give {kind} {field} such as (8, 8)",
    )


def finite_number(
    kind: str,
    field: str,
    value: object,
    *,
    minimum: float = -math.inf,
    maximum: float = math.inf,
    symbol: bool = True,
) -> float | sympy.Expr:
    """`value` as a float or SymPy expression; raise `GraphError` when it is neither."""
    if symbol and _may_be_in(value, minimum, maximum):
        return float(value) if isinstance(value, sympy.Float) else value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        number = real(value)
        if _in_reach(number, minimum, maximum):
            return number
    bound = "" if minimum == -math.inf else f" of at least {minimum:g}"
    bound += "" if maximum == math.inf else f" and at most {maximum:g}"
    raise GraphError(
        where=kind,
        found=f"{field} = {shown(value)}",
        law=f"{field} is a finite real number{bound}"
        + (" or a SymPy symbol" if symbol else "")
        + f", 0 or in size from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}",
        remedy=f"give {kind} such a {field}",
    )


def _may_be_in(value: object, minimum: float, maximum: float) -> TypeGuard[sympy.Expr]:
    """Whether `value` is an expression that nothing rules out as a finite real number there."""
    if not isinstance(value, sympy.Expr):
        return False
    expr: sympy.Expr = value
    if expr == sympy.nan or oversized(expr) is not None:
        return False
    if expr.free_symbols:
        negative = minimum >= 0 and expr.is_negative is True
        return expr.is_finite is not False and expr.is_real is not False and not negative
    return is_real_number(expr) and _in_reach(float(expr), minimum, maximum)


def _in_reach(number: float, minimum: float, maximum: float) -> bool:
    # Kernel rules square numbers, which must not leave the range of doubles.
    squares = number == 0 or SMALLEST_SCALE <= abs(number) <= LARGEST_SCALE
    return squares and minimum <= number <= maximum


def trained_bias(kind: str, bias: object, bias_std: object) -> None:
    """Raise `GraphError` unless `bias` is a bool, and true when `bias_std` is not 0."""
    if not isinstance(bias, bool) or not (bias or bias_std == 0):
        raise GraphError(
            where=kind,
            found=f"bias = {shown(bias)} with bias_std = {shown(bias_std)}",
            law="bias says whether a bias is trained, and a layer without biases has bias_std = 0",
            remedy="give bias_std=0 with bias=False, or leave both out",
        )


def boolean(kind: str, field: str, value: object) -> None:
    """Raise `GraphError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise GraphError(
            where=kind,
            found=f"{field} = {shown(value)}",
            law=f"{field} is True or False",
            remedy=f"choose one of them for {kind}",
        )


def one_of(kind: str, field: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise `GraphError` unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise GraphError(
            where=kind,
            found=f"{field} = {shown(value)}",
            law=f"{field} is one of {', '.join(map(repr, choices))}",
            remedy=f"choose one of them for {kind}",
        )


def numeric(kind: str, field: str, value: Real) -> float:
    """A float to build weights with; symbols must have been given values first."""
    if symbols := sympy.sympify(value).free_symbols:
        raise needs_number(kind, min(symbols, key=str), f"{field} of a finite layer", GraphError)
    return float(value)


def same_shape(shapes: Shapes, where: str, what: str) -> Shape:
    """The one shape all branches have; raise `ShapeError` when they differ."""
    if any(shape != shapes[0] for shape in shapes):
        raise ShapeError(
            where=where,
            found=f"branches of shapes {', '.join(map(str, shapes))}",
            law=f"{what} combines values of one shape",
            remedy="project the odd branch with Dense or Conv, or match the strides",
        )
    return shapes[0]


def groups_that_divide(groups: int, shape: Shape, where: str) -> None:
    """Raise `ShapeError` unless the channels of a shape are as many in each group."""
    if shape[-1] % groups:
        raise ShapeError(
            where=where,
            found=f"an input of shape {shape} in {groups} groups",
            law="all groups have as many channels",
            remedy="choose a number of groups that divides the channels",
        )
