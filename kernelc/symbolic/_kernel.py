"""Kernel: the derived formulas of a network, kept as named equations."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
import sympy

from .._errors import KernelcError, UnsupportedError
from ..algebra import Jet
from ._evaluate import KernelValue as KernelValue, Numbers, evaluated
from ._formulas import Formulas
from ._slopes import max_slope, network_jet


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel(Formulas):
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
        """Cosine similarity of the outputs, as a function of c and q: NNGP over Q map."""
        return self.nngp / self.q_map

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
        """The kernel with every named map and iteration written out. Long for deep networks."""
        return dataclasses.replace(
            self,
            q_map=self.q_map.doit(),
            nngp=self.nngp.doit(),
            theta=None if self.theta is None else self.theta.doit(),
            equations=tuple(
                (name, expr.doit() if isinstance(expr, sympy.Expr) else expr)
                for name, expr in self.equations
            ),
        )

    def subs(self, *values: object) -> Kernel:
        """The kernel with symbols replaced, as `sympy.Basic.subs`."""
        changed = {
            field: None if (old := getattr(self, field)) is None else old.subs(*values)
            for field in ("q_map", "nngp", "theta")
        }
        equations = tuple((name, expr.subs(*values)) for name, expr in self.equations)
        return dataclasses.replace(self, **changed, equations=equations, as_derived=False)

    def evaluate(
        self, c: Numbers, q: Numbers | None = None, *, dps: int = 15, **symbols: Numbers
    ) -> KernelValue:
        """The kernel at numbers.

        Arguments:
            c: cosine similarity of the inputs.
            q: their q value; 1 unless given, or the one the kernel was derived for.
            dps: digits wanted; beyond 15 the local maps are integrated by mpmath.
            symbols: values of the other symbols by name (s, c_b, weights).

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
        fixed = None if self.q.free_symbols else float(self.q)
        if fixed is not None and q is not None and not _all_equal(q, fixed):
            raise KernelcError(
                where=self.network.name,
                found=f"q = {q}",
                law="a kernel is evaluated at the q value it was derived for",
                remedy=f"derive the network for that q, not for {fixed:g}",
            )
        given = {"c": c, "q": (fixed or 1) if q is None else q, **symbols}
        return evaluated(self, given, dps)

    def latex(self) -> str:
        """The equations as an `align*` environment, for a paper or a notebook."""
        rows = [
            rf"{sympy.latex(name)} &= {sympy.latex(expr)}"
            for name, expr in [*self.equations, *self._results()]
        ]
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"

    def _results(self) -> list[tuple[sympy.Symbol, sympy.Expr]]:
        found = [
            (sympy.Symbol("Q_f"), self.q_map),
            (sympy.Symbol("C_f"), self.c_map),
        ]
        if self.theta is not None:
            found.append((sympy.Symbol("Theta_f"), self.theta))
        return found

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        rows = [f"{name} = {expr}" for name, expr in [*self.equations, *self._results()]]
        return f"kernel of {self.network.name}\n" + "\n".join(f"  {row}" for row in rows)

    def __repr__(self) -> str:
        return f"Kernel({self.network!r}, equations={len(self.equations)})"


def _all_equal(q: object, fixed: float) -> bool:
    try:
        return bool(np.all(np.asarray(q, dtype=np.float64) == fixed))
    except (TypeError, ValueError):
        return True  # `evaluated` says what is wrong with it
