"""Named maps of blocks, and the state that they have been applied to so far."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from ..ir import Real
from ._formulas import Equation
from ._iterate import Link, final_state, written_size
from ._maps import LocalMap


_LONGEST_INLINE = 60


def _is_local_map(body: sympy.Lambda) -> bool:
    """Whether the map is the local map of one activation, which has a name already."""
    image = body.expr[0]
    return len(body.expr) == 1 and isinstance(image, LocalMap) and image.args == body.variables


class Maps:
    """Names for the maps of blocks, one for each distinct body, and their definitions."""

    def __init__(self, letter: str) -> None:
        self.letter = letter
        self.equations: list[Equation] = []
        self._names: dict[sympy.Lambda, str] = {}

    def name(self, body: sympy.Lambda) -> str:
        """The name of this map; a local map keeps the one it has."""
        if body not in self._names:
            if _is_local_map(body):
                self._names[body] = body.expr[0].title()
            else:
                name = f"{self.letter}_{len(self.equations) + 1}"
                self._names[body] = name
                self.equations.append((sympy.Function(name)(*body.variables), body.expr))
        return self._names[body]


class Steps:
    """Entries of a state and the maps applied to them so far."""

    def __init__(self, maps: Maps, start: tuple[sympy.Expr, ...]) -> None:
        self.maps = maps
        self.start = start
        self.links: list[Link] = []

    def apply(self, body: list[sympy.Lambda], times: Real) -> None:
        """The map applied: written out while that is short, by name otherwise."""
        first = body[0]
        if times == 1 and not self.links and len(body) == 1 and not _is_local_map(first):
            image = tuple(first(*self.start))
            if sum(written_size(entry) for entry in image) <= _LONGEST_INLINE:
                self.start = image
                return
        stages = [Link(self.maps.name(stage), stage, 1) for stage in body]
        if times != 1 and len(stages) > 1:
            names = [str(v) for v in first.variables]
            images = final_state(tuple(stages), first.variables, names)[: len(names)]
            stages = [self._link(sympy.Lambda(first.variables, sympy.Tuple(*images)), times)]
        elif times != 1:
            stages = [stages[0]._replace(times=times)]
        self.links += stages

    def _link(self, body: sympy.Lambda, times: Real) -> Link:
        return Link(self.maps.name(body), body, times)

    def entries(self, names: Sequence[str]) -> list[sympy.Expr]:
        """The state as expressions; `names` are what its entries are printed as."""
        return final_state(tuple(self.links), self.start, names) if self.links else [*self.start]
