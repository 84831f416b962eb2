"""Rows: the lines in which a recurrence is shown, the same for a terminal and for LaTeX."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import sympy

from ..activations import ScalarFunction, X
from ..ir import Real
from ._arc_cosine import RHO, ArcCosine, kappa0, kappa1
from ._block import Block, nodes_of
from ._block_rows import BlockRows, for_one_pair
from ._entry import Entry
from ._iterate import written_size
from ._maps import CMap, Cross, Dual, LocalMap, Mean, QMap
from ._recurrence import Recurrence
from ._row import Composition, Definition, Line, Loop, Name, Row, Rows
from ._standard_forms import K, Q, shortest, standard, with_exact_numbers


_LETTERS = "ljirst"
"""Letters of the index of loops: the first that is no symbol of the network."""
_LONGEST_RESULT = 16
"""Operations up to which what one block does is written into the next line."""
_U = sympy.Symbol("u", real=True)
_LONGEST_WRITTEN = 60
"""Symbols up to which it is written out to see how long it is."""


def rows(found: Recurrence, tangent: bool) -> Rows:
    """The rows of a recurrence; without those of the NTK where there is none."""
    return _Rows(found, tangent).built()


class _Rows:
    def __init__(self, found: Recurrence, tangent: bool) -> None:
        self.found = found
        self.tangent = tangent
        self.names: dict[sympy.Symbol, Name] = {}
        self.body: list[Row] = []
        self.index: Real = 0
        taken = {symbol.name for symbol in found.symbols}
        self.letter = next(letter for letter in _LETTERS if letter not in taken)
        # What the entries of the state are, in symbols that have been written.
        self.current = {v.place: e for v, e in zip(found.variables, found.start, strict=True)}

    def built(self) -> Rows:
        for block in self.found.blocks:
            short = self._after(block)
            if short is not None and all(_is_short(expr) for expr in short.values()):
                self.index += int(short != self.current)
                self.current = short
            else:
                self._emit(block)
        results = list(map(_for_one_pair, self._results()))
        self.body = list(map(_for_one_pair, self.body))
        shown = [row.right for row in (*self.body, *results) if isinstance(row, Line)]
        blocks = BlockRows(shown, self.names)
        shown += [expr for row in blocks.rows for expr in (*row.images, *(e for _, e in row.hats))]
        links = [link for row in results if isinstance(row, Composition) for link, _ in row.links]
        definitions = list(self._definitions([*shown, *links]))
        rows = (*definitions, *blocks.rows, *self.body, *results)
        return Rows(rows, self.names, blocks.numbers)

    # -- blocks ------------------------------------------------------------------------

    def _after(self, block: Block) -> dict[str, sympy.Expr] | None:
        """The state behind a block that is applied once, written out; None when that is long."""
        known: dict[sympy.Basic, sympy.Basic]
        known = {s: self.current[s.place] for s in _inputs(block)}
        sizes = {symbol: written_size(expr) for symbol, expr in known.items()}
        for symbol, expr in block.hats:
            sizes[symbol] = written_size(expr, sizes)
        longest = max(written_size(expr, sizes) for _, expr in block.images)
        if block.loops or longest > _LONGEST_WRITTEN:
            return None
        for symbol, expr in block.hats:
            known[symbol] = expr.xreplace(known)
        return {s.place: shortest(e.xreplace(known)) for s, e in block.images}

    def _emit(self, block: Block) -> None:
        """The lines of a block, behind those of its input that have not been written yet."""
        loop = block.loops
        read = {s: self._read(s, block) for s in _inputs(block)}
        first, self.index = self.index + 1, self.index + block.count
        after = self.letter if loop else self.index
        known: dict[sympy.Basic, sympy.Expr] = dict(read)
        lines: list[tuple[Entry, Line]] = []
        images = dict(block.images)
        hats = {symbol for symbol, _ in block.hats}
        same = {expr: symbol for symbol, expr in images.items() if expr in hats}
        for symbol, expr in block.hats:
            alike = [s for s, _ in block.hats if s not in same and s.place == symbol.place]
            name = (
                self._named(same[symbol], after)
                if symbol in same
                else self._named(symbol, after, 1 + alike.index(symbol), len(alike))
            )
            lines.append((symbol, Line(name, shortest(expr.xreplace(known)), loop)))
            known[symbol] = name
        for symbol, expr in block.images:
            if expr not in same and not self._untold(symbol, block):
                name = self._named(symbol, after)
                lines.append((symbol, Line(name, shortest(expr.xreplace(known)), loop)))
        shown = [line for symbol, line in lines if not symbol.tangent]
        if self.tangent:
            shown += [line for symbol, line in lines if symbol.tangent]
        if loop and shown:
            self.body.append(Loop(first, self.index, self.letter))
        self.body += shown
        self.current = {s.place: self._reached(s, block) for s, _ in block.images}

    def _read(self, symbol: Entry, block: Block) -> sympy.Expr:
        """How an entry of the input is written in the lines of a block."""
        value = self.current[symbol.place]
        image = dict(block.images).get(symbol, symbol)
        changes = image != symbol and not self._untold(symbol, block)
        if value.is_number and not (changes and block.loops):
            return value
        if not (changes and block.loops) and value.count_ops() <= 1:
            return value
        if value not in self.names and (self.tangent or not symbol.tangent):
            name = self._named(symbol, self.index)
            self.body.append(Line(name, value, start=True))
            self.current[symbol.place] = value = name
        if changes and block.loops:
            return self._named(symbol, f"{self.letter}-1")
        return value

    def _untold(self, symbol: Entry, block: Block) -> bool:
        """Whether an entry needs no line: it stays, or is a q value that cosines do not read."""
        image = dict(block.images)[symbol]
        if image == symbol:
            return True
        return self.found.cosines and symbol.letter == "q" and _grows(symbol, image)

    def _reached(self, symbol: Entry, block: Block) -> sympy.Expr:
        """An entry of the state behind a block whose lines have been written."""
        image = dict(block.images)[symbol]
        if not self._untold(symbol, block):
            return self._named(symbol, self.index)
        before = self.current.get(symbol.place, symbol)
        if image == symbol or not image.has(symbol):
            return before if image == symbol else image
        return (image / symbol) ** block.count * before

    def _named(self, symbol: Entry, index: Real | str, hat: int = 0, hats: int = 0) -> sympy.Symbol:
        letter, part = symbol.letter, symbol.part.removeprefix("_")
        name = Name(letter, index, hat, hats, symbol.primes, part)
        sign = {"positive": True} if letter == "q" else {"real": True}
        shown = sympy.Symbol(f"{symbol.place}[{index},{hat}]", **sign)
        self.names[shown] = name
        return shown

    # -- results -----------------------------------------------------------------------

    def _results(self) -> Iterator[Row]:
        state = self.current
        q = state.get("q", sympy.Integer(1))
        yield _result("Q_f", q)
        if self.found.cosines:
            composed = self._composed()
            if composed is not None:
                yield composed
            else:
                yield _result("C_f", state["c"])
            if self.tangent and "theta" in state:
                yield _result("Theta_f", q * state["theta"])
            return
        yield _result("C_f", state["k"] / q)
        if self.tangent and "Theta" in state:
            yield _result("Theta_f", state["Theta"])

    def _composed(self) -> Composition | None:
        """The C map as named maps of one variable, behind what the first blocks do once."""
        start = {v.place: e for v, e in zip(self.found.variables, self.found.start, strict=True)}
        first, links = start["c"], []
        for block in self.found.blocks:
            image = next((e for s, e in block.images if s.place == "c"), None)
            if image is None or set(dict(block.hats)) & image.free_symbols:
                return None
            if isinstance(image, ArcCosine | CMap) and image.args[0].is_Symbol:
                links.append((image, block.count))
            elif not image.is_Symbol:
                if links or block.loops or len(image.free_symbols) != 1:
                    return None
                first = shortest(image.xreplace({next(iter(image.free_symbols)): first}))
        several = len(links) > 1 or any(times != 1 for _, times in links)
        return Composition(tuple(links), first) if several else None

    # -- definitions -------------------------------------------------------------------

    def _definitions(self, exprs: Sequence[sympy.Expr]) -> Iterator[Definition]:
        maps: dict[type, sympy.Expr] = {}
        for expr in exprs:
            for node in nodes_of(expr):
                if isinstance(node, LocalMap | ArcCosine):
                    maps.setdefault(type(node), node)
        for kind in (kappa1, kappa0):
            if kind in maps:
                yield Definition(kind(RHO), kind.closed(RHO), source="Cho & Saul 2009")
        named = [kind for kind in maps if issubclass(kind, LocalMap)]
        labels = [kind.label for kind in named]
        told: set[ScalarFunction] = set()
        named.sort(key=lambda kind: (labels.index(kind.label), kind.order, kind.letter))
        names = {kind.phi: _label(kind.phi, kind.label) for kind in reversed(named) if not kind.psi}
        for kind in named:
            found = _definition(kind)
            if found.right is not None:
                yield found
                continue
            both = (kind.phi, kind.psi or kind.phi)
            means = tuple(names.setdefault(phi, _label(phi, phi.name)) for phi in both)
            untold = {
                names[phi]: phi
                for phi in both
                if phi not in told and (_is_unknown(phi) or names[phi] != phi.name)
            }
            told |= set(both)
            formulas = tuple((name, phi.expr.xreplace({X: _U})) for name, phi in untold.items())
            yield dataclasses.replace(found, means=means, formulas=formulas)


def _result(name: str, value: sympy.Expr) -> Line:
    return Line(name, with_exact_numbers(value))


def _for_one_pair(row: Row) -> Row:
    if not isinstance(row, Line):
        return row
    return dataclasses.replace(row, right=for_one_pair(row.right))


def _definition(kind: type[LocalMap]) -> Definition:
    symbols: tuple[sympy.Symbol, ...] = {
        Dual: (Q, K),
        QMap: (Q,),
        Mean: (Q,),
        CMap: (sympy.Symbol("c", real=True),),
        Cross: (*sympy.symbols("q q'", positive=True), K),
    }[kind.__base__]
    left = kind(*symbols)
    form = standard(left)
    if form is None:
        return Definition(left, None)
    formula = form.formula
    if isinstance(left, CMap):
        formula = formula.xreplace({K: symbols[0]})
    return Definition(left, formula, form.delta, form.source)


def _is_unknown(phi: ScalarFunction) -> bool:
    """Whether the formula of an activation must be told: its name alone does not say it.

    An expression, a transformed activation, one with other parameters than the usual ones.
    """
    if phi.base is not None or phi.definition is None:
        return True
    return dict(phi.params) != dict(phi.definition.defaults)


def _label(phi: ScalarFunction, label: str) -> str:
    """What an activation is called in its means; the second of two elu is no elu2 to a reader."""
    unknown = _is_unknown(phi) or label != phi.name
    return f"phi_{label}" if unknown and not label.startswith("phi") else label


def _inputs(block: Block) -> list[Entry]:
    """Entries of the state that a block reads, q values first."""
    return sorted(block.inputs, key=lambda s: ("qkcmTt".index(s.letter[0]), s.name))


def _is_short(expr: sympy.Expr) -> bool:
    """Whether an entry may be written into the next line."""
    maps = expr.atoms(LocalMap)
    nested = any(arg.atoms(LocalMap) for node in maps for arg in node.args)
    return expr.count_ops() <= _LONGEST_RESULT and not nested


def _grows(symbol: sympy.Symbol, image: sympy.Expr) -> bool:
    """Whether q <- a q, or q <- a, with a number a."""
    return image.is_number or (image / symbol).is_number
