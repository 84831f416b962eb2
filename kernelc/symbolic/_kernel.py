"""Kernel: the derived formulas of a network, kept as named equations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import sympy

from .._errors import KernelcError, UnsupportedError, shown as shown_value
from ..algebra import Jet
from ..ir import depths_of, needs_number
from ._diagonal import ntk_diagonal
from ._evaluate import KernelValue as KernelValue, Numbers, evaluated, given_for
from ._kernel_json import dump
from ._latex import latex
from ._python import Language, python_code
from ._recurrence import Recurrence, recurrence
from ._row import Line, Rows
from ._rows import rows
from ._slopes import max_slope, network_jet
from ._text import text
from ._vectorized import KernelFunction, Vectorized
from .theory import Theory


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel(Theory):
    """The kernel of a network at initialization, in the limit of infinite width.

    Symbols: `q` (q value of the inputs), `c` (their cosine similarity), `s` (that of two
    locations of one input), `c_b` (that of a typical pair of the batch), `psi`, `kappa`.

    Attributes:
        equations: ordered (symbol, expression) pairs, one for each distinct node or block.
        q_map: q value of the output as a function of q.
        nngp: covariance of the outputs of a pair.
        as_derived: whether no symbol has been replaced since.
    """

    @property
    def q(self) -> sympy.Expr:
        """q value of the inputs."""
        return self.symbols.q

    @property
    def c(self) -> sympy.Symbol:
        """Cosine similarity of the pair of inputs."""
        return self.symbols.c

    @property
    def s(self) -> sympy.Symbol:
        """Cosine similarity of two locations of one input."""
        return self.symbols.s

    @property
    def c_b(self) -> sympy.Symbol:
        """Cosine similarity of a typical pair of the batch."""
        return self.symbols.c_b

    @property
    def psi(self) -> sympy.Symbol:
        """Slope C'(1) of every local map."""
        return self.symbols.psi

    @property
    def kappa(self) -> sympy.Symbol:
        """Curvature C''(1) of every local map."""
        return self.symbols.kappa

    @cached_property
    def c_map(self) -> sympy.Expr:
        """Cosine similarity of the outputs: NNGP over Q map, without q where q cancels."""
        if self.q.is_Symbol and self.recurrence.cosines:
            unit = {self.q: sympy.Integer(1)}
            return self.nngp.subs(unit) / self.q_map.subs(unit)
        return self.nngp / self.q_map

    @property
    def _uses_q(self) -> bool:
        return self.symbols.q in self.c_map.free_symbols

    @property
    def ntk(self) -> sympy.Expr:
        """Neural tangent kernel of the pair.

        Raises:
            UnsupportedError: networks with batch norm.
        """
        if self.theta is None:
            raise UnsupportedError(
                where=self.network.name,
                found="a network with batch norm",
                law="the tangent kernel of batch statistics couples all examples of a batch",
                remedy="remove batch norm: kernelc.shape(network, ..., rewrite=True) does",
            )
        return self.theta

    @cached_property
    def ntk_diagonal(self) -> sympy.Expr:
        """Theta_f(x, x) as a formula in q and the depth: the sum over layers in closed form.

        At c = 1 the NTK of a layer obeys Theta <- chi Theta + g (Jacot et al. 2018): L layers of
        He-initialized ReLU give L q. Where Q maps are not affine, the closed form holds at their
        fixed points: derive the kernel for such a q.

        Raises:
            UnsupportedError: a repeated block without a closed form at this q, an NTK that is
                infinite, and networks with batch norm.

        Example:
            >>> import kernelc as kc, sympy
            >>> L = sympy.Symbol("L", integer=True, positive=True)
            >>> x = kc.Input((8,))
            >>> block = kc.chain(kc.Dense(8, weight_std=kc.gain("relu")), kc.Activation("relu"))
            >>> kc.derive(kc.Network(x, kc.chain(kc.repeat(block, L), kc.Dense(1))(x))).ntk_diagonal
            L*q + q
        """
        if self.theta is None:
            return self.ntk
        return ntk_diagonal(self.recurrence, self.probes, self.network.name)

    @cached_property
    def _jet(self) -> Jet:
        return network_jet(self.network, self.psi, self.kappa)

    @property
    def c_slope(self) -> sympy.Expr:
        """C_f'(1) when every local slope is psi and every local Q(1) = 1."""
        return self._jet.slope

    @property
    def c_curvature(self) -> sympy.Expr:
        """C_f''(1) when every local slope is psi and every local curvature kappa."""
        return self._jet.curvature

    @cached_property
    def max_slope(self) -> sympy.Expr:
        """mu(psi): the largest C_f'(1) over all subnetworks (Martens et al. 2021)."""
        return max_slope(self.network, self.psi)

    def expand(self) -> Kernel:
        """The kernel with every named map and iteration written out. Long for deep networks.

        Raises:
            KernelcError: a depth that is a symbol.
            UnsupportedError: the formula would be too long to build.
        """
        for depth in sorted(depths_of(self.network), key=str):
            raise needs_number(self.network.name, depth, "a formula that is written out")
        return dataclasses.replace(
            self,
            q_map=self.q_map.doit(),
            nngp=self.nngp.doit(),
            theta=None if self.theta is None else self.theta.doit(),
            equations=tuple(
                (name, expr.doit() if isinstance(expr, sympy.Expr) else expr)
                for name, expr in self.equations
            ),
            changes=(*self.changes, None),
        )

    def subs(self, *values: Any) -> Kernel:
        """The kernel with symbols replaced, as `sympy.Basic.subs`.

        With a number for a depth it is the kernel of the network of that depth.

        Raises:
            GraphError: a depth that is no whole number.
        """
        depths, others = self._depths_in(values)
        if depths:
            return self._at_depths(depths, others)
        changed = {
            field: None if (old := getattr(self, field)) is None else old.subs(*values)
            for field in ("q_map", "nngp", "theta")
        }
        equations = tuple((name, expr.subs(*values)) for name, expr in self.equations)
        return dataclasses.replace(
            self,
            **changed,
            equations=equations,
            as_derived=False,
            changes=(*self.changes, values),
        )

    def _depths_in(self, values: Sequence[Any]) -> tuple[dict[sympy.Symbol, Any], list[Any]]:
        """The values of depths among arguments of `subs`, and the pairs that are left."""
        known = {depth.name: depth for depth in depths_of(self.network)}
        if not known or not values:
            return {}, []
        first = values[0] if len(values) == 1 else (values,)
        pairs = list(first.items() if isinstance(first, Mapping) else first)
        names = [str(old) if isinstance(old, sympy.Symbol | str) else "" for old, _ in pairs]
        found = {
            known[name]: new for name, (_, new) in zip(names, pairs, strict=True) if name in known
        }
        return found, [pair for name, pair in zip(names, pairs, strict=True) if name not in known]

    def _at_depths(self, depths: Mapping[sympy.Symbol, Any], others: list[Any]) -> Kernel:
        """The kernel of the network of these depths, other symbols replaced as before."""
        assert self.derived_by is not None
        kernel = self.derived_by(self.network.subs(depths), self.q)
        for before in (*self.replaced, *([(others,)] if others else [])):
            kernel = kernel.subs(*before)
        return kernel

    def evaluate(
        self, c: Numbers, q: Numbers | None = None, *, dps: int = 15, **symbols: Numbers
    ) -> KernelValue:
        """The kernel at numbers.

        Arguments:
            c: cosine similarity of the inputs.
            q: their q value; 1 unless given, or the one the kernel was derived for.
            dps: digits wanted; beyond 15 the local maps are integrated by mpmath. Float64, which
                serves up to 15, holds 1 - c to 2e-16: where an activation that jumps reads inputs
                with 1 - c below 1e-7, mpmath takes its place, which takes longer.
            symbols: values of the other symbols by name (s, c_b, weights, depths); a depth is
                one integer.

        Each may be an array; arrays are broadcast, and so are the fields of the answer.

        Raises:
            KernelcError: a symbol is left without a value, a value is not a finite real number,
                a cosine similarity lies outside [-1, 1], q is not positive.
            DataError: there is no finite kernel at these numbers.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("relu"))(x))
            >>> round(kc.derive(net).evaluate(c=0.0).c, 12) == round(1 / 3.141592653589793, 12)
            True
            >>> kc.derive(net).evaluate(c=[-1.0, 1.0]).nngp.round(12).tolist()
            [0.0, 0.5]
        """
        depths = {
            name: symbols.pop(name)
            for name in {d.name for d in depths_of(self.network)} & set(symbols)
        }
        if depths:
            return self.subs(depths).evaluate(c, q, dps=dps, **symbols)
        return evaluated(self, given_for(self, c, q, symbols), dps)

    def callable(self) -> KernelFunction:
        """A fast function of arrays: `evaluate` for many points at once, in float64.

        Local maps without a closed form are Chebyshev series in the angle arccos(k/q), one for
        each q value, made when the first call needs them and kept. What no series holds to 13
        digits, and points at |c| = 1 or without a finite formula, go the way of `evaluate`.

        Returns:
            A function of (c, q=None, **symbols), as `evaluate`: numbers or arrays of any shapes
            that broadcast. It returns a `KernelValue` whose fields have their common shape, equal
            to those of `evaluate` up to rounding, which chaotic networks amplify in both.

        Raises:
            KernelcError: a depth that is a symbol. The function raises what `evaluate` does.

        Example:
            >>> import numpy as np
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.repeat(kc.chain(kc.Dense(9), kc.Activation("tanh")), 3)(x))
            >>> function = kc.derive(net).callable()
            >>> function(np.linspace(-1, 1, 10_001), 2.0).c.shape
            (10001,)
            >>> round(function(0.3).c - kc.derive(net).evaluate(0.3).c, 12)
            0.0
        """
        for depth in sorted(depths_of(self.network), key=str):
            raise needs_number(self.network.name, depth, "a function of arrays")
        return Vectorized(self)

    @cached_property
    def recurrence(self) -> Recurrence:
        """The kernel as recursions over its blocks, local maps in the forms of the literature."""
        return recurrence(self.network, self.symbols).subs(self.replaced)

    def latex(self, style: Literal["recurrence", "explicit"] = "recurrence") -> str:
        """The kernel as an `align*` environment of amsmath, for a paper or a notebook.

        Arguments:
            style: "recurrence" defines each local map once and writes recursions over blocks;
                "explicit" writes the kernel as one formula in c and q.

        Raises:
            KernelcError: another style, or a depth that is a symbol, in the explicit formula.
            UnsupportedError: the explicit formula would be too long to build.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("abs"))(x))
            >>> print(kc.derive(net, q=1).latex(style="explicit").splitlines()[1])
            Q_f &= 1 \\\\
        """
        if style == "explicit":
            shown = self.expand()
            lines = [Line(name, right) for name, right in shown._results()]
            return latex(Rows(tuple(lines), {}))
        if style != "recurrence":
            raise KernelcError(
                where="latex",
                found=f"style = {shown_value(style)}",
                law="A kernel is written as a recurrence or as one explicit formula",
                remedy='Pass "recurrence" or "explicit"',
            )
        return latex(self._rows)

    def to_python(self, language: Language = "numpy") -> str:
        """A self-contained Python module whose function `kernel` recomputes q, c and the NTK.

        Arguments:
            language: "numpy", "jax" or "mpmath", whose numbers the function takes. Means without
                a closed form are integrated by panels of Gauss-Legendre rules.

        Returns:
            The text of a module with `kernel(c, q=1.0)` (without q where the kernel was derived
            for one) and other symbols as keywords; it returns (q value, c value, NTK) of the
            outputs, None for the last where none is known.

        Raises:
            KernelcError: another language, or a symbol whose name is none for an argument.
            UnsupportedError: a mean that no code is written for.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("cos"))(x), name="waves")
            >>> print(kc.derive(net, q=1).to_python().splitlines()[-1].strip())
            return q_, c_, q_ * theta_
        """
        return python_code(self.recurrence, self.network.name, language, self.theta is not None)

    def to_json(self) -> str:
        """The kernel as JSON text, from which `kernelc.kernel_from_json` makes this kernel again.

        The text holds the network, the q value and the arguments of `subs`, and no formulas:
        these are derived anew.

        Raises:
            UnsupportedError: a replacement by an expression that has no exact description.
        """
        return dump(self)

    @cached_property
    def _rows(self) -> Rows:
        return rows(self.recurrence, tangent=self.theta is not None)

    def _results(self) -> list[tuple[str, sympy.Expr]]:
        found = [("Q_f", self.q_map), ("C_f", self.c_map)]
        if self.theta is not None:
            found.append(("Theta_f", self.theta))
        return found

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        lines = [f"  {line}" for line in text(self._rows)]
        return "\n".join([f"kernel of {self.network.name}", *lines])

    def __repr__(self) -> str:
        return f"Kernel({self.network!r}, equations={len(self.equations)})"
