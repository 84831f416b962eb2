"""Derivatives of Gaussian means in their variances, which no kernel rule asks for."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, cast

import mpmath
import sympy
from numpy.polynomial.hermite_e import hermeval

from ... import gaussian
from ...activations import ScalarFunction
from ...algebra import Backend, FloatBackend
from .._exact_numbers import exact
from .._maps import LocalMap
from .._symbolic_backend import SymbolicBackend
from ._digits import DigitsBackend
from ._series import N


class Rates(ABC, Generic[N]):
    """Gaussian means and their derivatives in variances, over the numbers of a backend.

    The derivative of E f(u, v) in the variance of u is E f_uu(u, v) / 2 (the heat equation).
    """

    @property
    @abstractmethod
    def backend(self) -> Backend[N]:
        """The numbers."""

    @abstractmethod
    def same(self, k: N, q: N) -> bool:
        """Whether the covariance is that of an input with itself."""

    @abstractmethod
    def q_slope(self, phi: ScalarFunction, q: N) -> N:
        """Q'(q), the derivative of E phi(u)^2 in the variance of u."""

    @abstractmethod
    def mean_slope(self, phi: ScalarFunction, q: N, order: int) -> N:
        """The derivative of E phi^(order)(u) in the variance of u."""

    @abstractmethod
    def cross(
        self, phi: ScalarFunction, psi: ScalarFunction, moments: tuple[N, N, N], m: int, n: int
    ) -> N:
        """E phi^(m)(u) psi^(n)(v) at variances q1, q2 and covariance k."""

    def dual(self, phi: ScalarFunction, q: N, k: N, order: int) -> N:
        """E phi^(order)(u) phi^(order)(v)."""
        return self.backend.dual(phi, q, k, order)


class FloatRates(Rates[float]):
    """In float64."""

    def __init__(self) -> None:
        self._floats = FloatBackend()

    @property
    def backend(self) -> Backend[float]:
        return cast("Backend[float]", self._floats)  # no number here is an array

    def same(self, k: float, q: float) -> bool:
        return math.isclose(k, q, rel_tol=1e-14, abs_tol=0)

    def q_slope(self, phi: ScalarFunction, q: float) -> float:
        if phi.homogeneity is not None:
            return phi.homogeneity * self.backend.q_map(phi, q) / q
        root = math.sqrt(q)
        known = self._floats.moments(phi, q)
        found = known if isinstance(known, gaussian.Moments) else gaussian.moments(phi, root)
        return found.stein / root

    def mean_slope(self, phi: ScalarFunction, q: float, order: int) -> float:
        n = order + 2
        z, w = gaussian.gaussian_rule(phi, math.sqrt(q), 0.0)
        values = phi.numpy(0)(math.sqrt(q) * z) * hermeval(z, [0.0] * n + [1.0])
        return float(w @ values) / (2 * q ** (n / 2))

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[float, float, float],
        m: int,
        n: int,
    ) -> float:
        q1, q2, k = moments
        return gaussian.cross_dual(phi, psi, q1, q2, k, (m, n))


class DigitsRates(Rates[mpmath.mpf]):
    """In mpmath numbers of `dps` digits."""

    def __init__(self, dps: int) -> None:
        self._digits = DigitsBackend(dps)

    @property
    def backend(self) -> DigitsBackend:
        return self._digits

    def same(self, k: mpmath.mpf, q: mpmath.mpf) -> bool:
        return abs(k - q) <= q * mpmath.mpf(10) ** (1 - self.backend.dps)

    def q_slope(self, phi: ScalarFunction, q: mpmath.mpf) -> mpmath.mpf:
        if phi.homogeneity is not None:
            return phi.homogeneity * self.backend.q_map(phi, q) / q
        if phi.analytic:  # E (phi^2)'' / 2, two short sums
            return self.dual(phi, q, q, 1) + self.cross(phi, phi, (q, q, q), 2, 0)
        root = mpmath.sqrt(q)
        return gaussian.moments_mp(phi, root, 0, self.backend.dps).stein / root

    def mean_slope(self, phi: ScalarFunction, q: mpmath.mpf, order: int) -> mpmath.mpf:
        n = order + 2
        coefficient = gaussian.hermite_coefficients_mp(phi, q, n + 1, self.backend.dps)[n]
        return coefficient * mpmath.sqrt(mpmath.factorial(n)) / (2 * mpmath.sqrt(q) ** n)

    def cross(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        moments: tuple[mpmath.mpf, mpmath.mpf, mpmath.mpf],
        m: int,
        n: int,
    ) -> mpmath.mpf:
        return self.backend.cross(phi, psi, moments, (m, n))


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
        if not phi.analytic:
            raise NotClosed  # derivatives of order 2 are infinite where a kink meets itself
        t = sympy.Dummy("k", real=True)
        return self.backend.dual(phi, q, t, 1).diff(t, order - 1).xreplace({t: k})

    def _slope(self, mean: Callable[[sympy.Expr], sympy.Expr], q: sympy.Expr) -> sympy.Expr:
        t = sympy.Dummy("q", positive=True)
        return mean(t).diff(t).xreplace({t: q})


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
    found = mean.doit()
    found = found.xreplace({f: exact(float(f)) for f in found.atoms(sympy.Float)})
    if found.has(LocalMap, sympy.zoo, sympy.nan, sympy.Integral):
        raise NotClosed
    return found
