"""The q value at which a network is the same map of cosines in every application."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import sympy

from ..._errors import KernelcError, shown as shown_value
from ..._limits import real
from .._exact_numbers import exact
from .._formulas import Formulas
from ._fixed_points import FixedPoint, Value
from ._q_points import q_fixed_points, q_point


# How far a given q value may be from its image, relative.
_MOVED = 1e-6


def stationary_q(
    kernel: Formulas,
    q: object,
    values: Mapping[str, object],
    dps: int,
    uses_q: bool,
) -> tuple[Value, FixedPoint | None]:
    """The q value of the C map, and the fixed point of the Q map it is, where one is needed.

    Arguments:
        q: what the caller asked for; None for the stable fixed point.
        uses_q: whether the C map depends on q.
    """
    where = kernel.network.name
    fixed = kernel.symbols.q
    if q is None and not fixed.is_Symbol:
        q = fixed
    if q is not None:
        at = _number(where, q)
        image = q_point(kernel, at, values, dps)
        stays = abs(image.value - at) <= _MOVED * at
        if uses_q and stays not in (True, sympy.true):
            raise _moves(where, at, image.value)
        kept = stays in (True, sympy.true)
        return at, dataclasses.replace(image, value=at) if kept else None
    points = q_fixed_points(kernel, values, dps)
    if not uses_q:
        kept = _stable(points)
        return sympy.Integer(1), kept[0] if len(kept) == 1 else None
    chosen = _stable(points)
    if len(chosen) == 1:
        return chosen[0].value, chosen[0]
    raise KernelcError(
        where=where,
        found=f"fixed points of the Q map at q = {', '.join(map(str, points)) or 'no value'}",
        law="the C map of a network depends on q, and is the same in each application only at a "
        "fixed point of the Q map; the only one that is stable is taken by itself",
        remedy="pass q=..., or other deviations of weights and biases",
    )


def q_of_expansion(kernel: Formulas, q: object, uses_q: bool) -> Value:
    """The q value that a C map is expanded at: a number, or the symbol q for formulas in it."""
    if q is not None:
        return _number(kernel.network.name, q)
    fixed = kernel.symbols.q
    return fixed if uses_q or not fixed.is_Symbol else sympy.Integer(1)


def _stable(points: tuple[FixedPoint, ...]) -> list[FixedPoint]:
    """Those that q values approach, else those where they stay, else those with symbols."""
    for kind in (True, None, "unknown"):
        found = [point for point in points if _kind(point) == kind]
        if found:
            return found
    return []


def _kind(point: FixedPoint) -> bool | str | None:
    if point.slope == 1:
        return None
    return point.stable if isinstance(point.stable, bool) else "unknown"


def _number(where: str, q: object) -> Value:
    size = real(float(q) if isinstance(q, str) else q)
    if not 0 < size < math.inf:
        raise KernelcError(
            where=where,
            found=f"q = {shown_value(q)}",
            law="a q value is a mean square, so positive",
            remedy="pass a positive number",
        )
    if isinstance(q, float):
        return exact(q)
    return q if isinstance(q, sympy.Expr) else sympy.Rational(str(q))


def _moves(where: str, q: Value, image: Value) -> KernelcError:
    return KernelcError(
        where=where,
        found=f"Q({float(q):g}) = {image}",
        law="the C map of a network depends on q, and is the same in each application only at "
        "a fixed point of the Q map",
        remedy="take one of kernel.q_fixed_points()",
    )
