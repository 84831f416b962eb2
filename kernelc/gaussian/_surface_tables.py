"""Tables of duals over two q values and an angle, and what they are measured to keep."""

from __future__ import annotations

import dataclasses
import math
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._angle import angle
from ._dual import dual
from ._moments import moments
from ._pair import Number
from ._quadrature import independent_rule
from ._series import basis


# What a table must keep, of n n'.
_ALLOWED = 1e-10
_TRIED = 6
# Two-dimensional quadrature of steeper functions takes too long to check every table with it.
_STEEPEST = 20.0


@dataclasses.dataclass(frozen=True)
class Axes:
    """x in [-1, 1] for deviations σ in [0, largest], and for angles in [0, π/2].

    An activation that bends at the scale `length` of its input gives functions of σ that are
    analytic in log(1 + σ/length), and of the angle that are analytic and even in
    asinh(θ largest/length): from θ = length/largest on they depend on log θ.

    Arguments:
        largest: the largest deviation.
        length: the scale of the activation's input.
    """

    largest: float
    length: float

    @property
    def layer(self) -> float:
        """The angle below which the kernel at the largest deviation is flat."""
        return self.length / self.largest

    def deviations(self, x: np.ndarray) -> np.ndarray:
        """The deviations at x."""
        return self.length * np.expm1(math.log1p(1 / self.layer) * (x + 1) / 2)

    def of_deviation(self, deviation: Number) -> np.ndarray | jax.Array:
        """x of deviations: arrays of JAX, or floats."""
        scale = 2 / math.log1p(1 / self.layer)
        xp: ModuleType = np if isinstance(deviation, float) else jnp
        return xp.clip(scale * xp.log1p(deviation / self.length) - 1, -1, 1)

    @property
    def _widest(self) -> float:
        return math.asinh(math.pi / (2 * self.layer))

    def angles(self, x: np.ndarray) -> np.ndarray:
        """The angles at x."""
        return self.layer * np.sinh(self._widest * np.sqrt((x + 1) / 2))

    def of_angle(self, theta: np.ndarray) -> np.ndarray:
        """x of angles, arrays of NumPy."""
        return 2 * (np.arcsinh(theta / self.layer) / self._widest) ** 2 - 1

    def of_gap(self, gap: jax.Array) -> jax.Array:
        """x of gaps in [0, 1], arrays of JAX."""
        part = jnp.arcsinh(angle(gap) * (1 / self.layer)) * (1 / self._widest)
        return 2 * part * part - 1


@dataclasses.dataclass(frozen=True)
class Lines:
    """Functions of one deviation σ, Chebyshev coefficients in the variable of `Axes`.

    Arguments:
        slope: of log √(E φ'(σz)²/σ^(2 power)).
        size: of log √(E (φ(σz) - φ(0))²/σ^(2 power + 2)).
        mean: of E (φ(σz) - φ(0)) over the root of its mean square.
        mean_slope: of E φ'(σz) over the root of E φ'(σz)².
        power: E φ'(σz)² goes with σ^(2 power) as σ -> 0.
    """

    slope: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    mean_slope: np.ndarray
    power: int

    @property
    def all(self) -> tuple[np.ndarray, ...]:
        """The four series."""
        return self.slope, self.size, self.mean, self.mean_slope

    @property
    def tails(self) -> np.ndarray:
        """The last coefficients of each."""
        return np.array([np.abs(series[-3:]).max() for series in self.all])


@dataclasses.dataclass(frozen=True)
class Surface:
    """Duals on a range of deviations, (angles, deviations, deviations) Chebyshev coefficients.

    With n(σ)² = E φ'(σz)², c = cos θ >= 0 and the sign that of the correlation,
    E φ'φ' = n n' (even ± odd), and the same of the mean slope between c and 1,
    (K(1) - K(c))/(σ σ' (1 - c)). The parts are even and odd in c; None for one that is 0.

    Arguments:
        axes: the variables.
        lines: functions of one deviation.
        slopes: coefficients of E φ'φ', its even and its odd part.
        drops: coefficients of the mean slope, for the even part of φ' (the odd one of K), and
            for the odd part.
        apart: E (φ(σz) - φ(σ'z))²/(m m' (σ - σ')²), m(σ) = n(σ)/σ^power, without an angle.
        odd: E of the product of the odd parts of φ(σz) and φ(σ'z), over n n' σ σ'.
        error: the largest error measured at deviations and angles the fit has not seen, relative
            to n n'.
    """

    axes: Axes
    lines: Lines
    slopes: tuple[np.ndarray | None, np.ndarray | None]
    drops: tuple[np.ndarray | None, np.ndarray | None]
    apart: np.ndarray
    odd: np.ndarray
    error: float = math.inf

    @property
    def sizes(self) -> tuple[int, int]:
        """How many angles and deviations."""
        found = next(part for part in self.slopes if part is not None)
        return found.shape[0], found.shape[1]

    @property
    def tail(self) -> float:
        """The largest of the last coefficients along each axis, of the largest one."""
        tables = [t for t in (*self.slopes, *self.drops) if t is not None]
        whole = max(float(np.abs(t).max()) for t in tables)
        ends = [part for t in tables for part in (t[-2:], t[:, -2:])]
        last = max(float(np.abs(part).max()) for part in ends) / whole
        flat = [np.abs(t[-2:]).max() / max(np.abs(t).max(), 1e-300) for t in (self.apart, self.odd)]
        return max(last, *map(float, flat))


def certified(phi: ScalarFunction, tables: Surface) -> Surface:
    """The tables with their error against quadratures of their own.

    At c = 1, 0 and -1 slope duals follow from integrals over one variable; at other angles from
    those over two, for deviations where these are quick.

    Raises:
        UnsupportedError: an error beyond rounding.
    """
    largest, length = tables.axes.largest, tables.axes.length
    draw = np.random.default_rng(0)
    one = tables.sizes[1] == 1
    errors = []
    for _ in range(2):
        deviation = largest if one else largest * float(draw.random())
        exact = moments(phi, deviation, rule=independent_rule)
        found = [slope_dual(tables, deviation, deviation, c) for c in (1.0, 0.0)]
        right = (exact.slope_second, exact.slope**2)
        errors += [abs(a - b) / exact.slope_second for a, b in zip(found, right, strict=True)]
    if not one or largest <= _STEEPEST * length:
        for _ in range(_TRIED):
            theta = math.pi / 2 * 10.0 ** (-4 * float(draw.random()))
            theta = theta if draw.random() < 0.5 else math.pi - theta
            sides = min(largest, _STEEPEST * length) * (1 - draw.random(2) ** 2)
            a, b = (largest, largest) if one else map(float, sides)
            gap = 2 * math.sin(theta / 2) ** 2
            exact = dual(phi, a * a, b * b, 0.0, 1, one_minus_c=gap)
            scale = math.sqrt(slope_dual(tables, a, a, 1.0) * slope_dual(tables, b, b, 1.0))
            errors.append(abs(slope_dual(tables, a, b, math.cos(theta)) - exact) / scale)
    error = max(errors)
    if not error <= _ALLOWED:
        raise UnsupportedError(
            where=phi.name,
            found=f"a table for q values up to {largest**2:.3g} that is off by {error:.0e}",
            law=f"tables are compared with other quadratures, to {_ALLOWED:.0e}",
            remedy="keep q values near 1, or use a less steep activation",
        )
    return dataclasses.replace(tables, error=error)


def slope_dual(tables: Surface, a: float, b: float, c: float) -> float:
    """E φ'(a z) φ'(b z') at one correlation, in NumPy."""
    count, lines = tables.sizes[1], tables.lines
    rows = [np.ones(1)] * 2
    if count > 1:
        rows = [basis(np.asarray(tables.axes.of_deviation(d)), count) for d in (a, b)]
    scale = math.prod(
        math.exp(float(row @ lines.slope)) * d**lines.power
        for row, d in zip(rows, (a, b), strict=True)
    )
    x = tables.axes.of_angle(np.asarray(math.acos(abs(c))))
    total = 0.0
    for sign, table in zip((1.0, math.copysign(1.0, c)), tables.slopes, strict=True):
        if table is not None:
            series = np.einsum("kab,a,b->k", table, *rows)
            total += sign * float(basis(x, len(table)) @ series)
    return scale * total
