"""A long block as a chain of short maps: each stage takes the values that later ones read."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..ir import Run
from ._formulas import Equation


# Symbols of one entry of a stage. A block that is written out in full grows by a factor at
# each node, so a long one would have more symbols than fit into memory.
LONGEST_ENTRY = 400
_GROUP_NODES = 12


def stages(
    variables: Sequence[sympy.Symbol],
    equations: Sequence[Equation],
    outputs: Sequence[sympy.Expr],
) -> list[sympy.Lambda]:
    """Maps whose composition takes `variables` to `outputs`.

    Arguments:
        variables: symbols of the entries of a state.
        equations: names for what is computed from them, in order.
        outputs: the images, in terms of all these symbols.

    Returns:
        One map where the written images are short; else a chain of maps.
    """
    found: list[sympy.Lambda] = []
    stage = _Stage(list(variables))
    for i, (symbol, expr) in enumerate(equations):
        if stage.size(expr) > LONGEST_ENTRY and stage.written:
            later = [*(e for _, e in equations[i:]), *outputs]
            stage = stage.closed(found, later)
        stage.write(symbol, expr)
    if stage.written and max(stage.size(expr) for expr in outputs) > LONGEST_ENTRY:
        stage = stage.closed(found, outputs)
    found.append(stage.map_to(outputs))
    return found


class _Stage:
    """Equations written in terms of the variables of one stage."""

    def __init__(self, variables: list[sympy.Symbol]) -> None:
        self.variables = variables
        self.written: dict[sympy.Basic, sympy.Basic] = {}
        self._sizes: dict[sympy.Basic, int] = {}

    def size(self, expr: sympy.Basic) -> int:
        """Symbols of `expr` once written in the variables."""
        if not expr.args:
            return self._sizes.get(expr, 1)
        return sum(self.size(arg) for arg in expr.args)

    def write(self, symbol: sympy.Symbol, expr: sympy.Expr) -> None:
        self._sizes[symbol] = self.size(expr)
        self.written[symbol] = expr.xreplace(self.written)

    def map_to(self, images: Sequence[sympy.Expr]) -> sympy.Lambda:
        written = [image.xreplace(self.written) for image in images]
        return sympy.Lambda(tuple(self.variables), sympy.Tuple(*written))

    def closed(self, found: list[sympy.Lambda], later: Sequence[sympy.Expr]) -> _Stage:
        """The stage after this one, which is put behind those found."""
        read: set[sympy.Basic] = set().union(*(expr.free_symbols for expr in later))
        live = [s for s in (*self.variables, *self.written) if s in read]
        found.append(self.map_to(live))
        return _Stage(live)


def groups(found: Sequence[Run]) -> list[tuple[list[Run], int]]:
    """Runs as they are; consecutive single nodes joined while they stay few."""
    groups: list[tuple[list[Run], int]] = []
    room = 0
    for run in found:
        single = run.count == 1 and all(s.stop - s.start == 1 for s in run.block)
        if single and room >= len(run.block):
            groups[-1][0].append(run)
            room -= len(run.block)
        else:
            groups.append(([run], run.count))
            room = _GROUP_NODES - len(run.block) if single else 0
    return groups
