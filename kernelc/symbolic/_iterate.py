"""Repeated blocks written as iteration: F applied n times to a state (q, k, Theta)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy.core.symbol import Str

from .._errors import UnsupportedError
from ._maps import LocalMap, digits


LONGEST_EXPANSION = 20_000


class Iterate(sympy.Basic):
    """The state F(F(...F(state))) after `count` applications.

    Arguments (of `Iterate(name, body, count, state)`):
        name: what F is printed as.
        body: `sympy.Lambda` from a state to the tuple of its images.
        count: how many times.
        state: a `sympy.Tuple`, or another `Iterate`.
    """

    def __new__(cls, name: Str, body: sympy.Lambda, count: Any, state: sympy.Basic) -> Iterate:
        return super().__new__(cls, name, body, sympy.Integer(count), state)

    @property
    def count(self) -> int:
        return int(self.args[2])

    def doit(self, **hints: Any) -> sympy.Tuple:
        """The state with every application written out.

        Raises:
            UnsupportedError: the formula would be too long to build.
        """
        name, body, _, state = self.args
        if max(self.sizes()) > LONGEST_EXPANSION:
            raise UnsupportedError(
                where=name.name,
                found=f"{self.count} applications to be written out in one formula",
                law="a formula in which q and k are substituted grows by a factor a layer; this "
                f"one would have over {LONGEST_EXPANSION:,} symbols",
                remedy="read kernel.equations, or evaluate it at numbers",
            )
        state = state.doit(**hints) if isinstance(state, Iterate) else state
        for _ in range(self.count):
            state = body(*state)
        return state

    def sizes(self) -> list[int]:
        """Symbols in each entry once written out, at most a little over the limit."""
        _, body, _, state = self.args
        sizes = state.sizes() if isinstance(state, Iterate) else [_leaves(entry) for entry in state]
        counts = [
            [sum(leaf == v for leaf in _walk(entry)) for v in body.variables] for entry in body.expr
        ]
        for _ in range(self.count):
            if max(sizes) > LONGEST_EXPANSION:
                break
            sizes = [
                1 + sum(n * size for n, size in zip(row, sizes, strict=True)) for row in counts
            ]
        return sizes

    def values(self, dps: int) -> tuple[Any, ...]:
        """The state in numbers."""
        _, body, _, state = self.args
        values = (
            state.values(dps)
            if isinstance(state, Iterate)
            else tuple(_number(entry, dps) for entry in state)
        )
        step = compiled(body, dps)
        with mpmath.workdps(dps + 5):
            for _ in range(self.count):
                values = _same_input(body, step(*values), dps)
        return tuple(values)

    def is_numeric(self) -> bool:
        """Whether nothing but numbers is left."""
        return not self.free_symbols

    def _latex(self, printer: Any) -> str:
        _, _, count, state = self.args
        power = "" if count == 1 else rf"^{{\circ {count}}}"
        return rf"{_map_latex(self, printer)}{power}\left({_entries(state, printer)}\right)"

    def _sympystr(self, printer: Any) -> str:
        name, _, count, state = self.args
        power = "" if count == 1 else f"^{count}"
        return f"{name.name}{power}({_entries(state, printer)})"


def _same_input(body: sympy.Lambda, values: Any, dps: int) -> tuple[Any, ...]:
    """Covariances of size q up to rounding are those of an input with itself or its opposite, and
    stay so.

    Else a chaotic network would take the rounding to another cosine, or beyond 1.
    """
    at = {str(variable): i for i, variable in enumerate(body.variables)}
    q, k = at.get("q_in"), at.get("k_in")
    values = tuple(values)
    # A map that is applied once may return fewer entries than it takes.
    if q is None or k is None or len(values) != len(at):
        return values
    own, other = values[q], values[k]
    if abs(other) < own * (1 - 4 * 10.0 ** -min(dps, 300)):
        return values
    return (*values[:k], own if other > 0 else -own, *values[k + 1 :])


class Component(sympy.Expr):
    """One entry of an iterated state; evaluates when the state is numeric."""

    is_commutative = True
    is_real = True

    def __new__(cls, state: Iterate, index: Any, name: Str) -> sympy.Expr:
        self = super().__new__(cls, state, sympy.Integer(index), name)
        floats = state.atoms(sympy.Float)
        if floats and state.is_numeric() and _started(state):
            return self._eval_evalf(min(f._prec for f in floats))
        return self

    def doit(self, **hints: Any) -> sympy.Expr:
        return self.args[0].doit(**hints)[int(self.args[1])].doit(**hints)

    def _eval_evalf(self, prec: int) -> sympy.Expr | None:
        if not self.args[0].is_numeric():
            return None
        dps = digits(prec)
        return sympy.Float(self.args[0].values(dps)[int(self.args[1])], dps)

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        state, index, name = self.args
        width = len(state.args[1].expr)
        return Component(tangent(state, symbol), index + width, Str(f"d{name.name}"))

    def _latex(self, printer: Any) -> str:
        state, _, name = self.args
        if len(state.args[1].expr) == 1:
            return printer.doprint(state)
        return rf"\left[{printer.doprint(state)}\right]_{{{printer.doprint(_entry(name))}}}"

    def _sympystr(self, printer: Any) -> str:
        state, _, name = self.args
        if len(state.args[1].expr) == 1:
            return printer.doprint(state)
        return f"{printer.doprint(state)}.{_entry(name)}"


def tangent(state: Any, symbol: sympy.Symbol) -> Any:
    """The state with its derivative in `symbol` beside it: forward mode, still an iteration."""
    return _tangent(state, symbol)[0]


def _tangent(state: Any, symbol: sympy.Symbol) -> tuple[Any, list[bool]]:
    """The extended state, and which of its entries change with `symbol`.

    Derivatives in entries that do not change are left out: a Q map has no derivative to write
    where q is the same for every c.
    """
    if not isinstance(state, Iterate):
        derivatives = [entry.diff(symbol) for entry in state]
        return sympy.Tuple(*state, *derivatives), [d != 0 for d in derivatives]
    name, body, count, inner = state.args
    start, moves = _tangent(inner, symbol)
    moves = _moving(body, symbol, moves)
    change = [sympy.Symbol(f"d{v.name}", real=True) for v in body.variables]
    derivatives = [
        entry.diff(symbol)
        + sum(
            entry.diff(v) * dv
            for v, dv, moving in zip(body.variables, change, moves, strict=True)
            if moving
        )
        for entry in body.expr
    ]
    both = sympy.Lambda((*body.variables, *change), sympy.Tuple(*body.expr, *derivatives))
    return Iterate(Str(f"D{name.name}"), both, count, start), [
        bool(entry.free_symbols & _changing(body, moves, symbol)) for entry in body.expr
    ]


def _moving(body: sympy.Lambda, symbol: sympy.Symbol, moves: list[bool]) -> list[bool]:
    """The variables that change at some application of the map, `moves` at the first."""
    if len(body.expr) != len(moves):
        return moves
    while True:
        changing = _changing(body, moves, symbol)
        after = [
            moved or bool(entry.free_symbols & changing)
            for moved, entry in zip(moves, body.expr, strict=True)
        ]
        if after == moves:
            return moves
        moves = after


def _changing(body: sympy.Lambda, moves: list[bool], symbol: sympy.Symbol) -> set[sympy.Symbol]:
    return {symbol, *(v for v, moved in zip(body.variables, moves, strict=True) if moved)}


def _walk(expr: sympy.Basic) -> list[sympy.Basic]:
    """The leaves of an expression, each as often as it stands there."""
    return [leaf for leaf in sympy.preorder_traversal(expr) if not leaf.args]


def _leaves(expr: sympy.Basic) -> int:
    return len(_walk(expr))


@lru_cache(maxsize=512)
def compiled(body: sympy.Lambda, dps: int) -> Any:
    """The block as a Python function of numbers, local maps evaluated to `dps` digits."""
    double = dps <= 15
    module: Any = math if double else mpmath
    # Local maps of exponential units and the like are written with Φ, which is no SymPy function.
    maps: dict[str, Any] = {"normal_cdf": lambda x: module.erfc(-x / module.sqrt(2)) / 2}
    maps |= _rounded(module)
    for call in body.expr.atoms(LocalMap):
        kind = type(call)
        maps[kind.__name__] = kind.double if double else lambda *a, f=kind: f.precise(dps, *a)
    return sympy.lambdify(
        body.variables, tuple(body.expr), modules=[maps, "math" if double else "mpmath"], cse=True
    )


def _rounded(module: Any) -> dict[str, Any]:
    """Functions for the edge |c| = 1, where rounding can put k / q just outside [-1, 1]."""
    return {
        "sqrt": lambda x: module.sqrt(max(x, 0)),
        "acos": lambda x: module.acos(min(max(x, -1), 1)),
        "asin": lambda x: module.asin(min(max(x, -1), 1)),
    }


def _entry(name: Str) -> sympy.Symbol:
    return sympy.Symbol(name.name.replace("_in", ""))


def _map_latex(state: Iterate, printer: Any) -> str:
    """The name of the map; that of a single local map as the local map prints itself."""
    image = state.args[1].expr[0]
    if isinstance(image, LocalMap) and state.args[0].name == f"{image.letter}_{image.label}":
        return image.head()
    return printer.doprint(sympy.Symbol(state.args[0].name))


def _number(entry: sympy.Expr, dps: int) -> Any:
    if dps <= 15:
        return float(entry)
    return entry.evalf(dps + 5)._to_mpmath(int((dps + 5) * 3.33))


def _started(state: Any) -> bool:
    while isinstance(state, Iterate):
        state = state.args[3]
    return any(entry.is_Float for entry in state)


def _entries(state: Any, printer: Any) -> str:
    if isinstance(state, Iterate):
        return printer.doprint(state)
    return ", ".join(printer.doprint(entry) for entry in state)
