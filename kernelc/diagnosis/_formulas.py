"""The derived kernel as equations in MathML that browsers lay out, or why there is none."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator
from xml.dom.minidom import Element, Node, Text

import sympy
from sympy.printing.mathml import MathMLPresentationPrinter

from .._errors import KernelcError
from ..ir import Network
from ..symbolic import Iterated, Kernel, LocalMap, derive


_MOST_EQUATIONS = 24
_LONGEST = 2000
"""Characters of an equation that is still worth reading."""
_LONG = 300

# What MathML Core knows (W3C, MathML Core, section 3); browsers lay out nothing else.
_ELEMENTS = """math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover
munderover mtable mtr mtd"""
_CORE = frozenset(_ELEMENTS.split())
_APPLY = "\u2061"


@dataclasses.dataclass(frozen=True)
class Formula:
    """An equation of a page.

    Arguments:
        name: its left side.
        text: as SymPy prints it; empty for one that is too long to read.
        mathml: as MathML; empty where MathML Core has no element for it.
        size: characters of the whole text.
    """

    name: str
    text: str
    mathml: str
    size: int


@dataclasses.dataclass(frozen=True)
class Formulas:
    """What `derive` finds: equations of maps, results, or the reason why there are none.

    Arguments:
        maps, results: what the page shows.
        left_out: how many equations of maps it leaves out.
        refusal: why there is no formula.
    """

    maps: tuple[Formula, ...] = ()
    results: tuple[Formula, ...] = ()
    left_out: int = 0
    refusal: KernelcError | None = None


def formulas(network: Network) -> Formulas:
    """The equations of `derive`, or its refusal."""
    try:
        kernel = derive(network)
    except KernelcError as error:
        return Formulas(refusal=error)
    maps = tuple(_formula(str(name), expr) for name, expr in kernel.equations[:_MOST_EQUATIONS])
    results = tuple(_formula(*pair) for pair in _results(kernel))
    return Formulas(maps, results, max(len(kernel.equations) - _MOST_EQUATIONS, 0))


def _results(kernel: Kernel) -> Iterator[tuple[str, sympy.Basic]]:
    yield "Q_f", kernel.q_map
    if len(str(kernel.c_map)) <= _LONG:
        yield "C_f", kernel.c_map
    else:
        yield "K_f", kernel.nngp
        yield "C_f", sympy.Symbol("K_f") / sympy.Symbol("Q_f")
    if kernel.theta is not None:
        yield "Theta_f", kernel.theta
    try:
        yield "mu(psi)", kernel.max_slope
    except KernelcError:
        # Batch norm and the like: no slope in psi alone. The findings say so.
        return


def _formula(name: str, expr: sympy.Basic) -> Formula:
    text = str(expr)
    if len(text) > _LONGEST:
        return Formula(name, "", "", len(text))
    try:
        mathml = equation(name, expr)
    except (ValueError, AttributeError, NotImplementedError):
        # ValueError: `equation` met an element that MathML Core lacks. The others are how SymPy's
        # printer gives up on expressions it has no method for, which layers of others may bring.
        # The formula is still shown, as text.
        mathml = ""
    return Formula(name, text, mathml, len(text))


class _Printer(MathMLPresentationPrinter):
    """SymPy's printer, which knows nothing of named maps and their iteration."""

    def element(self, name: str, *children: Element | str) -> Element:
        made = self.dom.createElement(name)
        for child in children:
            made.appendChild(self.dom.createTextNode(child) if isinstance(child, str) else child)
        return made

    def applied(self, head: Element, *inside: Element) -> Element:
        shown = [self.element("mo", "(")]
        for i, each in enumerate(inside):
            shown += [self.element("mo", ",")] if i else []
            shown.append(each)
        shown.append(self.element("mo", ")"))
        return self.element("mrow", head, self.element("mo", _APPLY), *shown)

    def name(self, letter: str, label: str, order: int = 0) -> Element:
        parts = [self.element("mi", letter), self.element("mi", _plain(label))]
        if not order:
            return self.element("msub", *parts)
        return self.element("msubsup", *parts, self.element("mo", "\u2032" * order))

    def column(self, entries: sympy.Tuple) -> Element:
        """The entries of a state one below the other, which keeps long maps narrow."""
        rows = [self.element("mtr", self.element("mtd", self._print(entry))) for entry in entries]
        table = self.element("mtable", *rows)
        table.setAttribute("displaystyle", "true")
        return self.element("mrow", self.element("mo", "("), table, self.element("mo", ")"))

    def _print_Function(self, expr: sympy.Expr) -> Element:
        # SymPy looks past classes between a function and `Function`, so not _print_LocalMap.
        if isinstance(expr, Iterated):
            return self._iterated(expr)
        if not isinstance(expr, LocalMap):
            return super()._print_Function(expr)
        head = self.name(expr.letter, expr.label, expr.order)
        return self.applied(head, *(self._print(a) for a in expr.args))

    def _iterated(self, expr: Iterated) -> Element:
        inside = [self._print(arg) for arg in expr.args]
        for link in expr.links:
            head = self._print_Symbol(sympy.Symbol(link.name))
            if link.times != 1:
                times = self._print(sympy.Integer(link.times))
                power = self.element("mrow", self.element("mo", "\u2218"), times)
                head = self.element("msup", self.element("mrow", head), power)
            inside = [self.applied(head, *inside)]
        if len(expr.links[-1].body.expr) == 1:
            return inside[0]
        row = [self.element("mo", "["), *inside, self.element("mo", "]")]
        return self.element("msub", self.element("mrow", *row), self._print_Symbol(expr.shown))

    def _print_Symbol(self, sym: sympy.Symbol, style: str = "plain") -> Element:
        # Ours is escaped below as any other text; SymPy's entities are resolved first.
        safe = sympy.Symbol(_plain(sym.name))
        return super()._print_Symbol(safe, style)


def equation(left: str, right: sympy.Basic) -> str:
    """`left = right` as a block of MathML.

    Arguments:
        left: a symbol's name, or a map with its variables such as "F_1(q_in, k_in)".
        right: an expression, or the tuple a map gives.

    Raises:
        ValueError: the expression needs an element that MathML Core lacks.

    Example:
        >>> equation("Q_f", sympy.Rational(1, 2))[:44]
        '<math display="block"><mrow><msub><mi>Q</mi>'
    """
    printer = _Printer()
    head, _, inside = left.partition("(")
    shown = printer._print_Symbol(sympy.Symbol(head))
    if inside:
        names = inside.rstrip(")").split(", ")
        shown = printer.applied(shown, *(printer._print_Symbol(sympy.Symbol(n)) for n in names))
    value = printer.column(right) if isinstance(right, sympy.Tuple) else printer._print(right)
    row = printer.element("mrow", shown, printer.element("mo", "="), value)
    return f'<math display="block">{_text(row)}</math>'


def _text(node: Node) -> str:
    """A tree of the printer as text, with nothing but the elements of MathML Core."""
    if isinstance(node, Text):
        # The printer writes entities where characters are meant.
        return html.escape(html.unescape(node.data).replace("-", "\u2212"))
    assert isinstance(node, Element)
    if node.tagName not in _CORE:
        raise ValueError(f"<{node.tagName}> is no element of MathML Core")
    attribute = ' displaystyle="true"' if node.getAttribute("displaystyle") else ""
    inside = "".join(_text(child) for child in node.childNodes)
    return f"<{node.tagName}{attribute}>{inside}</{node.tagName}>"


def _plain(name: str) -> str:
    """A name without ampersands, which the printer would read as entities."""
    return name.replace("&", "\uff06")
