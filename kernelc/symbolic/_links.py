"""Links of an iteration: maps and how often each is applied; their derivatives by forward mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sympy

from .._errors import KernelcError
from .._limits import real
from ..ir import Real


class Link(NamedTuple):
    """A map from a state to a state, applied some times.

    Arguments:
        name: what the map is printed as.
        body: from the entries of a state to the tuple of their images.
        times: how many times it is applied: an integer, or a formula of depths.
    """

    name: str
    body: sympy.Lambda
    times: Real

    @property
    def known(self) -> int:
        """The number of times, where it is a number."""
        assert isinstance(self.times, int), self.times
        return self.times

    def at(self, values: Mapping[sympy.Symbol, Any]) -> Link:
        """The link with values for the symbols of its number of times.

        Raises:
            KernelcError: a number of times that is no whole number.
        """
        found = sympy.sympify(self.times).xreplace(
            {depth: sympy.sympify(value) for depth, value in values.items()}
        )
        if isinstance(found, sympy.Expr) and not found.is_number:
            return self._replace(times=found)
        number = real(found)
        if not number.is_integer() or number < 0:
            raise KernelcError(
                where=f"{self.name}, applied {self.times} times"[:80],
                found=f"{self.times} = {found}"[:80],
                law="a block is applied a whole number of times",
                remedy="give its depth such a number",
            )
        return self._replace(times=int(number))


def depths_in(links: Sequence[Link]) -> tuple[sympy.Symbol, ...]:
    """The symbols in the numbers of times, in the order of their names."""
    found = set().union(*(sympy.sympify(link.times).free_symbols for link in links))
    return tuple(sorted(found, key=str))


@lru_cache(maxsize=512)
def tangent(
    links: tuple[Link, ...], moves: tuple[bool, ...]
) -> tuple[tuple[Link, ...], tuple[bool, ...]]:
    """Each map with the derivative of its image beside it: forward mode, still an iteration.

    Returns the maps, and which entries of the last state change. Derivatives in entries that do
    not change are left out: a Q map has no derivative to write where q is the same for every c.
    """
    found = []
    for name, body, count in links:
        moves = _moving(body, moves)
        change = _changes(body)
        images = [
            sum(
                (
                    entry.diff(v) * rate
                    for v, rate, moving in zip(body.variables, change, moves, strict=True)
                    if moving
                ),
                sympy.Integer(0),
            )
            for entry in body.expr
        ]
        both = sympy.Lambda((*body.variables, *change), sympy.Tuple(*body.expr, *images))
        found.append(Link(f"D{name}", both, count))
        moves = tuple(_reads(entry, body, moves) for entry in body.expr)
    return tuple(found), moves


def _changes(body: sympy.Lambda) -> list[sympy.Symbol]:
    """Symbols for the rates of change of the variables, apart from those there are."""
    taken = {str(v) for v in body.variables}
    found = []
    for variable in body.variables:
        name = f"d{variable}"
        while name in taken:
            name = f"d{name}"
        taken.add(name)
        found.append(sympy.Symbol(name, real=True))
    return found


def _moving(body: sympy.Lambda, moves: tuple[bool, ...]) -> tuple[bool, ...]:
    """The variables that change at some application of the map, `moves` at the first."""
    if len(body.expr) != len(moves):
        return moves
    while True:
        after = tuple(
            moved or _reads(entry, body, moves)
            for moved, entry in zip(moves, body.expr, strict=True)
        )
        if after == moves:
            return moves
        moves = after


def _reads(entry: sympy.Expr, body: sympy.Lambda, moves: tuple[bool, ...]) -> bool:
    return any(m and v in entry.free_symbols for v, m in zip(body.variables, moves, strict=True))
