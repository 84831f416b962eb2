"""Repeated blocks written as iteration: F applied n times to a state (q, k, Theta)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import ClassVar, cast

import numpy as np
import sympy
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from .._errors import UnsupportedError
from ._entry import Entry
from ._links import Link as Link, depths_in, tangent
from ._maps import LocalMap
from ._operations import Formula, unique_name
from ._program import Number, Numbers, Step, Writer, program


LONGEST_EXPANSION = 20_000


class Iterated(Formula):
    """One entry of the state after all links, as a function of the entries it started from, and
    of the depths of the links.

    Made by `iterated`. It evaluates at numbers, differentiates by forward mode, and `doit()`
    writes the iteration out.
    """

    links: ClassVar[tuple[Link, ...]]
    index: ClassVar[int]
    entry: ClassVar[str]
    depths: ClassVar[tuple[sympy.Symbol, ...]]
    """Symbols in the numbers of times; the last arguments are their values."""

    @classmethod
    def eval(cls, *args: sympy.Expr) -> sympy.Expr | None:
        values = dict(zip(cls.depths, args[len(args) - len(cls.depths) :], strict=True))
        if all(depth == value for depth, value in values.items()):
            return super().eval(*args)
        links = tuple(link.at(values) for link in cls.links)
        start = args[: len(args) - len(cls.depths)]
        return iterated(links, cls.index, cls.entry)(*start, *depths_in(links))

    @property
    def start(self) -> tuple[sympy.Expr, ...]:
        """The entries it started from."""
        return self.args[: len(self.args) - len(self.depths)]

    def __reduce__(self) -> tuple[Callable[..., sympy.Expr], tuple[object, ...]]:
        # Its class is made for its links, and no module holds it under its name.
        cls = type(self)
        return _entry_at, (cls.links, cls.index, cls.entry, self.args)

    def step(self, writer: Writer) -> Step:
        index = self.index
        slot = writer.shared((self.links, self.args), self._state_step)
        # That slot holds all entries of a state.
        return lambda values: cast("Numbers", values[slot])[index]

    @property
    def free_symbols(self) -> set[sympy.Basic]:
        """Symbols of the arguments that the entry depends on: a q value knows of no cosine."""
        reads = (*_read(self.links, self.index), *(True for _ in self.depths))
        return set().union(*(a.free_symbols for a, r in zip(self.args, reads, strict=True) if r))

    def _state_step(self, writer: Writer) -> Step:
        slots = [writer.visit(arg if writer.knows(arg) else sympy.S.Zero) for arg in self.args]
        parts = [
            (
                program(
                    link.body.variables,
                    tuple(link.body.expr),
                    writer.dps,
                    writer.arrays,
                    writer.guarded,
                ),
                _pairs(link.body),
            )
            for link in self.links
        ]
        count = len(self.start)
        rounding = 4 * 10.0 ** -min(writer.dps, 300)
        snapped = _same_inputs if writer.arrays else _same_input

        def run(values: list[Number]) -> Numbers:
            state: Numbers = tuple(values[slot] for slot in slots[:count])
            numbers = {d: values[slot] for d, slot in zip(self.depths, slots[count:], strict=True)}
            for (apply, pairs), link in zip(parts, self.links, strict=True):
                for _ in range(link.at(numbers).known):
                    state = apply(*snapped(state, pairs, rounding))
            return state

        return run

    def doit(self, **hints: object) -> sympy.Expr:
        """The entry with every application written out; as it is where a depth is a symbol.

        Raises:
            UnsupportedError: the formula would be too long to build.
        """
        if self.depths:
            return self
        if max(_sizes(self.links, [written_size(arg) for arg in self.args])) > LONGEST_EXPANSION:
            raise _too_long(self.links)
        try:
            return self._written_out(hints)
        except RecursionError as error:  # short, and nested deeper than SymPy can follow
            raise _too_long(self.links) from error

    def _written_out(self, hints: dict[str, object]) -> sympy.Expr:
        state: Sequence[sympy.Expr] = [arg.doit(**hints) for arg in self.args]
        for link in self.links:
            for _ in range(link.known):
                state = link.body(*state)
        return state[self.index].doit(**hints)

    def _eval_derivative(self, symbol: sympy.Symbol) -> sympy.Expr:
        if symbol in self.depths:
            return sympy.Derivative(self, symbol, evaluate=False)
        return self._along([arg.diff(symbol) for arg in self.start])

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        unit = [sympy.Integer(i == argindex) for i in range(1, len(self.start) + 1)]
        return self._along(unit)

    def _along(self, change: Sequence[sympy.Expr]) -> sympy.Expr:
        """The derivative when the entries of the first state change at these rates."""
        if all(rate == 0 for rate in change):
            return sympy.Integer(0)
        links, moves = tangent(self.links, tuple(rate != 0 for rate in change))
        if not moves[self.index]:
            return sympy.Integer(0)
        index = self.index + len(self.links[-1].body.expr)
        return iterated(links, index, f"d{self.entry}")(*self.start, *change, *self.depths)

    def _latex(self, printer: LatexPrinter, exp: str | None = None) -> str:
        inside = ", ".join(printer.doprint(arg) for arg in self.start)
        for link in self.links:
            times = printer.doprint(sympy.sympify(link.times))
            power = "" if link.times == 1 else rf"^{{\circ {times}}}"
            inside = rf"{_link_latex(link, printer)}{power}\left({inside}\right)"
        if len(self.links[-1].body.expr) > 1:
            inside = rf"\left[{inside}\right]_{{{printer.doprint(self.shown)}}}"
        return inside if exp is None else rf"{inside}^{{{exp}}}"

    def _sympystr(self, printer: StrPrinter) -> str:
        inside = ", ".join(printer.doprint(arg) for arg in self.start)
        for link in self.links:
            times = link.times if isinstance(link.times, int) else f"({link.times})"
            times = str(link.times) if getattr(link.times, "is_Symbol", False) else times
            power = "" if link.times == 1 else f"^{times}"
            inside = f"{link.name}{power}({inside})"
        return inside if len(self.links[-1].body.expr) == 1 else f"{inside}.{self.shown}"

    @property
    def shown(self) -> sympy.Symbol:
        """The name of the entry, as it is printed."""
        return sympy.Symbol(self.entry.replace("_in", ""))


_classes: dict[tuple[object, ...], type[Iterated]] = {}


def iterated(links: tuple[Link, ...], index: int, entry: str) -> type[Iterated]:
    """The SymPy function from a first state to one entry of the last: a class for each."""
    key = (links, index, entry)
    if key not in _classes:
        name = unique_name("_".join([links[-1].name, str(links[-1].times), entry]))
        members = {"links": links, "index": index, "entry": entry, "depths": depths_in(links)}
        _classes[key] = type(name, (Iterated,), members)
    return _classes[key]


def _entry_at(
    links: tuple[Link, ...], index: int, entry: str, args: tuple[sympy.Expr, ...]
) -> sympy.Expr:
    return iterated(links, index, entry)(*args)


def final_state(
    links: tuple[Link, ...], start: Sequence[sympy.Expr], names: Sequence[str]
) -> list[sympy.Expr]:
    """The entries of the state after all links, each as an expression.

    Symbols of the links that are no entry of the state, such as weights, become entries that no
    map changes: so the formulas are functions of their arguments alone.
    """
    free = sorted(set().union(*(link.body.free_symbols for link in links)), key=str)
    if free:
        links = tuple(link._replace(body=_carrying(link.body, free)) for link in links)
    depths = depths_in(links)
    return [iterated(links, i, name)(*start, *free, *depths) for i, name in enumerate(names)]


def _carrying(body: sympy.Lambda, free: Sequence[sympy.Symbol]) -> sympy.Lambda:
    return sympy.Lambda((*body.variables, *free), sympy.Tuple(*body.expr, *free))


Pairs = tuple[tuple[int, tuple[int, ...]], ...]


@lru_cache(maxsize=512)
def _pairs(body: sympy.Lambda) -> Pairs:
    """Where the q values of a state stand, and the covariances that belong to each."""
    known = [(i, v) for i, v in enumerate(body.variables) if isinstance(v, Entry)]
    return tuple(
        (i, tuple(j for j, k in known if k.letter == "k" and k.owner == q.owner))
        for i, q in known
        if q.letter == "q"
    )


def _same_input(state: Numbers, pairs: Pairs, rounding: float) -> Numbers:
    """Covariances of size q up to rounding are those of an input with itself or its opposite, and
    stay so.

    Else a chaotic network would take the rounding to another cosine, or beyond 1.
    """
    out = list(state)
    for q, covariances in pairs:
        for k in covariances:
            if abs(out[k]) >= out[q] * (1 - rounding):
                out[k] = out[q] if out[k] > 0 else -out[q]
    return tuple(out)


def _same_inputs(state: Numbers, pairs: Pairs, rounding: float) -> Numbers:
    """`_same_input` for arrays."""
    out = list(state)
    for q, covariances in pairs:
        for k in covariances:
            same = np.abs(out[k]) >= out[q] * (1 - rounding)
            out[k] = np.where(same, np.copysign(out[q], out[k]), out[k])
    return tuple(out)


@lru_cache(maxsize=1024)
def _read(links: tuple[Link, ...], index: int) -> tuple[bool, ...]:
    """Which entries of the first state one entry of the last depends on."""
    needed = {index}
    for _, body, count in reversed(links):
        known = isinstance(count, int)
        for _ in range(count) if known else itertools.count():
            symbols = set().union(*(body.expr[i].free_symbols for i in needed))
            before = {i for i, v in enumerate(body.variables) if v in symbols}
            if not known:  # what any number of times would read
                before |= needed
            if before == needed:
                break
            needed = before
    return tuple(i in needed for i in range(len(links[0].body.variables)))


def written_size(expr: sympy.Basic, sizes: dict[sympy.Basic, int] | None = None) -> int:
    """Symbols of an expression once every iteration is written out, at most a little over the
    limit.

    Arguments:
        expr: the expression.
        sizes: what symbols stand for, in symbols; one each unless given.
    """
    if isinstance(expr, Iterated):
        return _sizes(expr.links, [written_size(arg, sizes) for arg in expr.args])[expr.index]
    if not expr.args:
        return (sizes or {}).get(expr, 1)
    return sum(written_size(arg, sizes) for arg in expr.args)


def _sizes(links: tuple[Link, ...], sizes: list[int]) -> list[int]:
    """Symbols in each entry of the last state once written out."""
    if depths_in(links):  # never written out
        return [LONGEST_EXPANSION + 1] * len(links[-1].body.expr)
    for link in links:
        for _ in range(link.known):
            if max(sizes) > LONGEST_EXPANSION:
                return [max(sizes)] * len(links[-1].body.expr)
            known = dict(zip(link.body.variables, sizes, strict=True))
            sizes = [1 + written_size(entry, known) for entry in link.body.expr]
    return sizes


def _too_long(links: tuple[Link, ...]) -> UnsupportedError:
    return UnsupportedError(
        where=links[-1].name,
        found=f"{sum(link.times for link in links)} applications to be written out in one formula",
        law="a formula in which q and k are substituted grows by a factor a layer; SymPy handles "
        f"up to {LONGEST_EXPANSION:,} symbols that do not nest too deeply",
        remedy="read kernel.equations, or evaluate it at numbers",
    )


def _link_latex(link: Link, printer: LatexPrinter) -> str:
    """The name of the map; that of a single local map as the local map prints itself."""
    image = link.body.expr[0]
    if isinstance(image, LocalMap) and link.name == image.title():
        return image.head()
    return printer.doprint(sympy.Symbol(link.name))
