"""The kernel rules of a network in float64, without its formulas, and what they read on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import sympy

from ..activations import ScalarFunction
from ..algebra import Backend, FloatBackend, FloatNumber, N, PairAlgebra, SecondMoments
from ..ir import Network
from ._digits import DigitsBackend
from ._formulas import Formulas
from ._program import SMALLEST, Number


Moments: TypeAlias = tuple[Number, Number, Number | None]
"""q value, NNGP and NTK."""


def has_jumps(network: Network) -> bool:
    """Whether an activation of the network jumps."""
    found = [node.layer.nonlinearity() for node in network]
    return any(phi is not None and phi.jumps(0) for phi in found)


class WholeFloats(FloatBackend):
    """Float64 in which no norm divides by a length that has lost digits."""

    def sqrt(self, value: FloatNumber) -> FloatNumber:
        if isinstance(value, float) and 0 < value < SMALLEST:
            raise ZeroDivisionError
        return super().sqrt(value)


class JumpWatch(WholeFloats):
    """Float64 that keeps the smallest 1 - |c| at which a function that jumps was read."""

    def __init__(self) -> None:
        super().__init__()
        self.gap = 1.0

    def dual(
        self, phi: ScalarFunction, q: FloatNumber, k: FloatNumber, order: int = 0
    ) -> FloatNumber:
        self._note(phi, q, q, k)
        return super().dual(phi, q, k, order)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: FloatNumber,
        q2: FloatNumber,
        k: FloatNumber,
        order: int = 0,
    ) -> FloatNumber:
        self._note(phi, q1, q2, k)
        self._note(psi, q1, q2, k)
        return super().cross_dual(phi, psi, q1, q2, k, order)

    def _note(self, phi: ScalarFunction, q1: FloatNumber, q2: FloatNumber, k: FloatNumber) -> None:
        size = math.sqrt(float(q1)) * math.sqrt(float(q2))
        if size and phi.jumps(0):
            gap = 1 - float(abs(k)) / size
            # Up to rounding float64 takes the two for one input.
            self.gap = min(self.gap, gap if gap > 4 * np.finfo(np.float64).eps else 0.0)


def float_moments(
    kernel: Formulas,
    numbers: Mapping[str, float],
    others: Mapping[sympy.Symbol, sympy.Expr],
    backend: FloatBackend | None = None,
) -> Moments:
    """q value, NNGP and NTK of the output from the kernel rules in floats.

    At |c| = 1 a formula is a limit: whether k / q comes out as 1, or a rounding below, decides
    between an infinite derivative and 1e8. The rules know that the two inputs are one. Nor do they
    hold the exponentials of a closed form, which overflow where their product does not.

    Arguments:
        kernel: the kernel, as it was derived.
        numbers: q and the cosines by name.
        others: values of the other symbols.
        backend: the numbers; float64 unless given.
    """
    network = kernel.network.subs(dict(others)) if others else kernel.network
    q, nngp, theta = _moments(kernel.probes, network, numbers, backend or WholeFloats())
    return float(q), float(nngp), None if theta is None else float(theta)


def digit_moments(
    network: Network, probes: tuple[str, ...], numbers: Mapping[str, sympy.Expr], dps: int
) -> Moments:
    """q value, NNGP and NTK of the output from the kernel rules in mpmath numbers.

    Arguments:
        network: the network, whose numbers are exact.
        probes: labels of the pairs that are followed.
        numbers: q and the cosines by name, exact.
        dps: digits wanted.
    """
    backend = DigitsBackend(dps)
    given = {name: backend.number(value) for name, value in numbers.items()}
    return _moments(probes, network, given, backend)


def _moments(
    probes: tuple[str, ...], network: Network, numbers: Mapping[str, N], backend: Backend[N]
) -> tuple[N, N, N | None]:
    algebra = PairAlgebra(backend, probes)
    zero = backend.number(0)
    q, c = numbers["q"], numbers["c"]
    s = numbers.get("s", zero)
    cosines = {"c": c, "s": s, "sc": s * c, "b": numbers.get("c_b", zero)}
    k = tuple(q * cosines[label] for label in probes)
    start = algebra.state_of(SecondMoments(q, k, tuple(zero for _ in k)), None)
    out = network.fold(algebra, start)[network.last].second
    return out.q, out.k[0], None if out.theta is None else out.theta[0]
