"""Kernels as Python: a function of NumPy, JAX or mpmath that recomputes q, c and the NTK."""

from __future__ import annotations

import dataclasses
import keyword
from collections.abc import Iterator
from typing import Any, Literal

import sympy
from sympy.printing.numpy import JaxPrinter, NumPyPrinter
from sympy.printing.pycode import MpmathPrinter, PythonCodePrinter

from .._errors import KernelcError, UnsupportedError, shown
from ..activations import ScalarFunction, X
from ._arc_cosine import RHO, ArcCosine
from ._entry import Entry
from ._maps import CMap, Dual, LocalMap, Mean, QMap, identifier
from ._recurrence import Recurrence
from ._standard_forms import DELTA, K, Q, standard


Language = Literal["numpy", "jax", "mpmath"]

_PANELS = '''
def gaussian_mean(f, g, q, k, breaks=()):
    """E f(u) g(v) for Gaussian u, v of variance q and covariance k, by panels."""
    nodes, weights = leggauss(16)
    grid = np.linspace(-9.0, 9.0, 37)

    def rule(edges):
        edges = np.sort(np.clip(np.concatenate([grid, edges]), -9.0, 9.0))
        half = np.diff(edges)[:, None] / 2
        x = (edges[:-1, None] + half + half * nodes).ravel()
        return x, (half * weights).ravel() * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)

    def mean(q, k):
        along = k / np.sqrt(q)
        across = np.sqrt(np.maximum(q - along**2, 1e-300))

        def inner(x):
            y, w = rule((np.asarray(breaks) - along * x) / across)
            return np.sum(w * g(along * x + across * y))

        x, w = rule(np.asarray(breaks) / np.sqrt(q))
        return np.sum(w * f(np.sqrt(q) * x) * np.vectorize(inner)(x))

    return np.vectorize(mean)(q, k)
'''
_NESTED = '''
def gaussian_mean(f, g, q, k, breaks=()):
    """E f(u) g(v) for Gaussian u, v of variance q and covariance k, by panels."""
    rule = GaussLegendre(mp).calc_nodes(3 + mp.dps // 20, mp.prec)
    along = k / mp.sqrt(q)
    across = mp.sqrt(max(q - along**2, mp.mpf(10) ** (-2 * mp.dps)))
    reach = int(mp.sqrt(2 * (mp.dps + 5) * mp.log(10))) + 1

    def mean(h, edges):
        edges = sorted([*range(-reach, reach + 1), *(e for e in edges if abs(e) < reach)])
        total = mp.mpf(0)
        for low, high in zip(edges, edges[1:]):
            for node, weight in rule:
                x = low + (high - low) * (node + 1) / 2
                total += (high - low) / 2 * weight * h(x) * mp.exp(-x * x / 2)
        return total / mp.sqrt(2 * mp.pi)

    def outer(x):
        edges = [(b - along * x) / across for b in breaks]
        return f(mp.sqrt(q) * x) * mean(lambda y: g(along * x + across * y), edges)

    return mean(outer, [b / mp.sqrt(q) for b in breaks])
'''
_GAUSSIAN_MEAN = {"numpy": _PANELS, "jax": _PANELS, "mpmath": _NESTED}
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
_GLOBALS = ("np", "jax", "mp", "erf", "erfc", "normal_cdf", "range", "ValueError")
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

    def _print_Function(self, expr: Any) -> str:
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
        printer: PythonCodePrinter = _PRINTERS[self.language](
            {"fully_qualified_modules": True, "allow_unknown_functions": True}
        )
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
            lines += [
                f"{indent}{_variable(s)} = {self.code(_renamed(e))}"
                for s, e in block.hats
                if self._kept(s)
            ]
            images = [(s, e) for s, e in block.images if self._kept(s) and s != e]
            left = ", ".join(_variable(s) for s, _ in images)
            right = ", ".join(self.code(_renamed(e)) for _, e in images)
            if images:
                lines.append(f"{indent}{left} = {right}")
        return "\n".join([*lines, f"    return {self._results()}", ""])

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
        taken |= {*_GLOBALS, *map(function_name, self._kinds())}
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
        for block in self.found.blocks:
            for symbol, expr in (*block.hats, *block.images):
                if self._kept(symbol):
                    for node in sympy.preorder_traversal(expr):
                        if isinstance(node, LocalMap | ArcCosine):
                            kinds.setdefault(type(node))
        return list(kinds)

    def _definitions(self) -> Iterator[str]:
        means = [self._map(kind) for kind in self._kinds()]
        if any("gaussian_mean" in text for text in means):
            yield from self._helpers(means)
        yield from means

    def _helpers(self, means: list[str]) -> Iterator[str]:
        for name, formula in _STABLE[self.language].items():
            if any(f"{name}(" in text for text in means):
                yield f"def {name}(x):\n    return {formula}\n"
        yield _GAUSSIAN_MEAN[self.language]

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


def _renamed(expr: sympy.Expr) -> sympy.Expr:
    return expr.xreplace(
        {
            s: sympy.Symbol(_variable(s), **s.assumptions0)
            for s in expr.free_symbols
            if isinstance(s, Entry)
        }
    )
