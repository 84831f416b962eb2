"""Exact samples of E f(u) f(v) for a smooth f by Fourier transforms: one variable at a time."""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.fft
from jaxtyping import Float64

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ._nodes import hermite_rows, normal_density
from ._quadrature import trapezoid_size


# With u = √c x + √(1 - c) y the nodes reach √c + √(1 - c) <= √2 times the reach of x.
_SPREAD = 1.42
_MOST_NODES = 1 << 19
# Up to this cosine Mehler's series is short: 0.6^90 is 1e-20.
_SERIES_UP_TO, _SERIES_TERMS = 0.6, 90
_SERIES_REACH = 13.5
# A Gaussian is below rounding there.
_FADED = 9.0
# What the values between nodes may miss, of the largest: rounding of the transform.
_RESOLVED = 1e-12
# An irrational part of the step: no oscillation vanishes at the nodes and there too.
_BETWEEN = 0.3819660112501051


class Smoothing:
    """E f(σ z) f(σ' z') for a derivative f of an activation, at any correlation of z and z'.

    For c >= 0, z = √c x + √(1 - c) y and z' = √c x + √(1 - c) y', so the expectation is
    E_x g_σ(x) g_σ'(x) with g_σ(x) = E_y f(σ (√c x + √(1 - c) y)): a convolution for each σ, and one
    product of matrices for all pairs (σ, σ'). For c < 0 one side is mirrored. The largest σ sets
    the distance of the nodes.

    Raises:
        ActivationError: no finite second moment at this deviation.
        UnsupportedError: more nodes than a bounded time allows.
    """

    def __init__(self, phi: ScalarFunction, largest: float) -> None:
        self.phi, self.largest = phi, largest
        self.step, _, self.reach = trapezoid_size(phi, largest)
        while (half := math.ceil(_SPREAD * self.reach / self.step)) <= _MOST_NODES // 2:
            count = scipy.fft.next_fast_len(2 * half + 1, real=True)
            self.z: np.ndarray = self.step * (np.arange(count) - count // 2)
            if all(self._resolved(order) for order in (0, 1)):
                return
            self.step /= 2
        raise UnsupportedError(
            where=phi.name,
            found=f"{phi.name} at q = {largest**2:.3g}",
            law="it bends within so small a part of its input that its kernel is not resolved "
            f"by {_MOST_NODES} nodes",
            remedy="normalize the inputs (kernelc.PLN), or use smaller weights or a smaller alpha",
        )

    def _resolved(self, order: int) -> bool:
        """Whether the values between the nodes follow from those at the nodes."""
        window = np.exp(-self.z * self.z / 4)
        shift = _BETWEEN * self.step
        beyond = self.z + shift
        with np.errstate(over="ignore", invalid="ignore"):
            given = self.phi.numpy(order)(self.largest * self.z) * window
            exact = self.phi.numpy(order)(self.largest * beyond) * np.exp(-beyond * beyond / 4)
        turned = scipy.fft.rfft(given) * np.exp(1j * shift * self._frequencies())
        found = scipy.fft.irfft(turned, n=self.z.size)
        return bool(np.max(np.abs(found - exact)) <= _RESOLVED * np.max(np.abs(exact)))

    def _frequencies(self) -> np.ndarray:
        return 2 * np.pi * scipy.fft.rfftfreq(self.z.size, self.step)

    def products(
        self, deviations: Float64[np.ndarray, " m"], angles: Float64[np.ndarray, " n"], order: int
    ) -> Float64[np.ndarray, "n m m"]:
        """E f(σ z) f(σ' z'), f = φ^(order), for all pairs of deviations at each angle arccos c."""
        values = self.phi.numpy(order)(deviations[:, None] * self.z)
        spectrum = scipy.fft.rfft(values)
        coefficients = self._coefficients(values)
        found = np.empty((angles.size, deviations.size, deviations.size))
        for i, angle in enumerate(angles.tolist()):
            c = math.cos(angle)
            if abs(c) <= _SERIES_UP_TO:
                found[i] = (coefficients * c ** np.arange(_SERIES_TERMS)) @ coefficients.T
                continue
            gap = 2 * math.sin(min(angle, math.pi - angle) / 2) ** 2
            z, smooth = self._smoothed(spectrum, gap)
            step = z[1] - z[0]
            inside = np.abs(z) <= self.reach * math.sqrt(1 - gap) + step
            smooth, weights = smooth[:, inside], _weights(z[inside], step, 1 - gap)
            found[i] = (smooth * weights) @ smooth[:, :: 1 if c > 0 else -1].T
        return found

    def _smoothed(self, spectrum: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
        """Nodes, as few as the smooth functions need, and E_y f(σ(z + √gap y)) there."""
        frequencies = self._frequencies()
        part = spectrum * np.exp(-gap * frequencies**2 / 2)
        highest = _FADED / math.sqrt(gap) + _FADED / math.sqrt(1 - gap)
        kept = int(np.count_nonzero(frequencies <= highest))
        count = 2 * scipy.fft.next_fast_len(kept, real=True) - 1
        if 2 * count > self.z.size:
            return self.z, scipy.fft.irfft(part, n=self.z.size)
        part, frequencies = part[:, : count // 2 + 1], frequencies[: count // 2 + 1]
        # Node 0 of the transform is the lowest z; the middle one is 0 on every grid.
        turned = part * np.exp(-1j * frequencies * self.z[0])
        smooth = scipy.fft.irfft(turned, n=count) * (count / self.z.size)
        order = np.arange(count) - count // 2
        z = order * (self.step * self.z.size / count)
        return z, smooth[:, order % count]

    def _coefficients(self, values: np.ndarray) -> np.ndarray:
        """Hermite coefficients, (m, terms)."""
        inside = np.abs(self.z) <= _SERIES_REACH
        z = self.z[inside]
        root = np.exp(-z * z / 4)
        rows = np.stack(list(itertools.islice(hermite_rows(z, root), _SERIES_TERMS)))
        return (values[:, inside] * (self.step * root / math.sqrt(2 * math.pi))) @ rows.T

    def expectations(self, integrand: np.ndarray) -> np.ndarray:
        """E of values at the nodes z, along the last axis."""
        inside = np.abs(self.z) <= self.reach
        return integrand[..., inside] @ _weights(self.z[inside], self.step, 1.0)

    def gram(self, values: np.ndarray) -> np.ndarray:
        """E of the products of all rows of values at the nodes z."""
        inside = np.abs(self.z) <= self.reach
        rows = values[:, inside]
        return (rows * _weights(self.z[inside], self.step, 1.0)) @ rows.T


def _weights(z: np.ndarray, step: float, variance: float) -> np.ndarray:
    deviation = math.sqrt(variance)
    return step / deviation * normal_density(z / deviation)
