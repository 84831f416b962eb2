"""Formulas: the equations that `derive` finds for a network, and their symbols."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Self, TypeAlias

import sympy

from .._errors import KernelcError, shown
from .._limits import oversized
from ..ir import Network, Real, symbols_of


Equation: TypeAlias = tuple[sympy.Expr, sympy.Expr | sympy.Tuple]
"""A name, or a map of named variables, and what it stands for."""

Change: TypeAlias = tuple[Any, ...] | None
"""Arguments of `subs`; None where formulas were written out."""


@dataclasses.dataclass(frozen=True)
class Symbols:
    """Symbols of one kernel.

    Arguments:
        q: q value of the inputs; a number when it was given.
        c: cosine similarity of the pair of inputs.
        s: cosine similarity of two locations of one input (networks that average locations).
        c_b: cosine similarity of a typical pair of the batch (networks with batch norm).
        psi, kappa: local slope and curvature of the nonlinearities.
    """

    q: sympy.Expr
    c: sympy.Symbol
    s: sympy.Symbol
    c_b: sympy.Symbol
    psi: sympy.Symbol
    kappa: sympy.Symbol

    @classmethod
    def of(cls, q: Real | None) -> Symbols:
        """The usual symbols, with `q` fixed when it is a number."""
        return cls(
            q=sympy.Symbol("q", positive=True) if q is None else _positive(q),
            c=sympy.Symbol("c", real=True),
            s=sympy.Symbol("s", real=True),
            c_b=sympy.Symbol("c_b", real=True),
            psi=sympy.Symbol("psi", positive=True),
            kappa=sympy.Symbol("kappa", nonnegative=True),
        )

    def require_others(self, network: Network) -> None:
        """Raise `KernelcError` where symbols of a network could be taken for one another, or for
        one of these."""
        own = {field.name for field in dataclasses.fields(self)}
        taken: dict[str, sympy.Symbol] = {}
        for symbol, node in symbols_of(network).items():
            other = taken.setdefault(symbol.name, symbol)
            if symbol.name in own or other != symbol:
                raise KernelcError(
                    where=node,
                    found=f"{'a' if other == symbol else 'another'} symbol named {symbol}"[:120],
                    law="symbols of a network have names of their own, other than those of its "
                    f"kernel: {', '.join(sorted(own))}",
                    remedy="give it another name: network.subs({symbol: another})"
                    if other == symbol
                    else "use one symbol, with the same assumptions",
                )

    def cosine(self, probe: str) -> sympy.Expr:
        """Cosine similarity at the input of the pair a probe stands for (`PairAlgebra`)."""
        return {"c": self.c, "s": self.s, "sc": self.s * self.c, "b": self.c_b}[probe]


@dataclasses.dataclass(frozen=True, eq=False)
class Formulas:
    """The Q map, the NNGP and the NTK of a network, and the equations they are written in.

    Arguments:
        network: the network.
        symbols: q, c and the other symbols.
        probes: labels of the pairs that were followed: see `PairAlgebra`.
        equations: ordered (symbol, expression) pairs, one for each distinct node or block.
        q_map: q value of the output as a function of q.
        nngp: covariance of the outputs of a pair.
        theta: tangent kernel; None where none is known.
        as_derived: whether no symbol has been replaced since.
        changes: what was done to the formulas since, in order.
        derived_by: what derives the formulas of another network, when a depth gets a number.
    """

    network: Network
    symbols: Symbols
    probes: tuple[str, ...]
    equations: tuple[Equation, ...]
    q_map: sympy.Expr
    nngp: sympy.Expr
    theta: sympy.Expr | None
    as_derived: bool = dataclasses.field(default=True, repr=False)
    changes: tuple[Change, ...] = dataclasses.field(default=(), repr=False)
    derived_by: Callable[..., Self] | None = dataclasses.field(default=None, repr=False)

    @property
    def replaced(self) -> list[tuple[Any, ...]]:
        """Arguments of `subs` for each time symbols were replaced."""
        return [values for values in self.changes if values is not None]


def _positive(q: Real) -> sympy.Expr:
    value = sympy.Integer(int(q)) if isinstance(q, float) and q.is_integer() else _expression(q)
    if value is None or value.is_positive is not True or value.is_finite is False:
        raise KernelcError(
            where="derive",
            found=f"q = {shown(q)}",
            law="a q value is a mean square, so positive",
            remedy="pass a positive number, or nothing for a symbol",
        )
    return value


def _expression(value: object) -> sympy.Expr | None:
    try:
        # Strictly: text would be evaluated.
        found = sympy.sympify(value, strict=True)
    except (sympy.SympifyError, TypeError, ValueError, AttributeError):
        return None
    large = not isinstance(found, sympy.Expr) or oversized(found) is not None
    return None if large else found
