"""The kernel rules for two inputs of unlike q values, in SymPy expressions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import sympy

from ..._errors import UnsupportedError
from ...activations import ScalarFunction, named
from ...algebra import Backend
from .._exact_numbers import without_decimals
from .._maps import Mean
from .._symbolic_backend import SymbolicBackend
from ._mixed_dual import mixed_dual


_IDENTITY = named("identity")


@dataclasses.dataclass(frozen=True)
class PerInput:
    """A number of each of the two inputs, such as its q value.

    Example:
        >>> 2 * PerInput(1, 3) + PerInput(1, 1)
        PerInput(left=3, right=7)
    """

    left: sympy.Expr
    right: sympy.Expr

    def apply(self, function: Callable[[sympy.Expr], sympy.Expr]) -> PerInput:
        """The image of each."""
        return PerInput(function(self.left), function(self.right))

    def __add__(self, other: Entry) -> PerInput:
        other = _per_input(other)
        return PerInput(self.left + other.left, self.right + other.right)

    def __mul__(self, other: Entry) -> PerInput:
        other = _per_input(other)
        return PerInput(self.left * other.left, self.right * other.right)

    def __truediv__(self, other: Entry) -> PerInput:
        other = _per_input(other)
        return PerInput(self.left / other.left, self.right / other.right)

    def __neg__(self) -> PerInput:
        return PerInput(-self.left, -self.right)

    def __sub__(self, other: Entry) -> PerInput:
        return self + -_per_input(other)

    def __rsub__(self, other: Entry) -> PerInput:
        return _per_input(other) - self

    def __rtruediv__(self, other: Entry) -> PerInput:
        return _per_input(other) / self

    __radd__, __rmul__ = __add__, __mul__


Entry: TypeAlias = PerInput | sympy.Expr


def _per_input(value: Entry) -> PerInput:
    return value if isinstance(value, PerInput) else PerInput(value, value)


class TwoInputBackend(Backend[Entry]):
    """q values and means per input, covariances as expressions.

    Means without a closed form are `MixedDual`s, which can be differentiated.
    """

    def __init__(self) -> None:
        self._one = SymbolicBackend()

    @property
    def exchangeable(self) -> bool:
        return False

    def number(self, value: object) -> Entry:
        if isinstance(value, PerInput):
            return value
        known = value if isinstance(value, float | Fraction) else sympy.sympify(value)
        return self._one.number(known)

    def sqrt(self, value: Entry) -> Entry:
        return value.apply(sympy.sqrt) if isinstance(value, PerInput) else sympy.sqrt(value)

    def is_zero(self, value: Entry) -> bool:
        both = _per_input(value)
        return both.left.is_zero is True and both.right.is_zero is True

    def outer(self, a: Entry, b: Entry) -> Entry:
        return _per_input(a).left * _per_input(b).right

    def mean(self, phi: ScalarFunction, q: Entry, order: int = 0) -> Entry:
        def one(value: sympy.Expr) -> sympy.Expr:
            found = self._one.mean(phi, value, order).doit()
            if order == 1 and found.has(Mean):  # E phi'(u) v' for the identity of v
                return mixed_dual(phi, _IDENTITY, phi.name, (1, 1))(value, value, value)
            return without_decimals(found)

        return _per_input(q).apply(one)

    def q_map(self, phi: ScalarFunction, q: Entry) -> Entry:
        def one(value: sympy.Expr) -> sympy.Expr:
            found = self._one.q_map(phi, value).doit()
            named = (
                not found.has(sympy.Function) or phi.closed_dual(value, value, value) is not None
            )
            return without_decimals(found) if named else self._named(phi, phi)(value, value, value)

        return _per_input(q).apply(one)

    def dual(self, phi: ScalarFunction, q: Entry, k: Entry, order: int = 0) -> Entry:
        if isinstance(k, PerInput):
            return self.q_map(phi, k)
        both = _per_input(q)
        closed = phi.closed_dual(both.left, both.right, k)
        if closed is not None:
            return without_decimals(closed)
        return self._named(phi, phi)(both.left, both.right, k)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: Entry,
        q2: Entry,
        k: Entry,
        order: int = 0,
    ) -> Entry:
        first, second = _per_input(q1), _per_input(q2)
        named = self._named(phi, psi)
        if isinstance(k, PerInput):
            return PerInput(
                named(first.left, second.left, k.left), named(first.right, second.right, k.right)
            )
        if k == 0:
            raise UnsupportedError(
                where=phi.name,
                found="the mean of two functions of independent values that share weights",
                law="derivatives of this mean in q values have no rule",
                remedy="put a Dense layer on one of the branches",
            )
        return named(first.left, second.right, k)

    def _named(self, phi: ScalarFunction, psi: ScalarFunction) -> type[sympy.Function]:
        names = dict.fromkeys((phi.name, psi.name))
        return mixed_dual(phi, psi, "_".join(names))
