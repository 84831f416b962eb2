"""Truncated power series in one variable, over any numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast


N = TypeVar("N", bound=Any)
"""The coefficients."""


@dataclasses.dataclass(frozen=True, eq=False)
class Series(Generic[N]):
    """a_0 + a_1 t + ... + a_order t^order; terms left out at the end are zero.

    Example:
        >>> (Series((1, 1), 3) * Series((1, 1), 3)).terms
        (1, 2, 1)
    """

    terms: tuple[N, ...]
    order: int

    @property
    def constant(self) -> N:
        """The value at t = 0."""
        return self.terms[0]

    @property
    def moves(self) -> bool:
        """Whether it depends on t."""
        return any(_is_not_zero(term) for term in self.terms[1:])

    def __add__(self, other: Series[N]) -> Series[N]:
        long, short = sorted((self.terms, other.terms), key=len, reverse=True)
        both = (a + b for a, b in zip(long, short, strict=False))
        return Series((*both, *long[len(short) :]), self.order)

    def __neg__(self) -> Series[N]:
        return Series(tuple(-term for term in self.terms), self.order)

    def __sub__(self, other: Series[N]) -> Series[N]:
        return self + -other

    def __mul__(self, other: Series[N]) -> Series[N]:
        count = min(self.order + 1, len(self.terms) + len(other.terms) - 1)
        return Series(
            tuple(_convolved(self.terms, other.terms, n) for n in range(count)), self.order
        )

    def __truediv__(self, other: Series[N]) -> Series[N]:
        first = other.constant
        if not other.moves:
            return Series(tuple(term / first for term in self.terms), self.order)
        found: list[N] = []
        for n in range(self.order + 1):
            own = self.terms[n] if n < len(self.terms) else zero(first)
            rest = sum(
                (other.terms[i] * found[n - i] for i in range(1, min(n + 1, len(other.terms)))),
                zero(first),
            )
            found.append(cast("N", (own - rest) / first))
        return Series(tuple(found), self.order)

    def shifted(self, constant: N) -> Series[N]:
        """The same with another value at t = 0."""
        return Series((constant, *self.terms[1:]), self.order)

    def polynomial(self, coefficients: Sequence[N]) -> Series[N]:
        """sum_m coefficients[m] self^m by Horner's rule."""
        total = Series((coefficients[-1],), self.order)
        for coefficient in reversed(coefficients[:-1]):
            total = total * self + Series((coefficient,), self.order)
        return total

    def root(self, sqrt: Callable[[N], N]) -> Series[N]:
        """The square root, where the value at t = 0 is positive."""
        first = sqrt(self.constant)
        found = [first]
        for n in range(1, self.order + 1 if self.moves else 1):
            own = self.terms[n] if n < len(self.terms) else zero(first)
            inner = sum((found[i] * found[n - i] for i in range(1, n)), zero(first))
            found.append(cast("N", (own - inner) / (2 * first)))
        return Series(tuple(found), self.order)


def zero(like: N) -> N:
    """The zero of the same numbers."""
    return cast("N", like * 0)


def _convolved(a: Sequence[N], b: Sequence[N], n: int) -> N:
    first, last = max(0, n - len(b) + 1), min(n, len(a) - 1)
    total = a[first] * b[n - first]
    for i in range(first + 1, last + 1):
        total = total + a[i] * b[n - i]
    return total


def _is_not_zero(term: object) -> bool:
    return term != 0
