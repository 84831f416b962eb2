"""Formulas: what `derive` finds for a network, before anything is computed from it."""

from __future__ import annotations

import dataclasses
from typing import Any

import sympy

from ..ir import Network
from ._symbols import Symbols


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
    """

    network: Network
    symbols: Symbols
    probes: tuple[str, ...]
    equations: tuple[tuple[Any, Any], ...]
    q_map: sympy.Expr
    nngp: sympy.Expr
    theta: sympy.Expr | None
    as_derived: bool = dataclasses.field(default=True, repr=False)
