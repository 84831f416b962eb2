"""The variables in which duals of smooth activations are short series: of q, and of the angle."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._angle import angle


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

    def of_deviation(self, deviation: Any) -> Any:
        """x of deviations: arrays of JAX, or floats."""
        scale = 2 / math.log1p(1 / self.layer)
        xp: Any = np if isinstance(deviation, float) else jnp
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

    def of_gap(self, gap: Any) -> Any:
        """x of gaps in [0, 1], arrays of JAX."""
        part = jnp.arcsinh(angle(gap) * (1 / self.layer)) * (1 / self._widest)
        return 2 * part * part - 1
