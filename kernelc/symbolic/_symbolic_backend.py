"""SymPy expressions as the numbers of the kernel rules."""

from __future__ import annotations

import itertools
from fractions import Fraction

import sympy

from .. import gaussian
from ..activations import ScalarFunction
from ..algebra import Backend
from ..ir import Real
from ._exact_numbers import exact
from ._maps import (
    CMap,
    Cross,
    Dual,
    LocalMap,
    Mean,
    QMap,
    closed_dual,
    closed_q_map,
    constant,
    identifier,
    local_map,
)
from ._standard_forms import standard_q_map, written_dual, written_mean


# A shaped activation has Q(1) = 1 to about 1e-15; anything this close was meant to be 1.
_UNIT = 1e-9


class SymbolicBackend(Backend[sympy.Expr]):
    """Expressions; closed forms where they exist, named local maps elsewhere.

    Each distinct activation gets a label, numbered when a name returns with other constants.

    Arguments:
        explicit: whether closed forms are written out; otherwise every local map has its name.
    """

    def __init__(self, explicit: bool = True) -> None:
        self.explicit = explicit
        self.labels: dict[ScalarFunction, str] = {}
        self._unit: dict[ScalarFunction, tuple[bool, bool]] = {}
        self._at_zero: dict[ScalarFunction, sympy.Expr] = {}
        self._closed_q: dict[tuple[ScalarFunction, sympy.Expr], sympy.Expr | None] = {}

    def number(self, value: Real | Fraction) -> sympy.Expr:
        if isinstance(value, Fraction):
            return sympy.Rational(value.numerator, value.denominator)
        if isinstance(value, float):
            return exact(value)
        return sympy.sympify(value)

    def sqrt(self, value: sympy.Expr) -> sympy.Expr:
        return sympy.sqrt(value)

    def is_zero(self, value: sympy.Expr) -> bool:
        return value.is_zero is True

    def mean(self, phi: ScalarFunction, q: sympy.Expr, order: int = 0) -> sympy.Expr:
        if q.is_zero:  # an odd function that jumps there is not zero
            return self._constant(phi, order)
        if phi.parity == ("even" if order else "odd"):
            return sympy.Integer(0)
        if phi.symbols:
            return written_mean(phi, q, order)
        if q == 1 and order == 0 and self._normalized(phi)[1]:
            return sympy.Integer(0)
        return local_map(Mean, phi, self._label(phi), order)(q)

    def dual(self, phi: ScalarFunction, q: sympy.Expr, k: sympy.Expr, order: int = 0) -> sympy.Expr:
        if q.is_zero:
            return self._constant(phi, order) ** 2
        if phi.symbols:
            return written_dual(phi, q, k, order)
        if q == 1 and self._normalized(phi)[0]:
            return local_map(CMap, phi, self._label(phi), order)(k)
        closed = closed_dual(phi, q, k, order) if self.explicit else None
        return closed if closed is not None else local_map(Dual, phi, self._label(phi), order)(q, k)

    def q_map(self, phi: ScalarFunction, q: sympy.Expr) -> sympy.Expr:
        number = q.is_number
        if q.is_zero:
            return self._constant(phi) ** 2
        if phi.symbols:
            return written_dual(phi, q, q)
        if q == 1 and self._normalized(phi)[0]:
            return sympy.Integer(1)
        key = (phi, q)
        if not self.explicit:
            form = standard_q_map(phi) if number else None
            named = local_map(QMap, phi, self._label(phi))(q)
            return named if form is None else form.explicit(q, q)
        if key not in self._closed_q:
            self._closed_q[key] = closed_q_map(phi, q)
        closed = self._closed_q[key]
        return closed if closed is not None else local_map(QMap, phi, self._label(phi))(q)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: sympy.Expr,
        q2: sympy.Expr,
        k: sympy.Expr,
        order: int = 0,
    ) -> sympy.Expr:
        if q1.is_zero or q2.is_zero:
            return self.mean(phi, q1, order) * self.mean(psi, q2, order)
        for function in (phi, psi):
            function.require_numbers("the covariance of two activations")
        label = f"{self._label(phi)}_{self._label(psi)}"
        return local_map(Cross, phi, label, order, psi)(q1, q2, k)

    def finish(self, expr: sympy.Expr) -> sympy.Expr:
        """Means in closed form where known: they are named only while they may cancel."""
        means = [f for f in expr.atoms(LocalMap) if isinstance(f, Mean)]
        known = {f: closed for f in means if (closed := f.closed()) is not None}
        return expr.xreplace(known) if known else expr

    def _constant(self, phi: ScalarFunction, order: int = 0) -> sympy.Expr:
        """What becomes of a value that is zero; its slope meets an NTK, or a value, of zero."""
        if order:
            return sympy.Integer(0)
        if phi not in self._at_zero:
            self._at_zero[phi] = constant(phi)
        return self._at_zero[phi]

    def _normalized(self, phi: ScalarFunction) -> tuple[bool, bool]:
        """Whether Q(1) = 1, and whether the mean at q = 1 vanishes."""
        if phi.symbols:
            return False, False
        if phi not in self._unit:
            moments = gaussian.moments(phi)
            unit = abs(moments.second - 1) < _UNIT
            self._unit[phi] = (unit, unit and abs(moments.mean) < _UNIT)
        return self._unit[phi]

    def _label(self, phi: ScalarFunction) -> str:
        if phi not in self.labels:
            # Labels are names of functions in generated code, where "a b" and "a_b" are one.
            taken = {identifier(label) for label in self.labels.values()}
            numbered = (f"{phi.name}{number}" for number in itertools.count(2))
            names = itertools.chain([phi.name], numbered)
            self.labels[phi] = next(name for name in names if identifier(name) not in taken)
        return self.labels[phi]
