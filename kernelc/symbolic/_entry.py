"""Entry: a symbol that knows which second moment of which node it stands for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import sympy


_NAME = re.compile(r"(q|k|c|m|mu|[Tt]heta)_(in|\d+)((?:_\d+)*)('*)")
_STATE = "in"


class _Parts(NamedTuple):
    letter: str
    node: str
    part: str
    primes: str


class Entry(sympy.Symbol):
    """A second moment, a tangent or a mean: k_3', q_in_1, theta_in.

    It equals no symbol of a user, whatever the name of that one.

    Arguments:
        name: a letter (q, k, c, m, mu, Theta, theta), the number of a node or "in" for the
            state, the groups of channels, primes of the pair of locations.
    """

    @property
    def letter(self) -> str:
        """q, k, c, m, mu, Theta or theta."""
        return _parts(self.name).letter

    @property
    def part(self) -> str:
        """The groups of channels: "" or "_1_2"."""
        return _parts(self.name).part

    @property
    def primes(self) -> str:
        """One for each pair of locations before it."""
        return _parts(self.name).primes

    @property
    def owner(self) -> str:
        """The node, or group of channels of the state, whose moment it is."""
        _, node, part, _ = _parts(self.name)
        return node + part

    @property
    def place(self) -> str:
        """Which entry of a state it is, or has the form of: k, k', q_1."""
        return self.letter + self.part + self.primes

    @property
    def of_state(self) -> bool:
        """Whether it stands for an entry of the state; else for a value on the way."""
        return _parts(self.name).node == _STATE

    @property
    def tangent(self) -> bool:
        """Whether it belongs to the NTK."""
        return self.letter in ("Theta", "theta")

    def with_letter(self, letter: str) -> Entry:
        """The entry of another letter at the same place."""
        return Entry(letter + self.name[len(self.letter) :], real=True)

    @property
    def unprimed(self) -> Entry:
        """The same entry of the first pair of locations."""
        return Entry(self.name.rstrip("'"), **self.assumptions0)


Bound: TypeAlias = tuple[Entry, sympy.Expr]
"""An entry, and what it stands for."""


@lru_cache(maxsize=4096)
def _parts(name: str) -> _Parts:
    found = _NAME.fullmatch(name)
    assert found is not None, name
    return _Parts(*found.groups())


def entries(expr: sympy.Basic) -> set[Entry]:
    """The entries that an expression reads."""
    return {s for s in expr.free_symbols if isinstance(s, Entry)}
