"""Kernel rules as a diagnosis reads them: exact where they are, near where they are not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import KernelcError
from ..activations import ScalarFunction, named
from ..algebra import FloatBackend, KernelState, PairAlgebra
from ..ir import Weights
from ._profile import RangeError


_LARGEST_Q = 1000.0
# Slopes of tails are read here, and flat below this: tanh(x)/x is 1e-8.
_FAR, _FLAT = 1e8, 1e-6
KEEP_Q = "normalize sums and weights so that q stays near 1"

FloatState = KernelState[Any]


class MapAlgebra(PairAlgebra[Any]):
    """C maps and NTKs; pre-activations that are not Gaussian are taken as such, and listed."""

    def __init__(self, backend: FloatBackend, probes: tuple[str, ...]) -> None:
        super().__init__(backend, probes)
        self.approximated: dict[str, None] = {}
        self.far: dict[str, None] = {}

    def nonlinearity(self, s: FloatState, phi: ScalarFunction) -> FloatState:
        if not s.parts and not s.gaussian:
            self.approximated[self.site.name] = None
            s = self.state_of(s.second, s.mean, s.support, gaussian=True)
        if phi.homogeneity is None and s.second.q > _LARGEST_Q:
            return self._far(s, phi)
        return super().nonlinearity(s, phi)

    def _far(self, s: FloatState, phi: ScalarFunction) -> FloatState:
        """An activation that sees its tails alone: the rectifier with the same slopes."""
        up, down = (float(phi.numpy(0)(np.array([x]))[0]) / x for x in (_FAR, -_FAR))
        finite = math.isfinite(up) and math.isfinite(down)
        if not (finite and up > _FLAT):
            # Tails that grow faster than a rectifier's overflow from here on.
            raise (KernelcError if finite else RangeError)(
                where=self.site.name,
                found=f"a q value of {s.second.q:.3g} at {phi.name}",
                law=f"beyond a q value of {_LARGEST_Q:g} an activation sees its tails alone, and "
                "its C map takes ever longer to integrate",
                remedy=KEEP_Q,
            )
        self.far[self.site.name] = None
        image = super().nonlinearity(s, named("leaky_relu", negative_slope=down / up))
        return self.weighted_sum([image], [up])

    def batch_normalize(self, s: FloatState) -> FloatState:
        """Batch norm takes each pair's K less that of a typical pair, and likewise its NTK.

        With mean m over a large batch, d(u - m) d(u' - m) = Theta - 2 Theta_b + Theta_b; what the
        deviation adds is a projection on one direction of many.
        """
        out = super().batch_normalize(s)
        theta, b = s.second.theta, self.probes.index("b")
        if theta is None:
            return out
        variance = s.second.q - s.second.k[b]
        theta = tuple((t - theta[b]) / variance for t in theta)
        second = dataclasses.replace(out.second, theta=theta)
        return self.state_of(second, out.mean, out.support, out.gaussian)


class SlopeAlgebra(MapAlgebra):
    """dK/dc in the place of the NTK.

    The NTK rules are those of a derivative along c, plus the weights' own term; without it
    `theta` started at dk/dc is dk/dc throughout.
    """

    def fresh(
        self,
        s: FloatState,
        weights: Weights,
        read: FloatState | None = None,
        trained: Callable[[], FloatState] | None = None,
    ) -> FloatState:
        out = super().fresh(s, weights, read, trained)
        w = self.backend.number(weights.variance)
        theta = tuple(w * t for t in s.second.theta or ())
        second = dataclasses.replace(out.second, theta=theta)
        return self.state_of(second, out.mean, gaussian=True)
