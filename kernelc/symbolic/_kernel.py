"""Kernel: the derived formulas of a network, kept as named equations."""

from __future__ import annotations

import dataclasses
import math
from functools import cached_property
from typing import Any, NamedTuple

import sympy

from .._errors import KernelcError, UnsupportedError
from ..algebra import Jet
from ..ir import Network
from ._slopes import max_slope, network_jet
from ._symbols import Symbols


_USUAL = {"c", "q", "s", "c_b"}


class KernelValue(NamedTuple):
    """A kernel at numbers: q value, NNGP, c value (NaN where q is 0) and NTK of the output."""

    q: float
    nngp: float
    c: float
    ntk: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class Kernel:
    """The kernel of a network at initialisation, in the limit of infinite width.

    Symbols: `q` (q value of the inputs), `c` (their cosine similarity), `s` (that of two
    locations of one input), `c_b` (that of a typical pair of the batch), `psi`, `kappa`.

    Attributes:
        equations: ordered (symbol, expression) pairs, one for each distinct node or block.
        q_map: q value of the output as a function of q.
        nngp: covariance of the outputs of a pair.
    """

    network: Network
    symbols: Symbols
    probes: tuple[str, ...]
    equations: tuple[tuple[Any, Any], ...]
    q_map: sympy.Expr
    nngp: sympy.Expr
    theta: sympy.Expr | None

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

    def subs(self, *values: Any) -> Kernel:
        """The kernel with symbols replaced, as `sympy.Basic.subs`."""
        changed = {
            field: None if (old := getattr(self, field)) is None else old.subs(*values)
            for field in ("q_map", "nngp", "theta")
        }
        equations = tuple((name, expr.subs(*values)) for name, expr in self.equations)
        return dataclasses.replace(self, **changed, equations=equations)

    def evaluate(self, c: Any, q: Any = None, *, dps: int = 15, **symbols: Any) -> KernelValue:
        """The kernel at numbers.

        Arguments:
            c: cosine similarity of the inputs.
            q: their q value; 1 unless given, or the one the kernel was derived for.
            dps: digits wanted; beyond 15 the local maps are integrated by mpmath.
            symbols: values of the other symbols by name (s, c_b, weights).

        Raises:
            KernelcError: a symbol is left without a value, a value is not a finite real number,
                a cosine similarity lies outside [-1, 1], q is not positive.

        Example:
            >>> import kernelc as kc
            >>> x = kc.Input((8,))
            >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("relu"))(x))
            >>> round(kc.derive(net).evaluate(c=0.0).c, 12) == round(1 / 3.141592653589793, 12)
            True
        """
        fixed = None if self.q.free_symbols else float(self.q)
        given = {"c": c, "q": (fixed or 1) if q is None else q, **symbols}
        _check_numbers(self.network.name, given)
        free = self.nngp.free_symbols | self.q_map.free_symbols
        if self.theta is not None:
            free |= self.theta.free_symbols
        self._check_given(given, {str(symbol) for symbol in free}, fixed, dps)
        values = {symbol: sympy.Float(given[str(symbol)], max(dps, 15)) for symbol in free}

        def number(expr: sympy.Expr) -> Any:
            value = expr.subs(values).evalf(dps)
            if value.is_real is False:
                # Rounding can put k / q just outside [-1, 1] at |c| = 1, where acos turns.
                value = value.as_real_imag()[0]
            return float(value) if dps <= 15 else value

        nngp, q_out = number(self.nngp), number(self.q_map)
        ntk = None if self.theta is None else number(self.theta)
        if not (abs(q_out) < math.inf and abs(nngp) < math.inf):
            raise self._too_large(q_out, dps)
        return KernelValue(q_out, nngp, nngp / q_out if q_out else math.nan, ntk)

    def _too_large(self, q: Any, dps: int) -> KernelcError:
        return KernelcError(
            where=self.network.name,
            found=f"a q value of the output of {q}",
            law="q values are finite numbers" + (" that float64 holds" if dps <= 15 else ""),
            remedy="scale the weights or the inputs down"
            + (", or ask for more digits with dps=30" if dps <= 15 else ""),
        )

    def _check_given(
        self, given: dict[str, Any], free: set[str], fixed: float | None, dps: Any
    ) -> None:
        missing, unknown = sorted(free - set(given)), sorted(set(given) - free - _USUAL)
        problem = None
        if missing:
            problem = f"no value for {', '.join(missing)}", f"pass {missing[0]}=... to evaluate"
        elif unknown:
            problem = f"a value for {', '.join(unknown)}", "leave out what the kernel does not use"
        elif fixed is not None and float(given["q"]) != fixed:
            problem = f"q = {given['q']}", f"derive the network for that q, not for {fixed:g}"
        elif type(dps) is not int or dps < 1:
            problem = f"dps = {dps!r}", "ask for a positive number of digits"
        if problem is not None:
            raise KernelcError(
                where=self.network.name,
                found=problem[0],
                law="a kernel is evaluated at one number for each of its symbols",
                remedy=problem[1],
            )

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
        return f"<kernel of {self.network.name}: {len(self.equations)} equations>"


def _check_numbers(where: str, given: dict[str, Any]) -> None:
    for name, value in given.items():
        law = "symbols stand for finite real numbers"
        try:
            number = float(value)
            valid = math.isfinite(number)
        except (TypeError, ValueError):
            number, valid = math.nan, False
        if name in ("c", "s", "c_b"):
            law, valid = "a cosine similarity lies in [-1, 1]", valid and -1 <= number <= 1
        elif name == "q":
            law, valid = "a q value is a mean square, so positive", valid and number > 0
        if not valid:
            raise KernelcError(
                where=where,
                found=f"{name} = {value!r}",
                law=law,
                remedy=f"pass such a {name} to evaluate",
            )
