"""Derivatives of Gaussian means as formulas, where closed forms are known."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from ...activations import ScalarFunction, X
from .._exact_numbers import without_decimals
from .._maps import LocalMap
from .._symbolic_backend import SymbolicBackend
from ._rates import Rates


class NotClosed(Exception):
    """A mean without a closed form: numbers take the place of formulas."""


class ExactRates(Rates[sympy.Expr]):
    """In SymPy expressions; raises `NotClosed` where no closed form is known."""

    def __init__(self) -> None:
        self._formulas = ClosedBackend()

    @property
    def backend(self) -> ClosedBackend:
        return self._formulas

    def same(self, k: sympy.Expr, q: sympy.Expr) -> bool:
        return k == q or sympy.expand(k - q) == 0

    def q_slope(self, phi: ScalarFunction, q: sympy.Expr) -> sympy.Expr:
        return self._slope(lambda t: self.backend.q_map(phi, t), q)

    def mean_slope(self, phi: ScalarFunction, q: sympy.Expr, order: int) -> sympy.Expr:
        return self._slope(lambda t: self.backend.mean(phi, t, order), q)

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[sympy.Expr, sympy.Expr, sympy.Expr],
        m: int,
        n: int,
    ) -> sympy.Expr:
        raise NotClosed

    def dual(self, phi: ScalarFunction, q: sympy.Expr, k: sympy.Expr, order: int) -> sympy.Expr:
        if order <= 1:
            return self.backend.dual(phi, q, k, order)
        if not phi.analytic and k in (q, -q):
            raise NotClosed  # infinite, where a kink meets itself
        t = sympy.Dummy("k", real=True)
        return self.backend.dual(phi, q, t, 1).diff(t, order - 1).xreplace({t: k})

    def exp(self, value: sympy.Expr) -> sympy.Expr:
        return sympy.exp(value)

    def pieces_mean(
        self, phi: ScalarFunction, q: sympy.Expr, orders: tuple[int, int], n: int
    ) -> sympy.Expr:
        z = sympy.Dummy("z", real=True)
        scaled = sympy.sqrt(q)
        he = sympy.hermite_prob(2 * n, z)
        total = sympy.Integer(0)
        for piece in phi.pieces:
            left, right = (piece.expr.diff(X, i) if i else piece.expr for i in orders)
            both = without_decimals(left * right).xreplace({X: scaled * z})
            if not both.is_polynomial(z):
                raise NotClosed
            ends = piece.lower / scaled, piece.upper / scaled
            for (power,), factor in sympy.Poly(both * he, z).terms():
                total += factor * (_tail(power, ends[0]) - _tail(power, ends[1]))
        return total / (2 * q) ** n

    def _slope(self, mean: Callable[[sympy.Expr], sympy.Expr], q: sympy.Expr) -> sympy.Expr:
        t = sympy.Dummy("q", positive=True)
        return mean(t).diff(t).xreplace({t: q})


def _tail(power: int, start: sympy.Expr) -> sympy.Expr:
    """E z^power over z > start, z a standard normal number."""
    if start == sympy.oo:
        return sympy.Integer(0)
    if start == -sympy.oo:
        return sympy.factorial2(power - 1) if power % 2 == 0 else sympy.Integer(0)
    density = sympy.exp(-(start**2) / 2) / sympy.sqrt(2 * sympy.pi)
    if power == 0:
        return sympy.erfc(start / sympy.sqrt(2)) / 2
    first = start ** (power - 1) * density
    return first if power == 1 else first + (power - 1) * _tail(power - 2, start)


class ClosedBackend(SymbolicBackend):
    """Closed forms, and `NotClosed` where none is known."""

    def mean(self, phi: ScalarFunction, q: sympy.Expr, order: int = 0) -> sympy.Expr:
        return _closed(super().mean(phi, q, order))

    def dual(self, phi: ScalarFunction, q: sympy.Expr, k: sympy.Expr, order: int = 0) -> sympy.Expr:
        return _closed(super().dual(phi, q, k, order))

    def q_map(self, phi: ScalarFunction, q: sympy.Expr) -> sympy.Expr:
        return _closed(super().q_map(phi, q))

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: sympy.Expr,
        q2: sympy.Expr,
        k: sympy.Expr,
        order: int = 0,
    ) -> sympy.Expr:
        return _closed(super().cross_dual(phi, psi, q1, q2, k, order))


def _closed(mean: sympy.Expr) -> sympy.Expr:
    found = without_decimals(mean.doit())
    if found.has(LocalMap, sympy.zoo, sympy.nan, sympy.Integral):
        raise NotClosed
    return found
