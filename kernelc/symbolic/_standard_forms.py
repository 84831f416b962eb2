"""Standard forms: local maps as papers write them, equal to the closed forms that are computed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import sympy

from ..activations import ScalarFunction
from ..ir import needs_number
from ._arc_cosine import RHO, in_arc_cosines
from ._exact_numbers import exact
from ._maps import CMap, Dual, LocalMap, Mean, QMap, closed_dual


Q = sympy.Symbol("q", positive=True)
K = sympy.Symbol("k", real=True)
# Formulas are built with a determinant of their own, so that it is written once.
DELTA = sympy.Symbol("Delta", positive=True)


class Standard(NamedTuple):
    """A local map in the form of the literature.

    Arguments:
        formula: in q, k, and Delta where `delta` says what that is.
        delta: the root that the formula calls Delta, or None.
        source: where the form stands, or "".
    """

    formula: sympy.Expr
    delta: sympy.Expr | None = None
    source: str = ""

    def explicit(self, q: sympy.Expr, k: sympy.Expr) -> sympy.Expr:
        """The formula at a q value and a covariance, with Delta written out."""
        written = self.formula
        if self.delta is not None:
            written = written.xreplace({DELTA: self.delta})
        return written.xreplace({Q: q, K: k})


_CHO = "Cho & Saul 2009"
_WILLIAMS = "Williams 1997"
_TSUCHIDA = "Tsuchida et al. 2020"
_PEARCE = "Pearce et al. 2019"
_ROOT = sympy.sqrt((1 + Q) ** 2 - K**2)


def _arcsine() -> sympy.Expr:
    return sympy.asin(K / (1 + Q))


_PUBLISHED: dict[str, tuple[Standard, Standard]] = {
    "erf": (
        Standard(2 / sympy.pi * sympy.asin(2 * K / (1 + 2 * Q)), None, _WILLIAMS),
        Standard(4 / (sympy.pi * sympy.sqrt((1 + 2 * Q) ** 2 - 4 * K**2)), None, _WILLIAMS),
    ),
    "gelu": (
        Standard(
            K / 4 + (K * _arcsine() + 1 / DELTA + DELTA * (Q - 1) / (Q + 1)) / (2 * sympy.pi),
            _ROOT,
            _TSUCHIDA,
        ),
        Standard(
            sympy.Rational(1, 4)
            + (_arcsine() + 2 * K / (DELTA * (1 + Q)) + K / DELTA**3) / (2 * sympy.pi),
            _ROOT,
            _TSUCHIDA,
        ),
    ),
    "sin": (
        Standard(sympy.exp(-Q) * sympy.sinh(K), None, _PEARCE),
        Standard(sympy.exp(-Q) * sympy.cosh(K), None, _PEARCE),
    ),
    "cos": (
        Standard(sympy.exp(-Q) * sympy.cosh(K), None, _PEARCE),
        Standard(sympy.exp(-Q) * sympy.sinh(K), None, _PEARCE),
    ),
    "exp": (Standard(sympy.exp(Q + K)), Standard(sympy.exp(Q + K))),
    "gaussian": (
        Standard(1 / _ROOT, None, _WILLIAMS),
        Standard(K / _ROOT**3, None, _WILLIAMS),
    ),
}
"""E phi phi and E phi' phi' of activations whose closed form the literature has."""
_Q_MAPS = {
    "gelu": Q / 4
    + (Q * sympy.asin(Q / (1 + Q)) + 2 * Q**2 / ((1 + Q) * sympy.sqrt(1 + 2 * Q))) / (2 * sympy.pi)
}


@lru_cache(maxsize=1024)
def standard_dual(phi: ScalarFunction, order: int = 0) -> Standard | None:
    """E phi^(order)(u) phi^(order)(v) as papers write it; None without a closed form."""
    closed = closed_dual(phi, Q, K, order)
    if closed is None:
        return None
    if phi.base is None and phi.name in _PUBLISHED and order <= 1:
        return _PUBLISHED[phi.name][order]
    closed = with_exact_numbers(closed)
    if phi.homogeneity is None:
        return Standard(shortest(closed))
    # Nothing but k/q and a power of q is left of a homogeneous function.
    unit = sympy.expand(closed.xreplace({K: RHO * Q}) / Q ** (phi.homogeneity - order))
    unit = in_arc_cosines(sympy.simplify(unit) if unit.has(Q) else unit, RHO)
    angular = unit.has(sympy.Function)
    formula = Q ** (phi.homogeneity - order) * unit.xreplace({RHO: K / Q})
    return Standard(sympy.expand_mul(formula), None, _CHO if angular else "")


def written_dual(phi: ScalarFunction, q: sympy.Expr, k: sympy.Expr, order: int = 0) -> sympy.Expr:
    """E phi^(order)(u) phi^(order)(v) of an activation whose parameters are symbols, written out:
    the name of a map would hide them."""
    apart = _apart(phi)
    form = standard_dual(phi.subs(apart), order)
    return _written(phi, apart, None if form is None else form.explicit(q, k))


def written_mean(phi: ScalarFunction, q: sympy.Expr, order: int = 0) -> sympy.Expr:
    """E phi^(order)(u) of such an activation."""
    apart = _apart(phi)
    return _written(phi, apart, phi.subs(apart).closed_mean(q, order))


def _written(
    phi: ScalarFunction, apart: Mapping[sympy.Symbol, sympy.Dummy], form: sympy.Expr | None
) -> sympy.Expr:
    if form is None:
        name = f"activation {phi.name!r}"
        raise needs_number(name, min(phi.symbols, key=str), "a mean without a closed form")
    return form.xreplace({mine: theirs for theirs, mine in apart.items()})


# The symbols of forms are no symbols of a user, whatever the names of those.
@lru_cache(maxsize=1024)
def _apart(phi: ScalarFunction) -> dict[sympy.Symbol, sympy.Dummy]:
    return {s: sympy.Dummy(s.name, **s.assumptions0) for s in phi.symbols}


@lru_cache(maxsize=1024)
def standard_q_map(phi: ScalarFunction) -> Standard | None:
    """E phi(u)^2 as papers write it; None without a closed form."""
    dual = standard_dual(phi)
    if dual is None:
        return None
    if phi.base is None and phi.name in _Q_MAPS:
        return Standard(_Q_MAPS[phi.name], None, dual.source)
    return Standard(shortest(sympy.simplify(dual.explicit(Q, Q))), None, dual.source)


def with_exact_numbers(formula: sympy.Expr) -> sympy.Expr:
    """The formula with floats as the fractions they stand for."""
    return formula.xreplace({f: exact(float(f)) for f in formula.atoms(sympy.Float)})


@lru_cache(maxsize=1024)
def shortest(formula: sympy.Expr) -> sympy.Expr:
    """The shortest of some ways to write a formula, in exact numbers."""
    # Factors that cancel leave a float that is 1.
    formula = with_exact_numbers(formula)
    if formula.is_Atom:
        return formula
    wide = sympy.expand(formula)
    ways = [formula, wide, sympy.factor_terms(formula), sympy.factor_terms(wide)]
    ways.append(sympy.together(formula))
    if len(formula.free_symbols) > 1:
        functions = sorted(formula.atoms(sympy.Function), key=str)
        ways.append(sympy.collect(wide, functions, sympy.factor))
    for parts in (formula.atoms(sympy.Function), formula.free_symbols):
        ways.append(sympy.collect(wide, sorted(parts, key=str)))
    lengths = {way: len(str(way)) for way in ways}
    least = min(lengths.values())
    return min((way for way in lengths if lengths[way] == least), key=sympy.count_ops)


# Operations of a formula that stands in a recursion instead of the name of the map.
_SHORT = 10


def standard(local_map: LocalMap) -> Standard | None:
    """The standard form of a named local map; None where there is no closed form."""
    if isinstance(local_map, Dual):
        return standard_dual(local_map.phi, local_map.order)
    if isinstance(local_map, CMap):
        dual = standard_dual(local_map.phi, local_map.order)
        return dual and Standard(dual.explicit(sympy.Integer(1), K), None, dual.source)
    if isinstance(local_map, QMap):
        return standard_q_map(local_map.phi)
    if isinstance(local_map, Mean):
        closed = type(local_map)(Q).closed()
        return None if closed is None else Standard(shortest(closed))
    return None


def short_form(local_map: LocalMap) -> sympy.Expr | None:
    """The standard form at the arguments of the map, where it is short enough to stand for it."""
    found = standard(local_map)
    if found is None or found.delta is not None or found.formula.count_ops() > _SHORT:
        return None
    args = local_map.args
    if isinstance(local_map, CMap):
        return found.explicit(sympy.Integer(1), args[0])
    return found.explicit(args[0], args[-1])
