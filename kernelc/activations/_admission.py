"""Decide whether a SymPy expression is an activation: one real symbol, defined everywhere."""

from __future__ import annotations

from itertools import pairwise

import mpmath
import sympy
from sympy import Expr
from sympy.functions.elementary.piecewise import ExprCondPair

from .._errors import ActivationError, shown
from .._limits import LARGEST_ARGUMENT, LARGEST_NUMBER, oversized
from ._pieces import Piece, evaluate, real_roots, split
from ._stable import X, stabilize
from ._vocabulary import CONDITIONS, too_large, vocabulary


def admit(expr: object) -> Expr:
    """`expr` in X and in stable form, once proved real, finite and not constant on the line.

    Arguments:
        expr: SymPy expression in one symbol of any name.

    Returns:
        The expression in X.

    Raises:
        ActivationError: any other number of symbols, an unknown function, a pole, a value that
            is not real, an infinite slope, a kink that cannot be located, a constant.
    """
    if not isinstance(expr, Expr):
        raise _refusal(expr, f"it is a {type(expr).__name__}", "must be a SymPy expression")
    return _admitted(expr)


def _admitted(expr: Expr) -> Expr:
    if (problem := oversized(expr)) is not None:
        raise _refusal("(a large expression)", f"it has {problem}", "has a moderate size")
    symbols = expr.free_symbols
    if len(symbols) != 1:
        names = ", ".join(sorted(map(str, symbols))) or "none"
        raise _refusal(expr, f"its symbols are {names}", "has exactly one symbol")
    _check_vocabulary(expr)
    _check_constants(expr)
    stable = stabilize(expr.xreplace({symbols.pop(): X}))
    if not stable.has(X):
        raise _refusal(expr, "it is constant", "must depend on its argument")
    _check_vocabulary(stable)
    pieces = split(stable)
    for piece in pieces:
        _check_domain(piece, expr)
        _check_values(piece, expr)
    _check_varies(pieces, expr)
    return stable


def _check_vocabulary(expr: Expr) -> None:
    allowed = vocabulary()
    for node in sympy.preorder_traversal(expr):
        if isinstance(node, (*CONDITIONS, ExprCondPair)):
            continue
        number = node.is_Number or node.is_NumberSymbol
        if number and (node.is_finite is not True):
            raise _refusal(expr, f"it contains {node}", "is finite on the real line")
        if number or isinstance(node, (sympy.Symbol, *allowed)):
            continue
        if node is sympy.I or node is sympy.zoo:
            raise _refusal(expr, f"it contains {node}", "is real and finite on the real line")
        known = ", ".join(sorted(cls.__name__ for cls in allowed))
        raise _refusal(expr, f"it contains {node.func.__name__}", f"is built from {known}")


def _check_constants(expr: Expr) -> None:
    for node in sympy.postorder_traversal(expr):
        if isinstance(node, (*CONDITIONS, ExprCondPair)):
            continue
        growing = node.args if isinstance(node, sympy.Function) else ()
        growing = (node.exp,) if isinstance(node, sympy.Pow) else growing
        large = isinstance(node, Expr) and too_large(node, LARGEST_NUMBER)
        if large or any(isinstance(a, Expr) and too_large(a, LARGEST_ARGUMENT) for a in growing):
            raise _refusal(expr, "a constant in it is too large", "has constants of moderate size")


def _check_domain(piece: Piece, whole: Expr) -> None:
    """Every power and logarithm stays inside its real domain on the closed interval."""
    for node in sympy.preorder_traversal(piece.expr):
        if isinstance(node, sympy.log):
            _require_positive(node.args[0], piece, whole, closed=True)
        elif isinstance(node, sympy.Pow) and node.base.has(X):
            if node.exp.is_Integer:
                if node.exp < 0 and _zeros(node.base, piece, whole, closed=True):
                    raise _refusal(whole, f"{node} has a pole", "is finite on the real line")
            else:
                _require_positive(node.base, piece, whole, closed=False)
        elif isinstance(node, sympy.Pow) and node.exp.has(X) and not node.base.is_positive:
            raise _refusal(whole, f"{node} is not real", "is real on the real line")


def _require_positive(expr: Expr, piece: Piece, whole: Expr, closed: bool) -> None:
    if expr.is_positive:
        return
    if _zeros(expr, piece, whole, closed) or evaluate(expr, piece.interior) <= 0:
        raise _refusal(
            whole, f"{expr} is not positive everywhere", "is real, and smooth between its kinks"
        )


def _zeros(expr: Expr, piece: Piece, whole: Expr, closed: bool) -> list[mpmath.mpf]:
    low = -mpmath.inf if piece.lower.is_infinite else evaluate(X, piece.lower)
    high = mpmath.inf if piece.upper.is_infinite else evaluate(X, piece.upper)
    roots = [evaluate(X, root) for root in real_roots(expr, whole)]
    return [r for r in roots if low < r < high or (closed and (r in (low, high)))]


def _check_values(piece: Piece, whole: Expr) -> None:
    """Values and slopes are finite inside and at the ends."""
    slope = piece.expr.diff(X)
    for point in _probes(piece):
        for quantity, what in ((piece.expr, "value"), (slope, "slope")):
            try:
                value = evaluate(quantity, point)
            except (TypeError, ValueError, ZeroDivisionError):
                value = mpmath.nan
            if not mpmath.isfinite(value):
                raise _refusal(
                    whole,
                    f"its {what} at x = {float(point):g} is not a finite real number",
                    "has finite real values and one-sided slopes on the real line",
                )


def _probes(piece: Piece) -> list[Expr]:
    ends = [e for e in (piece.lower, piece.upper) if not e.is_infinite]
    spread = [piece.interior]
    if piece.upper.is_infinite:
        spread += [piece.interior + step for step in (sympy.Rational(7, 3), 19)]
    if piece.lower.is_infinite:
        spread += [piece.interior - step for step in (sympy.Rational(7, 3), 19)]
    return ends + spread


def _check_varies(pieces: tuple[Piece, ...], whole: Expr) -> None:
    if len(pieces) > 1 and not all(piece.expr.has(X) is False for piece in pieces):
        return
    values = [evaluate(piece.expr, p) for piece in pieces for p in _probes(piece)]
    if len(pieces) == 1:
        values += [evaluate(pieces[0].expr, sympy.Rational(n, 7)) for n in range(-20, 21)]
    if all(abs(a - b) <= mpmath.mpf("1e-25") * (1 + abs(a)) for a, b in pairwise(values)):
        raise _refusal(whole, "it is constant", "must depend on its argument")


def _refusal(expr: object, found: str, law: str) -> ActivationError:
    return ActivationError(
        where=f"activation {shown(expr, 200)}",
        found=found,
        law=f"An activation {law}",
        remedy="Change the expression, or restrict it with a Piecewise",
    )
