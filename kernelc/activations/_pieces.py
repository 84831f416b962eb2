"""Cut a function of one real variable at its kinks into smooth pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import mpmath
import sympy
from sympy import Expr
from sympy.core.relational import Relational

from .._errors import ActivationError
from ._stable import X
from ._tape import MPMATH, SMOOTH_FUNCTIONS, compile_tape


KINKED = (sympy.Abs, sympy.sign, sympy.Heaviside, sympy.Max, sympy.Min, sympy.Piecewise)


@dataclass(frozen=True)
class Piece:
    """An interval (lower, upper) and an expression in X that is smooth on it."""

    lower: sympy.Expr
    upper: sympy.Expr
    expr: sympy.Expr

    @property
    def interior(self) -> sympy.Expr:
        """A finite point strictly inside."""
        if self.lower.is_infinite and self.upper.is_infinite:
            return sympy.S.Zero
        if self.lower.is_infinite:
            return self.upper - 1
        if self.upper.is_infinite:
            return self.lower + 1
        return (self.lower + self.upper) / 2


def split(expr: sympy.Expr) -> tuple[Piece, ...]:
    """The maximal intervals on which `expr` is one smooth expression, left to right.

    Arguments:
        expr: expression in X built from smooth functions and KINKED ones.

    Returns:
        Pieces covering the line; equal neighbors are merged.

    Raises:
        ActivationError: SymPy cannot locate a kink, or a Piecewise leaves a gap.

    Example:
        >>> [p.expr for p in split(sympy.Abs(X))]
        [-x, x]
    """
    merged: list[Piece] = []
    for piece in _split(expr, sympy.S.NegativeInfinity, sympy.oo):
        if merged and merged[-1].expr == piece.expr:
            merged[-1] = Piece(merged[-1].lower, piece.upper, piece.expr)
        else:
            merged.append(piece)
    return tuple(merged)


def _split(expr: Expr, lower: Expr, upper: Expr) -> Iterator[Piece]:
    node = _innermost(expr)
    if node is None:
        yield Piece(lower, upper, expr)
        return
    cuts: list[Expr] = []
    for switch in _switches(node):
        for root in real_roots(switch, expr):
            if _between(root, lower, upper) and not any(_same(root, c) for c in cuts):
                cuts.append(root)
    cuts.sort(key=_value)
    for low, high in pairwise([lower, *cuts, upper]):
        branch = _branch(node, Piece(low, high, node).interior, expr)
        yield from _split(expr.xreplace({node: branch}), low, high)


def _innermost(expr: Expr) -> Expr | None:
    nodes = sympy.postorder_traversal(expr)
    return next((node for node in nodes if isinstance(node, KINKED)), None)


def _switches(node: Expr) -> list[Expr]:
    """The expressions whose sign decides which branch of `node` holds."""
    args = node.args
    if isinstance(node, sympy.Max | sympy.Min):
        return [a - b for a, b in combinations(args, 2)]
    if isinstance(node, sympy.Piecewise):
        atoms = {atom for _, cond in args for atom in cond.atoms(Relational)}
        return [atom.lhs - atom.rhs for atom in sorted(atoms, key=sympy.default_sort_key)]
    return [args[0]]


def _branch(node: Expr, point: Expr, whole: Expr) -> Expr:
    args = node.args
    if isinstance(node, sympy.Max | sympy.Min):
        choose = max if isinstance(node, sympy.Max) else min
        return choose(args, key=lambda arg: evaluate(arg, point))
    if isinstance(node, sympy.Piecewise):
        for value, cond in args:
            if _holds(cond, point):
                return value
        raise ActivationError(
            where=f"activation {whole}",
            found=f"no case of the Piecewise holds at x = {float(point):g}",
            law="An activation is defined on the whole real line",
            remedy="Add a last case with condition True",
        )
    positive = evaluate(args[0], point) > 0
    if isinstance(node, sympy.Abs):
        return args[0] if positive else -args[0]
    below = sympy.S.NegativeOne if isinstance(node, sympy.sign) else sympy.S.Zero
    return sympy.S.One if positive else below


def _holds(cond: sympy.Basic, point: Expr) -> bool:
    if cond in (True, False):
        return bool(cond)
    if isinstance(cond, sympy.And):
        return all(_holds(c, point) for c in cond.args)
    if isinstance(cond, sympy.Or):
        return any(_holds(c, point) for c in cond.args)
    if isinstance(cond, sympy.Not):
        return not _holds(cond.args[0], point)
    gap = evaluate(cond.lhs - cond.rhs, point)
    if isinstance(cond, sympy.Eq):
        return False  # one point has measure zero
    if isinstance(cond, sympy.Ne):
        return True
    return gap < 0 if isinstance(cond, sympy.Lt | sympy.Le) else gap > 0


def real_roots(expr: Expr, whole: Expr) -> list[Expr]:
    """Real roots of a kink-free expression in X, exact where SymPy can; none if it is constant.

    Raises:
        ActivationError: the roots cannot be found, or are infinitely many.
    """
    if not expr.has(X) or expr.is_positive or expr.is_negative:
        return []
    if any(not isinstance(f, SMOOTH_FUNCTIONS) for f in expr.atoms(sympy.Function)):
        raise _unlocated(expr, whole, "a function without known real roots")
    roots = _polynomial_roots(expr)
    if roots is None:
        roots = _transcendental_roots(expr, whole)
    _check_signs(expr, roots, whole)
    return roots


def _polynomial_roots(expr: Expr) -> list[Expr] | None:
    if not expr.is_polynomial(X):
        return None
    poly = sympy.Poly(expr, X)
    if poly.degree() == 1:
        slope, intercept = poly.all_coeffs()
        return [-intercept / slope]
    exact = poly.as_expr().xreplace({f: sympy.Rational(f) for f in poly.atoms(sympy.Float)})
    poly = sympy.Poly(exact, X)
    if not all(c.is_Rational for c in poly.all_coeffs()):
        return None
    return list(dict.fromkeys(poly.real_roots()))


def _transcendental_roots(expr: Expr, whole: Expr) -> list[Expr]:
    try:
        found = sympy.solveset(expr, X, sympy.S.Reals)
    except (NotImplementedError, ValueError, TypeError, RecursionError) as error:
        # What SymPy raises on equations it cannot solve: refused, with its cause attached.
        raise _unlocated(expr, whole, type(error).__name__) from error
    if found is sympy.S.EmptySet:
        return []
    if not isinstance(found, sympy.FiniteSet):
        raise _unlocated(expr, whole, f"SymPy answers {found}")
    return list(found.args)


def _check_signs(expr: Expr, roots: list[Expr], whole: Expr) -> None:
    """A solver that misses a root would silently misplace a kink, so look for sign changes."""
    run = compile_tape(expr, MPMATH)
    cuts = sorted(float(r) for r in roots)
    with mpmath.workdps(20):
        for low, high in pairwise([-64.0, *cuts, 64.0]):
            signs = {
                mpmath.sign(run(mpmath.mpf(low) + (mpmath.mpf(high) - low) * i / 62))
                for i in range(1, 62, 2)
                if high > low
            }
            if len(signs) > 1:
                raise _unlocated(expr, whole, f"a sign change between {low:g} and {high:g}")


def _unlocated(expr: Expr, whole: Expr, found: str) -> ActivationError:
    return ActivationError(
        where=f"activation {whole}",
        found=f"the zeros of {expr} cannot be located ({found})",
        law="Kinks, jumps and domain borders need finitely many locations that SymPy can solve for",
        remedy="Write the function as a Piecewise in x with explicit break points",
    )


def evaluate(expr: Expr, point: Expr | int, digits: int = 30) -> mpmath.mpf:
    """The value of a kink-free expression at a SymPy number, as an mpf."""
    with mpmath.workdps(digits):
        value = compile_tape(expr, MPMATH)(MPMATH.number(sympy.sympify(point)))
        return +mpmath.mpf(value)


def _value(point: Expr) -> mpmath.mpf:
    return evaluate(X, point)


def _same(a: Expr, b: Expr) -> bool:
    # two formulas of one point differ by rounding only when they carry floats
    return abs(_value(a) - _value(b)) <= mpmath.mpf("1e-14") * (1 + abs(_value(a)))


def _between(point: Expr, lower: Expr, upper: Expr) -> bool:
    above = lower.is_infinite or _value(point) > _value(lower)
    below = upper.is_infinite or _value(point) < _value(upper)
    inside = bool(above and below)
    ends = [e for e in (lower, upper) if not e.is_infinite]
    return inside and not any(_same(point, e) for e in ends)
