"""E phi(u)phi(v) as the covariance leaves the variance, for functions that bend.

With s = (u + v)/2 and r = (u - v)/2, which are independent with variances q - d/2 and d/2 at the
covariance q - d, the dual is the mean over r of H(r) = E_s phi(s + r)phi(s - r). H is a power
series in |r|: its even terms are means of derivatives of the pieces of phi, and all terms have a
part from |s - a| < |r| beside each kink a, where s + r and s - r lie on different pieces.
E |r|^j = d^(j/2) Gamma((j+1)/2)/sqrt(pi), so odd terms give half-integer powers of d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Generic

import sympy

from ...activations import ScalarFunction, X
from .._exact_numbers import without_decimals
from ._rates import Rates
from ._series import N, Series, zero


class KinkedDual(Generic[N]):
    """The dual of one function at variance q and covariance q - d, d a series that starts at t^2.

    Arguments:
        rates: Gaussian means over the coefficients.
        phi: a continuous function.
        q: the variance.
        d: by how much the covariance is smaller.
    """

    def __init__(self, rates: Rates[N], phi: ScalarFunction, q: N, d: Series[N]) -> None:
        self.rates, self.phi, self.q, self.d = rates, phi, q, d
        self.order = d.order
        self._one = Series((self._number(1),), self.order)

    def change(self) -> Series[N]:
        """The dual at q - d less that at q."""
        total = Series((zero(self.q),), self.order)
        beside = self._beside_kinks()
        scaled = Series((*self.d.terms[2:], *(zero(self.q),) * 2), self.order)  # d / t^2
        root = scaled.root(self.rates.backend.sqrt)
        power = self._one
        for j in range(self.order + 1):
            term = beside[j]
            if j % 2 == 0:
                term = term + self._smooth(j)
            raised = Series((*(zero(self.q),) * j, *power.terms), self.order)
            total = total + term * _cut(raised) * self._constant(_moment(j))
            power = power * root
        return total.shifted(zero(self.q))

    def _smooth(self, j: int) -> Series[N]:
        """E of the j-th derivative of phi(s + r)phi(s - r) in r, over j!, on the pieces."""
        total = Series((zero(self.q),), self.order)
        power = self._one
        for n in range((self.order - j) // 2 + 1):
            mean = zero(self.q)
            for i in range(j // 2 + 1):
                share = Fraction((-1) ** i * (1 if 2 * i == j else 2))
                share /= math.factorial(i) * math.factorial(j - i)
                mean = mean + self._number(share) * self.rates.pieces_mean(
                    self.phi, self.q, (j - i, i), n
                )
            factor = self._number(Fraction((-1) ** n, 2**n * math.factorial(n)))
            total = total + power * Series((mean * factor,), self.order)
            power = power * self.d
        return total

    def _beside_kinks(self) -> list[Series[N]]:
        """Coefficients of H in |r| from where s + r and s - r lie beside a kink."""
        nothing = Series((zero(self.q),), self.order)
        found = [nothing] * (self.order + 1)
        for place, left, right in _kinks(self.phi, self.order):
            density = self._density(place)
            below = [self._number(value) for value in left]
            above = [self._number(value) for value in right]
            for i in range(self.order):
                for j in range(self.order - i):
                    for n in range(self.order - i - j):
                        weight = self._three_ranges(below, above, i, j, n)
                        term = density[n] * Series((weight,), self.order)
                        found[i + j + n + 1] = found[i + j + n + 1] + term
        return found

    def _three_ranges(self, below: Sequence[N], above: Sequence[N], i: int, j: int, n: int) -> N:
        """Of (y + r)^i (y - r)^j y^n: what the pieces are in truth less what they are taken as."""
        left, middle, right = (self._number(_integral(i, j, n, *ends)) for ends in _RANGES)
        return (
            above[i] * below[j] * middle - below[i] * below[j] * left - above[i] * above[j] * right
        )

    def _density(self, place: sympy.Expr) -> list[Series[N]]:
        """Taylor coefficients at the kink of the density of s, series in t."""
        a = self._constant(place)
        half = self._constant(Fraction(1, 2))
        w = self._one / (self._constant_of(self.q) - self.d * half)
        start = w.shifted(zero(self.q))
        exponent = a * a * half
        rate = exponent.constant
        falls = [
            self._number(Fraction((-1) ** n, math.factorial(n))) * _power(rate, n, self._number(1))
            for n in range(self.order // 2 + 1)
        ]
        at = self.rates.exp(-(rate * w.constant))
        first = start.polynomial(falls) * self._constant_of(at)
        scale = w * self._constant(1 / (2 * sympy.pi))
        found = [first * scale.root(self.rates.backend.sqrt)]
        before = Series((zero(self.q),), self.order)
        for n in range(self.order):
            # The density p has p' = -x w p.
            following = -(w * (a * found[-1] + before)) * self._constant(Fraction(1, n + 1))
            before = found[-1]
            found.append(following)
        return found

    def _number(self, value: object) -> N:
        return self.rates.backend.number(value)

    def _constant(self, value: object) -> Series[N]:
        return Series((self._number(value),), self.order)

    def _constant_of(self, value: N) -> Series[N]:
        return Series((value,), self.order)


_RANGES = ((-1, 0), (-1, 1), (0, 1))


def _power(base: N, n: int, one: N) -> N:
    return base**n if n else one


def _cut(series: Series[N]) -> Series[N]:
    return Series(series.terms[: series.order + 1], series.order)


def _moment(j: int) -> sympy.Expr:
    """E |r|^j for variance 1/2."""
    return sympy.gamma(sympy.Rational(j + 1, 2)) / sympy.sqrt(sympy.pi)


@lru_cache(maxsize=4096)
def _integral(i: int, j: int, n: int, low: int, high: int) -> Fraction:
    """The integral of (y + 1)^i (y - 1)^j y^n."""
    total = Fraction(0)
    for a in range(i + 1):
        for b in range(j + 1):
            power = a + b + n + 1
            share = math.comb(i, a) * math.comb(j, b) * (-1) ** (j - b)
            total += Fraction(share * (high**power - low**power), power)
    return total


@lru_cache(maxsize=256)
def _kinks(
    phi: ScalarFunction, count: int
) -> tuple[tuple[sympy.Expr, list[sympy.Expr], list[sympy.Expr]], ...]:
    """Where pieces meet, and Taylor coefficients of the pieces on both sides."""
    found = []
    for left, right in zip(phi.pieces, phi.pieces[1:], strict=False):
        sides = []
        for piece in (left, right):
            derivatives = [piece.expr.diff(X, n) if n else piece.expr for n in range(count + 1)]
            sides.append(
                [
                    without_decimals(derivative.subs(X, right.lower)) / math.factorial(n)
                    for n, derivative in enumerate(derivatives)
                ]
            )
        found.append((right.lower, sides[0], sides[1]))
    return tuple(found)
