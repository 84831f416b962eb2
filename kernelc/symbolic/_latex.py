"""Kernels in LaTeX: an `align*` environment of amsmath that fits a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.printing.latex import LatexPrinter

from ._block import Behind, Block
from ._maps import LocalMap, label_latex
from ._row import BlockMap, Composition, Definition, Line, Loop, Name, Row, Rows
from ._text import TextPrinter, decimal


# Letters that fit beside the equals sign in a column of text at 10 points.
_PAGE = 75
_LETTERS = {"Theta": r"\Theta", "theta": r"\theta", "mu": r"\mu"}


class FormulaPrinter(LatexPrinter):
    """SymPy's LaTeX, with the symbols of a recurrence and inverse functions in full."""

    def __init__(
        self,
        names: dict[sympy.Symbol, Name] | None = None,
        numbers: dict[Block, int] | None = None,
    ) -> None:
        super().__init__({"inv_trig_style": "full", "order": None, "mul_symbol": None})
        self.names = names or {}
        self.numbers = numbers or {}

    def _print_Symbol(self, expr: sympy.Symbol, style: str = "plain") -> str:
        if expr in self.names:
            return name_latex(self.names[expr])
        return super()._print_Symbol(expr)

    def _print_Float(self, expr: sympy.Float) -> str:
        digits, _, exponent = decimal(expr).partition("e")
        return rf"{digits} \cdot 10^{{{int(exponent)}}}" if exponent else digits

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:
        if not isinstance(expr, Behind):
            return super()._print_Function(expr, exp)
        link = expr.local_map
        head = _function(self.numbers[expr.block]) if link is None else _head(link)
        power = "" if expr.times == 1 else rf"^{{\circ {self.doprint(expr.times)}}}"
        found = rf"{head}{power}{_state(expr.start, self)}"
        if len(expr.start) > 1:
            found = rf"\left[{found}\right]_{{{self.doprint(expr.entry)}}}"
        return found if exp is None else rf"{{\left({found}\right)}}^{{{exp}}}"


def _state(entries: Sequence[sympy.Expr], printer: FormulaPrinter) -> str:
    return rf"\left({', '.join(map(printer.doprint, entries))}\right)"


def _function(number: int) -> str:
    return f"F_{{{number}}}"


def name_latex(name: Name) -> str:
    r"""A symbol of a recurrence: \hat q_{l}."""
    letter = _LETTERS.get(name.letter, name.letter)
    if name.hat:
        letter = rf"\hat{{{letter}}}"
    above = [f"({name.part})"] if name.part else []
    # In brackets, or the second of two would be a square.
    above += [f"[{name.hat}]"] if name.hat and name.hats > 1 else []
    above += [r"\prime" * len(name.primes)] if name.primes else []
    power = f"^{{{','.join(above)}}}" if above else ""
    if name.index == "":
        return f"{letter}{power}"
    index = name.index if isinstance(name.index, int | str) else sympy.latex(name.index)
    return f"{letter}_{{{index}}}{power}"


def latex(shown: Rows) -> str:
    """The rows as one `align*` environment."""
    printer = FormulaPrinter(shown.names, shown.numbers)
    widths = TextPrinter(shown.names, shown.numbers)
    lines = [line for row in shown.rows for line in _row(row, printer, widths)]
    return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"


def _row(row: Row, printer: FormulaPrinter, widths: TextPrinter) -> list[str]:
    match row:
        case Loop(first, last, letter):
            ends = [printer.doprint(sympy.sympify(end)) for end in (first, last)]
            return [rf"\text{{for }} {letter} = {ends[0]}, \dots, {ends[1]}\colon &"]
        case Line(left, right):
            name = _RESULTS[left] if isinstance(left, str) else printer.doprint(left)
            return _equation(name, right, printer, widths)
        case Composition(links, variable):
            return [rf"C_f &= {_composed(links, variable, printer)}"]
        case Definition():
            return _definition(row, printer, widths)
        case BlockMap():
            return _block_map(row, printer, widths)


_RESULTS = {"Q_f": "Q_f", "C_f": "C_f", "Theta_f": r"\Theta_f"}


def _equation(
    left: str, right: sympy.Expr, printer: FormulaPrinter, widths: TextPrinter
) -> list[str]:
    """left = right, a sum that is too long for a line in several."""
    if len(widths.doprint(right)) <= _PAGE or not right.is_Add:
        return [f"{left} &= {printer.doprint(right)}"]
    lines: list[list[sympy.Expr]] = [[]]
    for term in right.args:
        if lines[-1] and len(widths.doprint(sympy.Add(*lines[-1], term))) > _PAGE:
            lines.append([])
        lines[-1].append(term)
    written = [printer.doprint(sympy.Add(*terms)) for terms in lines]
    rest = [rf"&\quad {'' if t.startswith('-') else '+ '}{t}" for t in written[1:]]
    return [f"{left} &= {written[0]}", *rest]


def _head(link: Any) -> str:
    """The name of a map of one variable."""
    return link.head() if isinstance(link, LocalMap) else rf"\kappa_{{{link.order}}}"


def _composed(links: Any, variable: sympy.Expr, printer: FormulaPrinter) -> str:
    inside = printer.doprint(variable)
    for link, times in links:
        head = _head(link)
        count = printer.doprint(sympy.sympify(times))
        power = rf"^{{\circ {count}}}" if times != 1 else ""
        inside = rf"{head}{power}\left({inside}\right)"
    return inside


def _definition(row: Definition, printer: FormulaPrinter, widths: TextPrinter) -> list[str]:
    left = printer.doprint(row.left)
    if row.right is None:
        told = [
            rf"{label_latex(n)}(u) &= {printer.doprint(formula)}" for n, formula in row.formulas
        ]
        return [rf"{left} &= {mean_latex(row)}", *told]
    lines = _equation(left, row.right, printer, widths)
    if row.delta is not None:
        lines[-1] += rf", \quad \Delta = {printer.doprint(row.delta)}"
    if row.source:
        # MathJax shows the backslash of an escaped ampersand in text.
        lines[-1] += rf" && \text{{({row.source.replace('&', 'and')})}}"
    return lines


def _block_map(row: BlockMap, printer: FormulaPrinter, widths: TextPrinter) -> list[str]:
    left = _function(row.number) + _state(row.variables, printer)
    lines = _images(left, row, printer, widths)
    if row.hats:
        lines[-1] += r", \quad \text{where}"
    for symbol, expr in row.hats:
        first, *rest = _equation(printer.doprint(symbol), expr, printer, widths)
        lines += [rf"&\qquad {first.replace(' &= ', ' = ', 1)}", *rest]
    return lines


def _images(left: str, row: BlockMap, printer: FormulaPrinter, widths: TextPrinter) -> list[str]:
    """left = (image, image, ...), an image on each line where one line is too short for all."""
    if len(row.variables) == 1:
        return _equation(left, row.images[0], printer, widths)
    written = [printer.doprint(image) for image in row.images]
    long = sum(len(widths.doprint(image)) + 2 for image in row.images) > _PAGE
    if row.inner is not None:
        number, variables = row.inner
        written.insert(0, _function(number) + _state(variables, printer))
    first, *others, last = written
    if not long:
        return [rf"{left} &= \left({', '.join(written)}\right)"]
    between = [rf"&\quad {entry}," for entry in others]
    return [f"{left} &= ({first},", *between, rf"&\quad {last})"]


def mean_latex(row: Definition) -> str:
    """The Gaussian mean that a local map without a closed form stands for."""
    letter, order = getattr(row.left, "letter", ""), getattr(row.left, "order", 0)
    first, second = (label_latex(label) + "'" * order for label in row.means)
    if letter == "Q":
        return rf"\mathrm{{E}}\, {first}(u)^2"
    if letter == "M":
        return rf"\mathrm{{E}}\, {first}(u)"
    return rf"\mathrm{{E}}\, {first}(u)\, {second}(v)"
