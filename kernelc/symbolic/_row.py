"""Row: a line in which a recurrence is shown, before any printer writes it."""

from __future__ import annotations

import dataclasses

import sympy

from ..ir import Real
from ._block import Block


@dataclasses.dataclass(frozen=True)
class Name:
    """How a symbol of a recurrence is written.

    Arguments:
        letter: q, k, c, m, Theta, theta or mu.
        index: of the block after which it holds: a number, a formula of depths, or a text such
            as "l-1"; "" for the variables of a function, and the place of a value on its way.
        hat: 0 for an entry of the state; else the number of a value on the way, of `hats`.
        hats: how many such values the block has.
        primes: of the pairs of locations.
        part: of the groups of channels, or "".
    """

    letter: str
    index: Real | str
    hat: int = 0
    hats: int = 0
    primes: str = ""
    part: str = ""


@dataclasses.dataclass(frozen=True)
class Definition:
    """A local map and what it stands for; without a formula it is a Gaussian mean.

    Arguments:
        left: the map at its symbols.
        right: its formula, or None.
        delta: what the formula calls Delta, or None.
        source: where the formula stands.
        means: labels of the activations whose mean it is: an activation that no one knows by
            its name (see `_is_unknown`) has a label that begins with "phi".
        formulas: those of such activations, in u, where they have not been told before.
    """

    left: sympy.Expr
    right: sympy.Expr | None
    delta: sympy.Expr | None = None
    source: str = ""
    means: tuple[str, str] = ("", "")
    formulas: tuple[tuple[str, sympy.Expr], ...] = ()


@dataclasses.dataclass(frozen=True)
class Loop:
    """The lines that follow hold for `letter` from `first` to `last`."""

    first: Real
    last: Real
    letter: str


@dataclasses.dataclass(frozen=True)
class Line:
    """An equation.

    Arguments:
        left: a symbol that has a name, or a text such as "C_f".
        right: an expression.
        inside: whether it belongs to the loop above.
        start: whether it only names an entry of the input of what follows.
    """

    left: sympy.Symbol | str
    right: sympy.Expr
    inside: bool = False
    start: bool = False


@dataclasses.dataclass(frozen=True)
class Composition:
    """The C map as a composition of maps of one variable: (map, times), the first applied first."""

    links: tuple[tuple[sympy.Expr, Real], ...]
    variable: sympy.Expr


@dataclasses.dataclass(frozen=True)
class BlockMap:
    """A block as a function of a state, which is applied in branches and in other blocks.

    Arguments:
        number: that of its name F_1, F_2, ...
        variables: entries of the state.
        images: what becomes of them, behind the first of them where `inner` says it of these.
        hats: values on the way, and what they are.
        inner: the number of a function of the first variables that is a part of this one, and
            these variables.
    """

    number: int
    variables: tuple[sympy.Symbol, ...]
    images: tuple[sympy.Expr, ...]
    hats: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    inner: tuple[int, tuple[sympy.Symbol, ...]] | None


Row = Definition | BlockMap | Loop | Line | Composition


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows, the names of their symbols, and the numbers of blocks that are functions."""

    rows: tuple[Row, ...]
    names: dict[sympy.Symbol, Name]
    numbers: dict[Block, int] = dataclasses.field(default_factory=dict)
