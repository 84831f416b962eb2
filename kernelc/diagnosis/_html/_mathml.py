"""SymPy expressions as presentation MathML that browsers lay out by themselves."""

from __future__ import annotations

import html
from typing import Any

import sympy
from sympy.printing.mathml import MathMLPresentationPrinter

from ...symbolic import Iterated, LocalMap
from ._markup import Markup, escaped, tag


# What MathML Core knows (W3C, MathML Core, section 3); browsers lay out nothing else.
_ELEMENTS = """math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup munder mover
munderover mtable mtr mtd"""
_CORE = frozenset(_ELEMENTS.split())
_APPLY = "\u2061"


class _Printer(MathMLPresentationPrinter):
    """SymPy's printer, which knows nothing of named maps and their iteration."""

    def element(self, name: str, *children: Any) -> Any:
        made = self.dom.createElement(name)
        for child in children:
            made.appendChild(self.dom.createTextNode(child) if isinstance(child, str) else child)
        return made

    def applied(self, head: Any, *inside: Any) -> Any:
        shown = [self.element("mo", "(")]
        for i, each in enumerate(inside):
            shown += [self.element("mo", ",")] if i else []
            shown.append(each)
        shown.append(self.element("mo", ")"))
        return self.element("mrow", head, self.element("mo", _APPLY), *shown)

    def name(self, letter: str, label: str, order: int = 0) -> Any:
        parts = [self.element("mi", letter), self.element("mi", _plain(label))]
        if not order:
            return self.element("msub", *parts)
        return self.element("msubsup", *parts, self.element("mo", "\u2032" * order))

    def column(self, entries: Any) -> Any:
        """The entries of a state one below the other, which keeps long maps narrow."""
        rows = [self.element("mtr", self.element("mtd", self._print(entry))) for entry in entries]
        table = self.element("mtable", *rows)
        table.setAttribute("displaystyle", "true")
        return self.element("mrow", self.element("mo", "("), table, self.element("mo", ")"))

    def _print_Function(self, expr: Any) -> Any:
        # SymPy looks past classes between a function and `Function`, so not _print_LocalMap.
        if isinstance(expr, Iterated):
            return self._iterated(expr)
        if not isinstance(expr, LocalMap):
            return super()._print_Function(expr)
        head = self.name(expr.letter, expr.label, expr.order)
        return self.applied(head, *(self._print(a) for a in expr.args))

    def _iterated(self, expr: Iterated) -> Any:
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

    def _print_Symbol(self, sym: Any, style: str = "plain") -> Any:
        # Ours is escaped below as any other text; SymPy's entities are resolved first.
        safe = sympy.Symbol(_plain(sym.name))
        return super()._print_Symbol(safe, style)


def equation(left: str, right: sympy.Basic) -> Markup:
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
    return tag("math", _text(row), display="block")


def _text(node: Any) -> Markup:
    """A tree of the printer as text, with nothing but the elements of MathML Core."""
    if node.nodeType == node.TEXT_NODE:
        # The printer writes entities where characters are meant.
        return escaped(html.unescape(node.data).replace("-", "\u2212"))
    if node.tagName not in _CORE:
        raise ValueError(f"<{node.tagName}> is no element of MathML Core")
    attributes = {"displaystyle": "true"} if node.getAttribute("displaystyle") else {}
    return tag(node.tagName, *(_text(child) for child in node.childNodes), **attributes)


def _plain(name: str) -> str:
    """A name without ampersands, which the printer would read as entities."""
    return name.replace("&", "\uff06")
