"""Kernels as Python: a function of NumPy, JAX or mpmath that recomputes q, c and the NTK."""

from __future__ import annotations

import dataclasses
import keyword
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import sympy
from sympy.printing.numpy import JaxPrinter, NumPyPrinter
from sympy.printing.pycode import MpmathPrinter, PythonCodePrinter

from .._errors import KernelcError, UnsupportedError, shown
from ..activations import ScalarFunction, X
from ._arc_cosine import RHO, ArcCosine
from ._block import Behind, Block, nodes_of
from ._entry import Entry
from ._maps import CMap, Dual, LocalMap, Mean, QMap, identifier
from ._python_functions import GAUSSIAN_MEAN, ITERATED
from ._recurrence import Recurrence
from ._standard_forms import DELTA, K, Q, standard


Language = Literal["numpy", "jax", "mpmath"]

_IMPORTS = {
    "numpy": (
        ("np.", "import numpy as np"),
        ("leggauss", "from numpy.polynomial.legendre import leggauss"),
        ("erf(", "from scipy.special import erf"),
        ("erfc(", "from scipy.special import erfc"),
        ("normal_cdf(", "from scipy.special import ndtr as normal_cdf"),
    ),
    "jax": (
        ("jax.", "import jax"),
        ("np.", "import jax.numpy as np"),
        ("leggauss", "from numpy.polynomial.legendre import leggauss"),
        ("erf(", "from jax.scipy.special import erf"),
        ("erfc(", "from jax.scipy.special import erfc"),
        ("normal_cdf(", "from jax.scipy.special import ndtr as normal_cdf"),
    ),
    "mpmath": (
        ("mp.", "from mpmath import mp"),
        ("GaussLegendre", "from mpmath.calculus.quadrature import GaussLegendre"),
    ),
}
"""What stands in the code, and the import that it needs."""
_GLOBALS = ("np", "jax", "mp", "erf", "erfc", "normal_cdf", "range", "ValueError", "iterated")
"""Names that the function `kernel` may read besides its own and those of maps."""
_STABLE = {
    "numpy": {"sigmoid": "1 / (1 + np.exp(-x))", "softplus": "np.logaddexp(0, x)"},
    "jax": {"sigmoid": "jax.nn.sigmoid(x)", "softplus": "jax.nn.softplus(x)"},
    "mpmath": {
        "sigmoid": "1 / (1 + mp.exp(-x))",
        "softplus": "mp.log1p(mp.exp(x))",
        "normal_cdf": "mp.ncdf(x)",
    },
}


class _Code(PythonCodePrinter):
    """The parts of a printer that the three languages share."""

    blocks: dict[Block, str]
    """Names of the functions that blocks are."""

    def _print_Function(self, expr: Any) -> str:
        if isinstance(expr, Behind):
            state = _state([self._print(arg) for arg in expr.start])
            place = [symbol for symbol, _ in expr.block.images].index(expr.entry)
            name = self.blocks[expr.block]
            return f"iterated({name}, {self._print(expr.times)}, {state})[{place}]"
        if isinstance(expr, LocalMap | ArcCosine) or type(expr).__name__ in (
            *("sigmoid", "softplus", "normal_cdf"),
        ):
            inside = ", ".join(self._print(arg) for arg in expr.args)
            return f"{function_name(type(expr))}({inside})"
        return super()._print_Function(expr)

    def _print_Max(self, expr: Any) -> str:
        return self._folded("maximum", expr)

    def _print_Min(self, expr: Any) -> str:
        return self._folded("minimum", expr)

    def _folded(self, name: str, expr: Any) -> str:
        text = self._print(expr.args[0])
        for arg in expr.args[1:]:
            text = f"np.{name}({text}, {self._print(arg)})"
        return text


class _NumPyCode(_Code, NumPyPrinter):
    _module = "np"


class _JaxCode(_Code, JaxPrinter):
    _module = "np"


class _MpmathCode(_Code, MpmathPrinter):
    def _print_Max(self, expr: Any) -> str:
        return f"max({', '.join(self._print(arg) for arg in expr.args)})"

    def _print_Min(self, expr: Any) -> str:
        return f"min({', '.join(self._print(arg) for arg in expr.args)})"


_PRINTERS = {"numpy": _NumPyCode, "jax": _JaxCode, "mpmath": _MpmathCode}


def function_name(kind: type[Any]) -> str:
    """The name of a map in generated code."""
    if issubclass(kind, LocalMap):
        return f"{kind.letter}{'_prime' * kind.order}_{identifier(kind.label)}"
    return kind.__name__


def python_code(found: Recurrence, where: str, language: Language, tangent: bool) -> str:
    """A self-contained module with a function `kernel`.

    Raises:
        KernelcError: another language than the three, or a symbol whose name cannot be that of
            an argument.
        UnsupportedError: a mean of the derivative of a jump, which quadrature cannot take.
    """
    if language not in _PRINTERS:
        raise KernelcError(
            where="to_python",
            found=f"language = {shown(language)}",
            law="Code is written for NumPy, JAX or mpmath",
            remedy='Pass "numpy", "jax" or "mpmath"',
        )
    return _Module(found, where, language, tangent).text()


@dataclasses.dataclass
class _Module:
    found: Recurrence
    where: str
    language: Language
    tangent: bool

    def text(self) -> str:
        parts = [*self._definitions(), self._kernel()]
        written = "\n".join(parts)
        imports = [line for used, line in _IMPORTS[self.language] if used in written]
        head = (
            f'"""The kernel of {_quoted(self.where)} at initialization, '
            'in the limit of infinite width."""'
        )
        return "\n\n\n".join(["\n".join([head, "", *imports]), *map(str.strip, parts)]) + "\n"

    def code(self, expr: sympy.Expr) -> str:
        printer: _Code = _PRINTERS[self.language](
            {"fully_qualified_modules": True, "allow_unknown_functions": True}
        )
        printer.blocks = self.blocks
        text = printer.doprint(expr)
        for module, short in (
            ("scipy.special.", ""),
            ("jax.scipy.special.", ""),
            ("jax.numpy.", "np."),
            ("numpy.", "np."),
            ("mpmath.", "mp."),
        ):
            text = text.replace(module, short)
        return text

    # -- the function ------------------------------------------------------------------

    def _kernel(self) -> str:
        symbols = self._parameters()
        others = "".join(f", {name}" for name in symbols if name not in ("c", "q"))
        q = ", q=1.0" if "q" in symbols else ""
        lines = [f"def kernel(c{q}{f', *{others}' if others else ''}):"]
        lines.append('    """q value, c value and NTK for inputs of q value q and cosine c."""')
        for depth in sorted(depth.name for depth in self.found.depths):
            lines += [
                f"    if {depth} < 0:",
                f'        raise ValueError("{depth} is a number of layers, so not negative")',
            ]
        lines += self._functions()
        state = [v for v in self.found.variables if self._kept(v)]
        starts = dict(zip(self.found.variables, self.found.start, strict=True))
        names = [_variable(v) for v in state]
        values = [self.code(starts[v]) for v in state]
        lines.append(f"    {', '.join(names)} = {', '.join(values)}")
        for block in self.found.blocks:
            indent = "    "
            if block.loops:
                lines.append(f"    for _ in range({block.count}):")
                indent = "        "
            lines += self._steps(block, indent)
        return "\n".join([*lines, f"    return {self._results()}", ""])

    def _steps(self, block: Block, indent: str) -> list[str]:
        """One application of a block."""
        hats = [(s, e) for s, e in block.hats if self._kept(s)]
        lines = [f"{indent}{_variable(s)} = {self.code(_renamed(e))}" for s, e in hats]
        images = [(s, e) for s, e in block.images if self._kept(s) and s != e]
        left = ", ".join(_variable(s) for s, _ in images)
        right = ", ".join(self.code(_renamed(e)) for _, e in images)
        return [*lines, f"{indent}{left} = {right}"] if images else lines

    @cached_property
    def blocks(self) -> dict[Block, str]:
        """Names of the functions that blocks in formulas are."""
        nodes = [node for node in self._nodes() if isinstance(node, Behind)]
        # Those that a function calls stand before it.
        blocks = list(dict.fromkeys(node.block for node in reversed(nodes)))
        return {block: f"F_{i}" for i, block in enumerate(blocks, 1)}

    def _functions(self) -> Iterator[str]:
        """The functions that blocks are: inside of `kernel`, whose arguments they may read."""
        for block, name in self.blocks.items():
            state = [_variable(symbol) for symbol, _ in block.images]
            yield f"\n    def {name}({', '.join(state)}):"
            yield from self._steps(block, " " * 8)
            yield f"        return {_state(state)}"
        if self.blocks:
            yield ""

    def _results(self) -> str:
        last = self.found.variables
        if self.found.blocks:
            last = [symbol for symbol, _ in self.found.blocks[-1].images]
        q = "q_" if any(symbol.place == "q" for symbol in last) else "1.0"
        if self.found.cosines:
            found = [q, "c_", f"{q} * theta_" if self.tangent else "None"]
        else:
            found = [q, f"k_ / {q}", "Theta_" if self.tangent else "None"]
        return ", ".join(found)

    def _parameters(self) -> list[str]:
        names = sorted(symbol.name for symbol in self.found.symbols)
        taken = {_variable(entry) for entry in self.found.entries}
        taken |= {*_GLOBALS, *map(function_name, self._kinds()), *self.blocks.values()}
        for i, name in enumerate(names):
            if not name.isidentifier() or keyword.iskeyword(name) or name in taken | {*names[:i]}:
                raise KernelcError(
                    where=self.where,
                    found=f"a symbol named {shown(name)}",
                    law="Symbols are arguments of the function that is written, so their names "
                    "are names of Python that nothing else in it has",
                    remedy="Replace the symbol: kernel.subs(symbol, another).to_python()",
                )
        return names

    def _kept(self, symbol: Entry) -> bool:
        return self.tangent or not symbol.tangent

    # -- what it calls -----------------------------------------------------------------

    def _kinds(self) -> list[type[Any]]:
        kinds: dict[type[Any], None] = {}
        for node in self._nodes():
            if isinstance(node, LocalMap | ArcCosine):
                kinds.setdefault(type(node))
        return list(kinds)

    def _nodes(self) -> Iterator[sympy.Basic]:
        for block in self.found.blocks:
            for symbol, expr in block.lines:
                if self._kept(symbol):
                    yield from nodes_of(expr)

    def _definitions(self) -> Iterator[str]:
        means = [self._map(kind) for kind in self._kinds()]
        if any("gaussian_mean" in text for text in means):
            yield from self._helpers(means)
        yield from means
        if self.blocks:
            yield ITERATED

    def _helpers(self, means: list[str]) -> Iterator[str]:
        for name, formula in _STABLE[self.language].items():
            if any(f"{name}(" in text for text in means):
                yield f"def {name}(x):\n    return {formula}\n"
        yield GAUSSIAN_MEAN[self.language]

    def _map(self, kind: type[Any]) -> str:
        name = function_name(kind)
        if issubclass(kind, ArcCosine):
            clipped = "rho" if self.language == "mpmath" else "np.clip(rho, -1, 1)"
            formula = self.code(kind.closed(RHO))
            return f"def {name}(rho):\n    rho = {clipped}\n    return {formula}\n"
        arguments = {Dual: (Q, K), QMap: (Q,), Mean: (Q,), CMap: (K,)}.get(kind.__base__)
        if arguments is None:
            q1, q2 = sympy.symbols("q1 q2", positive=True)
            raise self._no_code(kind(q1, q2, K))
        form = standard(kind(*arguments))
        head = f"def {name}({', '.join(a.name for a in arguments)}):"
        if form is not None:
            delta = [] if form.delta is None else [f"    Delta = {self.code(form.delta)}"]
            formula = form.formula.xreplace({DELTA: sympy.Symbol("Delta", positive=True)})
            return "\n".join([head, *delta, f"    return {self.code(formula)}", ""])
        return f"{head}\n    return {self._mean(kind)}\n"

    def _mean(self, kind: type[Any]) -> str:
        phi: ScalarFunction = kind.phi
        if kind.order and phi.jumps(kind.order - 1):
            raise self._no_code(kind)
        x = sympy.Symbol("x", real=True)
        inside = self.code(phi.derivative(kind.order).xreplace({X: x}))
        f = f"lambda x: {inside}"
        breaks = tuple(phi.breakpoints)
        if kind.__base__ is Mean:
            return f"gaussian_mean({f}, lambda x: 1.0 + 0 * x, q, 0 * q, {breaks})"
        q, k = {Dual: ("q", "k"), QMap: ("q", "q"), CMap: ("1.0", "k")}[kind.__base__]
        return f"gaussian_mean({f}, {f}, {q}, {k}, {breaks})"

    def _no_code(self, kind: Any) -> UnsupportedError:
        return UnsupportedError(
            where=self.where,
            found=f"the mean {kind}",
            law="Code is written for means of one activation without jumps in what is averaged",
            remedy="Use kernel.evaluate, which computes it",
        )


def _quoted(name: str) -> str:
    """A name inside of a docstring, which it cannot end."""
    return "".join(
        letter
        if letter.isprintable() and letter not in '"\\'
        else letter.encode("unicode_escape").decode().replace('"', '\\"')
        for letter in name
    )


def _variable(symbol: sympy.Symbol) -> str:
    """k_ for an entry of the state, k_3 for a value on the way."""
    return symbol.name.replace("_in", "_").replace("'", "p")


def _state(entries: list[str]) -> str:
    """The code of a tuple."""
    return f"({', '.join(entries)}{',' * (len(entries) == 1)})"


def _renamed(expr: sympy.Expr) -> sympy.Expr:
    return expr.xreplace(
        {
            s: sympy.Symbol(_variable(s), **s.assumptions0)
            for s in expr.free_symbols
            if isinstance(s, Entry)
        }
    )
