"""Eigenvalues of a kernel on the sphere, one for each degree of spherical harmonics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import mpmath
import numpy as np

from ..._errors import KernelcError, UnsupportedError, shown as shown_value
from .._evaluate import evaluated
from .._formulas import Formulas
from .._program import DOUBLE
from ._fixed_points import Value, shown
from ._layer_map import check_pairs


Which = Literal["nngp", "ntk"]

_NODES, _MOST_NODES = 64, 2048
# Two rules agree to this much of K(1), and so small an eigenvalue is 0.
_AGREE, _ROUNDING = 1e-13, 1e-14
_LARGEST_DEGREE = 1000


class Eigenvalue(NamedTuple):
    """An eigenvalue of a kernel on the sphere.

    Arguments:
        degree: of the spherical harmonics.
        value: for the uniform distribution of inputs.
        multiplicity: how many harmonics of that degree there are.
    """

    degree: int
    value: Value
    multiplicity: int


def sphere_eigenvalues(
    kernel: Formulas,
    dimension: int,
    count: int,
    which: Which,
    given: Mapping[str, Any],
    dps: int,
) -> tuple[Eigenvalue, ...]:
    """The eigenvalues of degrees 0, ..., count - 1 on the sphere in R^dimension (Funk-Hecke)."""
    _check(kernel, dimension, count, which)
    found = (_in_floats if dps <= DOUBLE else _in_digits)(
        kernel, dimension, count, which, given, dps
    )
    return tuple(Eigenvalue(k, value, multiplicity(dimension, k)) for k, value in enumerate(found))


def multiplicity(dimension: int, degree: int) -> int:
    """Spherical harmonics of a degree: C(d + k - 1, k) - C(d + k - 3, k - 2).

    Example:
        >>> [multiplicity(3, k) for k in range(4)]
        [1, 3, 5, 7]
    """
    lower = math.comb(dimension + degree - 3, degree - 2) if degree > 1 else 0
    return math.comb(dimension + degree - 1, degree) - lower


def gegenbauer(dimension: int, count: int, t: Any) -> Iterator[Any]:
    """P_0(t), ..., P_(count - 1)(t), orthogonal on the sphere in R^dimension, P_k(1) = 1.

    Example:
        >>> [float(p) for p in gegenbauer(3, 3, 0.5)]
        [1.0, 0.5, -0.125]
    """
    before, now = 0 * t + 1, t
    yield before
    for k in range(1, count):
        yield now
        after = ((2 * k + dimension - 2) * t * now - k * before) / (k + dimension - 2)
        before, now = now, after


def _in_floats(
    kernel: Formulas, dimension: int, count: int, which: Which, given: Mapping[str, Any], dps: int
) -> list[Value]:
    """Gauss-Legendre rules in the angle, in which a kernel with kinks is smooth on [0, pi]."""
    size = float(getattr(evaluated(kernel, {**given, "c": 1.0}, dps), which))
    nodes = max(_NODES, 2 * count)
    before = None
    while nodes <= _MOST_NODES:
        x, w = np.polynomial.legendre.leggauss(nodes)
        angle = (x + 1) * math.pi / 2
        t = np.cos(angle)
        values = getattr(evaluated(kernel, {**given, "c": t}, dps), which)
        measure = w * np.sin(angle) ** (dimension - 2)
        weights = measure * values / measure.sum()
        found = np.array([float(weights @ p) for p in gegenbauer(dimension, count, t)])
        if before is not None and np.abs(found - before).max() <= _AGREE * size:
            return [float(x) if abs(x) > _ROUNDING * size else 0.0 for x in found]
        before, nodes = found, nodes * 2
    raise UnsupportedError(
        where=kernel.network.name,
        found=f"eigenvalues that do not settle with {_MOST_NODES:,} nodes",
        law="eigenvalues are integrals over the angle between two inputs",
        remedy="ask for fewer degrees, or take a kernel that changes more slowly with the angle",
    )


def _in_digits(
    kernel: Formulas, dimension: int, count: int, which: Which, given: Mapping[str, Any], dps: int
) -> list[Value]:
    known: dict[mpmath.mpf, mpmath.mpf] = {}

    def values(angle: mpmath.mpf) -> mpmath.mpf:
        if angle not in known:
            cosine = mpmath.nstr(mpmath.cos(angle), dps + 15)
            found = getattr(evaluated(kernel, {**given, "c": cosine}, dps + 5), which)
            known[angle] = found._to_mpmath(mpmath.mp.prec) * measure(angle)
        return known[angle]

    def measure(angle: mpmath.mpf) -> mpmath.mpf:
        return mpmath.sin(angle) ** (dimension - 2)

    def integral(k: int) -> mpmath.mpf:
        return mpmath.quad(
            lambda a: values(a) * list(gegenbauer(dimension, k + 1, mpmath.cos(a)))[k],
            [0, mpmath.pi],
            method="gauss-legendre",
        )

    with mpmath.workdps(dps + 5):
        total = mpmath.quad(measure, [0, mpmath.pi], method="gauss-legendre")
        found = [integral(k) / total for k in range(count)]
        least = mpmath.mpf(10) ** -dps * max(abs(x) for x in found)
        return [shown(x if abs(x) > least else 0 * x, dps) for x in found]


def _check(kernel: Formulas, dimension: object, count: object, which: object) -> None:
    where = kernel.network.name
    check_pairs(kernel)
    if type(dimension) is not int or dimension < 2:
        raise KernelcError(
            where=where,
            found=f"dimension = {shown_value(dimension)}",
            law="inputs lie on the sphere in a space of 2 dimensions or more",
            remedy="pass the number of input features",
        )
    if type(count) is not int or not 1 <= count <= _LARGEST_DEGREE:
        raise KernelcError(
            where=where,
            found=f"count = {shown_value(count)}",
            law="there is an eigenvalue for each degree 0, ..., count - 1",
            remedy=f"pass a number from 1 to {_LARGEST_DEGREE}",
        )
    if which not in ("nngp", "ntk"):
        raise KernelcError(
            where=where,
            found=f"of = {shown_value(which)}",
            law="eigenvalues are those of the NNGP or of the NTK",
            remedy='pass "nngp" or "ntk"',
        )
    jumps = [
        phi
        for node in kernel.network
        if (phi := node.layer.nonlinearity()) is not None and phi.jumps(0)
    ]
    if which == "ntk" and (kernel.theta is None or jumps):
        raise UnsupportedError(
            where=where,
            found="an NTK that is infinite for an input and itself"
            if jumps
            else "a network without an NTK",
            law="eigenvalues are integrals of the kernel over all pairs of inputs",
            remedy='ask for those of the NNGP: of="nngp"',
        )
