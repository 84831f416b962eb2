"""Kernels as text: the signs of a paper, in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from ..ir import Real
from ._arc_cosine import ArcCosine
from ._block import Behind, Block
from ._maps import LocalMap
from ._row import BlockMap, Composition, Definition, Line, Loop, Name, Row, Rows


_SUBSCRIPTS = str.maketrans("0123456789-+ljirst", "₀₁₂₃₄₅₆₇₈₉₋₊ₗⱼᵢᵣₛₜ")
_SUPERSCRIPTS = str.maketrans("0123456789-/()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟ⁽⁾")
_LETTERS = {"Theta": "Θ", "theta": "θ", "mu": "μ", "Delta": "Δ", "rho": "ρ"}
_GREEK = ("alpha", "beta", "gamma", "delta", "psi", "kappa", "sigma", "tau", "zeta", "eta", "phi")
_SIGNS = dict(zip(_GREEK, "αβγδψκστζηφ", strict=True)) | _LETTERS
_FUNCTIONS = {"acos": "arccos", "asin": "arcsin", "atan": "arctan", "normal_cdf": "Φ"}
_PRIMES = ("", "′", "″", "‴")
_LONG_NUMBER = 10**5


class TextPrinter(StrPrinter):
    """Expressions in Unicode: products by juxtaposition, quotients by a slash."""

    printmethod: Any = "_kernelc_text"

    def __init__(
        self,
        names: dict[sympy.Symbol, Name] | None = None,
        numbers: dict[Block, int] | None = None,
    ) -> None:
        super().__init__({"order": None})
        self.names = names or {}
        self.numbers = numbers or {}

    def _print_Symbol(self, expr: sympy.Symbol) -> str:
        if expr in self.names:
            return name_text(self.names[expr])
        head, _, below = str(expr.name).partition("_")
        if below:
            below = below.translate(_SUBSCRIPTS) if below.isdigit() else f"_{below}"
        return _SIGNS.get(head, head) + below

    def _print_Pi(self, expr: Any) -> str:
        return "π"

    def _print_Float(self, expr: sympy.Float) -> str:
        digits, _, exponent = decimal(expr).partition("e")
        if not exponent:
            return digits
        return f"{digits}×10{str(int(exponent)).translate(_SUPERSCRIPTS)}"

    def _print_Add(self, expr: sympy.Add, order: Any = None) -> str:
        terms = sorted(expr.args, key=_order)
        text = self._print(terms[0])
        for term in terms[1:]:
            negative = _is_negative(term)
            inside = self.parenthesize(-term if negative else term, PRECEDENCE["Add"])
            text += f" {'−' if negative else '+'} {inside}"
        return text

    def _print_Mul(self, expr: sympy.Mul) -> str:
        if _is_negative(expr):
            return "−" + self.parenthesize(-expr, PRECEDENCE["Mul"], strict=True)
        above, below = _quotient(expr)
        numerator = self._product(above)
        if not below:
            return numerator
        denominator = self._product(below)
        if len(below) > 1:
            denominator = f"({denominator})"
        return f"{numerator}/{denominator}"

    def _product(self, factors: list[sympy.Expr]) -> str:
        if not factors:
            return "1"
        alone = len(factors) == 1
        parts = [self._print(factors[0])] if alone and not factors[0].is_Add else []
        if not parts:
            parts = [self.parenthesize(factor, PRECEDENCE["Mul"]) for factor in factors]
        text = parts[0]
        for i, part in enumerate(parts[1:], start=1):
            close = parts[i - 1].isdigit() and not part[0].isdigit() and not _is_word(factors[i])
            text += part if close else f" {part}"
        return text

    def _print_Pow(self, expr: sympy.Pow, rational: bool = False) -> str:
        base, power = expr.as_base_exp()
        if base == sympy.E:
            return f"exp({self._print(power)})"
        if power.is_number and power.is_negative:
            return f"1/{self.parenthesize(base**-power, PRECEDENCE['Pow'])}"
        if power == sympy.S.Half:
            inside = self._print(base)
            return f"√{inside}" if base.is_Atom and len(inside) < 4 else f"√({inside})"
        inside = self.parenthesize(base, PRECEDENCE["Pow"])
        if base.is_Function or "×" in inside:
            inside = f"({inside})"
        if power.is_Integer or power.is_Rational:
            return inside + str(power).translate(_SUPERSCRIPTS)
        return f"{inside}^{self.parenthesize(power, PRECEDENCE['Pow'])}"

    def _print_exp(self, expr: Any) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_Rational(self, expr: sympy.Rational) -> str:
        root, power = _as_power(expr)
        if power > 1:
            return self._print_Pow(sympy.Pow(root, power, evaluate=False))
        return f"{'−' if expr < 0 else ''}{abs(expr.p)}" + (f"/{expr.q}" if expr.q != 1 else "")

    _print_Integer = _print_Rational

    def _print_Function(self, expr: Any) -> str:
        inside = ", ".join(self._print(arg) for arg in expr.args)
        if isinstance(expr, LocalMap):
            return f"{map_text(type(expr))}({inside})"
        if isinstance(expr, ArcCosine):
            return f"κ{str(expr.order).translate(_SUBSCRIPTS)}({inside})"
        if isinstance(expr, Behind):
            return self._behind(expr)
        name = type(expr).__name__
        return f"{_FUNCTIONS.get(name, name)}({inside})"

    def _behind(self, expr: Behind) -> str:
        inside = ", ".join(self._print(arg) for arg in expr.start)
        power = "" if expr.times == 1 else f"^∘{_grouped(self._print(expr.times))}"
        if expr.local_map is not None:
            return f"{self._print(expr.local_map).partition('(')[0]}{power}({inside})"
        entry = "" if len(expr.start) == 1 else f".{self._print(expr.entry)}"
        return f"{function_text(self.numbers[expr.block])}{power}({inside}){entry}"

    def emptyPrinter(self, expr: Any) -> str:
        return str(expr)


def decimal(number: sympy.Float) -> str:
    """A decimal as it is shown: twelve digits, for a formula is right to 1e-10."""
    return f"{float(number):.12g}"


def _order(term: sympy.Expr) -> tuple[bool, bool]:
    """Negative terms and fractions come last."""
    return _is_negative(term), term.is_number and not term.is_Integer


def _is_word(factor: sympy.Expr) -> bool:
    """Whether a factor begins with a word, which a number before it would run into."""
    return isinstance(factor, sympy.Function) and not isinstance(factor, ArcCosine)


def _as_power(number: sympy.Rational) -> tuple[sympy.Rational, int]:
    """A long fraction as the power of a short one."""
    if max(abs(number.p), number.q) < _LONG_NUMBER or number <= 0:
        return number, 1
    power = math.gcd(*(_exponent(n) for n in (number.p, number.q) if n != 1))
    roots = [sympy.integer_nthroot(n, power)[0] for n in (number.p, number.q)]
    return sympy.Rational(*roots), power


def _exponent(number: int) -> int:
    found = sympy.perfect_power(number)
    return found[1] if found else 1


def _is_negative(expr: sympy.Expr) -> bool:
    return bool(expr.could_extract_minus_sign()) if expr.is_Mul or expr.is_Number else False


def _quotient(expr: sympy.Mul) -> tuple[list[sympy.Expr], list[sympy.Expr]]:
    """Factors above and below the line, numbers first, then short ones."""
    above: list[sympy.Expr] = []
    below: list[sympy.Expr] = []
    for factor in expr.args:
        if factor.is_Rational and factor.p != 1 and _as_power(factor)[1] > 1:
            above.append(sympy.Pow(*_as_power(factor), evaluate=False))
        elif factor.is_Rational and not factor.is_Integer:
            above += [sympy.Integer(factor.p)] if factor.p != 1 else []
            below.append(sympy.Integer(factor.q))
        elif factor.is_Pow and factor.exp.is_number and factor.exp.is_negative:
            below.append(sympy.Pow(factor.base, -factor.exp))
        elif factor != 1:
            above.append(factor)
    return sorted(above, key=_place_of), sorted(below, key=_place_of)


def _place_of(factor: sympy.Expr) -> tuple[int, int]:
    power = factor.is_Pow and factor.base.is_number
    kind = 0 if factor.is_Number else 1 if factor.is_number or power else 2 if factor.is_Atom else 3
    return kind, int(isinstance(factor, sympy.Function))


def name_text(name: Name) -> str:
    """A symbol of a recurrence: q̂ₗ, θₗ₋₁."""
    letter = _LETTERS.get(name.letter, name.letter)
    hat = "\u0302" if name.hat else ""
    number = str(name.hat).translate(_SUPERSCRIPTS) if name.hats > 1 and name.hat else ""
    part = f"⁽{name.part.translate(_SUPERSCRIPTS)}⁾" if name.part else ""
    below = _below(name.index) if name.index != "" else ""
    return f"{letter}{hat}{number}{part}{_PRIMES[len(name.primes)]}{below}"


def _below(index: Real | str) -> str:
    """An index below the line; beside it where it is a formula of depths."""
    if isinstance(index, int | str):
        return str(index).translate(_SUBSCRIPTS)
    return f"_{_grouped(TextPrinter().doprint(index))}"


def _number(value: Real, printer: TextPrinter) -> str:
    """A number of times, or an index."""
    return str(value) if isinstance(value, int) else printer.doprint(value)


def _grouped(text: str) -> str:
    """A text that stands after a sign, in parentheses unless it is one name or number."""
    return text if text.isalnum() else f"({text})"


def map_text(kind: type[LocalMap]) -> str:
    """The name of a local map: K_tanh, K′_φ₂."""
    return f"{kind.letter}{'′' * kind.order}_{_named(kind.label)}"


def function_text(number: int) -> str:
    """The name of a block that is a function."""
    return f"F{str(number).translate(_SUBSCRIPTS)}"


def text(shown: Rows) -> list[str]:
    """The lines of the rows, sources at their right."""
    printer = TextPrinter(shown.names, shown.numbers)
    lines: list[str] = []
    for row in shown.rows:
        if isinstance(row, Line) and row.start and lines and lines[-1].startswith("\0"):
            lines[-1] += f", {_line(row, printer)}"
        else:
            lines += _row(row, printer)
    return [line.removeprefix("\0") for line in lines]


def _row(row: Row, printer: TextPrinter) -> list[str]:
    match row:
        case Loop(first, last, letter):
            return [f"for {letter} = {_number(first, printer)}, …, {_number(last, printer)}:"]
        case Line():
            mark = "\0" if row.start else "  " if row.inside else ""
            return [mark + _line(row, printer)]
        case Composition(links, variable):
            return [f"C_f = {_composed(links, variable, printer)}"]
        case Definition():
            return _definition(row, printer)
        case BlockMap():
            return _block_map(row, printer)


def _line(row: Line, printer: TextPrinter) -> str:
    left = row.left if isinstance(row.left, str) else printer.doprint(row.left)
    return f"{left.replace('Theta', 'Θ')} = {printer.doprint(row.right)}"


def _composed(links: Any, variable: sympy.Expr, printer: TextPrinter) -> str:
    inside = printer.doprint(variable)
    for link, times in links:
        head = printer.doprint(link).partition("(")[0]
        power = f"^∘{_grouped(_number(times, printer))}" if times != 1 else ""
        inside = f"{head}{power}({inside})"
    return inside


def _definition(row: Definition, printer: TextPrinter) -> list[str]:
    left = printer.doprint(row.left)
    note = f"    [{row.source}]" if row.source else ""
    if row.right is None:
        told = "".join(f", {_named(n)}(u) = {printer.doprint(f)}" for n, f in row.formulas)
        return [f"{left} = {mean_text(row)}{told}"]
    line = f"{left} = {printer.doprint(row.right)}"
    if row.delta is not None:
        line += f", Δ = {printer.doprint(row.delta)}"
    return [line + note]


def _block_map(row: BlockMap, printer: TextPrinter) -> list[str]:
    def state(variables: Sequence[sympy.Symbol]) -> str:
        return f"({', '.join(map(printer.doprint, variables))})"

    parts = [printer.doprint(image) for image in row.images]
    if row.inner is not None:
        number, variables = row.inner
        parts.insert(0, function_text(number) + state(variables))
    right = parts[0] if len(row.variables) == 1 else f"({', '.join(parts)})"
    told = [f"  {printer.doprint(s)} = {printer.doprint(e)}" for s, e in row.hats]
    where = ", where" if told else ""
    return [f"{function_text(row.number)}{state(row.variables)} = {right}{where}", *told]


def mean_text(row: Definition) -> str:
    """The Gaussian mean that a local map without a closed form stands for."""
    letter, order = getattr(row.left, "letter", ""), getattr(row.left, "order", 0)
    first, second = (_named(label) + "′" * order for label in row.means)
    if letter == "Q":
        return f"E {first}(u)²"
    return f"E {first}(u)" if letter == "M" else f"E {first}(u) {second}(v)"


def _named(label: str) -> str:
    """The name of an activation: tanh, φ, φ₂, φ_tanh."""
    if not label.startswith("phi"):
        return label
    rest = label.removeprefix("phi")
    return "φ" + (rest.translate(_SUBSCRIPTS) if rest.isdigit() else rest)
