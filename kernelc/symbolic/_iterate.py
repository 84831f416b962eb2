"""Repeated blocks written as iteration: F applied n times to a state (q, k, Theta)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import sympy
from sympy.core.symbol import Str

from ._maps import LocalMap, digits


_LONGEST_UNROLL = 64


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
        """The state with every application written out."""
        _, body, _, state = self.args
        state = state.doit(**hints) if isinstance(state, Iterate) else state
        for _ in range(self.count):
            state = body(*state)
        return state

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
                values = step(*values)
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

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr | None:
        total = 0
        state: Any = self.args[0]
        while isinstance(state, Iterate):
            total += state.count
            state = state.args[3]
        return self.doit().diff(symbol) if total <= _LONGEST_UNROLL else None

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


@lru_cache(maxsize=512)
def compiled(body: sympy.Lambda, dps: int) -> Any:
    """The block as a Python function of numbers, local maps evaluated to `dps` digits."""
    double = dps <= 15
    maps: dict[str, Any] = {}
    for call in body.expr.atoms(LocalMap):
        kind = type(call)
        maps[kind.__name__] = kind.double if double else lambda *a, f=kind: f.precise(dps, *a)
    return sympy.lambdify(
        body.variables, tuple(body.expr), modules=[maps, "math" if double else "mpmath"], cse=True
    )


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
