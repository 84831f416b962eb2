"""Tables of a smooth activation's duals over two q values and an angle: sampled and fitted."""

from __future__ import annotations

import functools
import math

import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._nodes import legendre
from ._series import basis, chebyshev_coefficients, points
from ._smoothing import Smoothing
from ._surface_tables import Axes, Lines, Surface, certified


# The activation's scale, in steps of the rule that resolves it.
_LENGTH = 4.0
_ANGLES = (24, 32, 48, 64, 96, 128, 192)
_DEVIATIONS = (16, 24, 32, 48, 64, 96, 144)
_TAIL = 2e-13
_TAIL_OF_ALL = 1e-12
# φ(σz) - φ(0) may cancel for small σ, as log(1 + x²) does.
_NOISE = 5e-12
# A part of a kernel this small, of the whole, is rounding.
_NOTHING = 1e-13
# Nodes between two angles, for integrals over the gap.
_BETWEEN = 12
# Deviations that show how many angles are needed.
# Deviations this close, relative, are subtracted before squaring.
_CLOSE = 0.5
_PROBES = (1.0, 0.3, 0.05)


@functools.lru_cache(maxsize=64)
def surface(phi: ScalarFunction, largest_q: float, known: bool = False) -> Surface:
    """The tables for q values up to the largest, or for that one alone where it is `known`.

    Raises:
        UnsupportedError: an activation too steep to be resolved, or tables that do not settle.
        ActivationError: no finite second moment.
    """
    largest = math.sqrt(largest_q)
    smoothing = Smoothing(phi, largest)
    axes = Axes(largest, _LENGTH * smoothing.step * largest)
    angles = _angle_count(phi, smoothing, axes)
    if known:
        return certified(phi, _sampled(phi, smoothing, axes, angles, np.array([largest])))
    for count in _DEVIATIONS:
        deviations = axes.deviations(points(count))
        lines = _lines(phi, smoothing, axes, deviations)
        if all(lines.tails <= np.array([_TAIL, _NOISE, _NOISE, _TAIL])):
            found = _sampled(phi, smoothing, axes, angles, deviations)
            if found.tail <= _TAIL_OF_ALL:
                return certified(phi, found)
    raise _unsettled(phi, largest_q, f"{_DEVIATIONS[-1]} q values")


def _angle_count(phi: ScalarFunction, smoothing: Smoothing, axes: Axes) -> int:
    probes = axes.largest * np.array(_PROBES)
    for count in _ANGLES:
        theta = axes.angles(points(count))
        for mirrored in (theta, math.pi - theta):
            found = smoothing.products(probes, mirrored, 1)
            own = np.sqrt(smoothing.expectations(phi.numpy(1)(probes[:, None] * smoothing.z) ** 2))
            if _tail(chebyshev_coefficients(found / np.outer(own, own))) > _TAIL:
                break
        else:
            return count
    raise _unsettled(phi, axes.largest**2, f"{_ANGLES[-1]} angles")


def _lines(phi: ScalarFunction, smoothing: Smoothing, axes: Axes, deviations: np.ndarray) -> Lines:
    """Functions of one deviation."""
    inputs = deviations[:, None] * smoothing.z
    slope = phi.numpy(1)(inputs)
    value = phi.numpy(0)(inputs) - float(phi.numpy(0)(0.0))
    own = np.sqrt(smoothing.expectations(slope**2))
    size = np.sqrt(smoothing.expectations(value**2))
    low = np.array([1e-3, 1e-4]) * axes.length
    near = np.sqrt(smoothing.expectations(phi.numpy(1)(low[:, None] * smoothing.z) ** 2))
    power = max(0, round(math.log(near[0] / near[1]) / math.log(low[0] / low[1])))
    scaled = deviations**power
    return Lines(
        slope=chebyshev_coefficients(np.log(own / scaled)),
        size=chebyshev_coefficients(np.log(size / (scaled * deviations))),
        mean=chebyshev_coefficients(smoothing.expectations(value) / size),
        mean_slope=chebyshev_coefficients(smoothing.expectations(slope) / own),
        power=power,
    )


def _sampled(
    phi: ScalarFunction, smoothing: Smoothing, axes: Axes, angles: int, deviations: np.ndarray
) -> Surface:
    lines = _lines(phi, smoothing, axes, deviations)
    own = np.exp(basis(points(deviations.size), deviations.size) @ lines.slope)
    scales = own * deviations**lines.power
    theta = axes.angles(points(angles))
    norm = np.outer(scales, scales)
    straight = smoothing.products(deviations, theta, 1) / norm
    mirrored = smoothing.products(deviations, math.pi - theta, 1) / norm
    slopes, drops = [], []
    # Even parts of the slopes belong to odd activations.
    for parity, part in (("odd", straight + mirrored), ("even", straight - mirrored)):
        part = part / 2
        missing = phi.parity is not None and phi.parity != parity
        if missing or np.abs(part).max() <= _NOTHING * np.abs(straight).max():
            slopes.append(None)
            drops.append(None)
            continue
        series = chebyshev_coefficients(part)
        slopes.append(_over_deviations(series))
        drops.append(_over_deviations(_mean_slopes(axes, series)))
    apart, odd = _at_one(phi, smoothing, deviations)
    return Surface(
        axes=axes,
        lines=lines,
        slopes=(slopes[0], slopes[1]),
        drops=(drops[0], drops[1]),
        apart=_over_deviations((apart / np.outer(own, own))[None])[0],
        odd=_over_deviations((odd / norm)[None])[0],
    )


def _over_deviations(table: np.ndarray) -> np.ndarray:
    """Coefficients along the last two axes, from values at the deviations."""
    once = chebyshev_coefficients(np.moveaxis(table, 1, 0))
    twice = chebyshev_coefficients(np.moveaxis(once, 2, 0))
    return np.transpose(twice, (2, 1, 0))


def _mean_slopes(axes: Axes, slopes: np.ndarray) -> np.ndarray:
    """(1/g) times the integral of a series over the gap from 0 to g, as a series."""
    count = len(slopes)
    ends = axes.angles(points(count))[::-1]
    t, w = legendre(_BETWEEN)
    starts = np.concatenate([[0.0], ends[:-1]])
    half = (ends - starts) / 2
    theta = starts[:, None] + half[:, None] * (1 + t)
    inside = basis(axes.of_angle(theta), count) * (half[:, None] * w * np.sin(theta))[..., None]
    pieces = np.einsum("itk,kab->iab", inside, slopes, optimize=True)
    gaps = 2 * np.sin(ends / 2) ** 2
    return chebyshev_coefficients((pieces.cumsum(0) / gaps[:, None, None])[::-1])


def _at_one(
    phi: ScalarFunction, smoothing: Smoothing, deviations: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs that are multiples of one another: `apart` and `odd` of `Surface`, times n n'."""
    inputs = deviations[:, None] * smoothing.z
    values, slopes = phi.numpy(0)(inputs), phi.numpy(1)(inputs)
    halves = (values - phi.numpy(0)(-inputs)) / 2
    odd = smoothing.gram(halves) / np.outer(deviations, deviations)
    values = values - float(phi.numpy(0)(0.0))
    gram = smoothing.gram(values)
    squares = np.diag(gram)
    apart = squares[:, None] + squares - 2 * gram
    distance = deviations[:, None] - deviations
    np.fill_diagonal(distance, 1.0)
    apart /= distance**2
    for i, deviation in enumerate(deviations):
        # Close values leave no digits in a difference of means: the mean of their difference does.
        for j in np.flatnonzero(np.abs(distance[i]) <= _CLOSE * deviation):
            step = smoothing.z * slopes[i] if i == j else (values[i] - values[j]) / distance[i, j]
            apart[i, j] = apart[j, i] = smoothing.expectations(step**2)
        apart[i, i] = smoothing.expectations((smoothing.z * slopes[i]) ** 2)
    return apart, odd


def _tail(series: np.ndarray) -> float:
    size = np.abs(series).reshape(len(series), -1)
    return float((size[-3:].max(0) / size.max()).max())


def _unsettled(phi: ScalarFunction, q: float, what: str) -> UnsupportedError:
    return UnsupportedError(
        where=phi.name,
        found=f"a dual at q values up to {q:.3g} that {what} do not hold",
        law="kernels are evaluated to twelve digits, or not at all",
        remedy="keep q values near 1, or use a less steep activation",
    )
