"""Leaky ReLU, whose negative slope is solved for in closed form; ReLUs replaced by it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .._errors import ShapingError, UnreachableError
from ..activations import ScalarFunction
from ..gaussian import angle, cubic
from ..ir import Layer, Network, NetworkNode
from ..layers import Activation
from ._transform import Transform, has_free_slope


LARGEST_SLOPE = math.pi / (math.pi - 1)  # C'(1) of a centered ReLU


def solve_leaky_relu_dks(psi: float) -> Transform:
    """The leaky ReLU with Q(1) = Q'(1) = 1, C(0) = 0, C'(1) = ψ, in closed form.

    β = 0 meets Q'(1) = 1 because the function is homogeneous. With r = (ψ-1)/ψ and k = 1 - πr,
    C'(1) = ψ gives a = (1 - √(1-k²))/k = k/(1 + √(πr(2-πr))) (Martens et al. 2021).

    Arguments:
        psi: local slope, 1 < ψ ≤ π/(π-1).

    Returns: α = 1, β = 0, γ, δ and the negative slope a in [0, 1).

    Raises:
        UnreachableError: ψ is outside that range.

    Example:
        >>> round(solve_leaky_relu_dks(1.5 ** (1 / 50)).negative_slope, 10)
        0.7963707054
    """
    if not 1 < psi <= LARGEST_SLOPE:
        raise UnreachableError(
            where="leaky_relu",
            found=f"a local slope psi = {psi}",
            law=f"A leaky ReLU with slope in [0, 1) has 1 < psi <= pi/(pi-1) = {LARGEST_SLOPE:.6f}",
            remedy="Use more nonlinear layers or a smaller zeta, or another activation",
        )
    x = math.pi * (psi - 1) / psi
    a = max(0.0, (1 - x) / (1 + math.sqrt(max(0.0, x * (2 - x)))))
    variance = (1 + a**2) / 2 - (1 - a) ** 2 / (2 * math.pi)
    delta = -(1 - a) / math.sqrt(2 * math.pi)
    return Transform(1.0, 0.0, variance**-0.5, delta, negative_slope=a)


def leaky_relu_tat_transform(negative_slope: float) -> Transform:
    """φ̂ = √(2/(1+a²))·lrelu_a, for which Q(q) = q and C'(1) = 1 (TAT, leaky ReLU).

    Raises:
        ShapingError: a, the negative slope, is not a finite number.

    Example:
        >>> round(leaky_relu_tat_transform(0.0).gamma ** 2, 12)
        2.0
    """
    a = _finite(negative_slope)
    return Transform(1.0, 0.0, math.sqrt(2 / (1 + a * a)), 0.0, negative_slope=a)


def leaky_relu_c_map(negative_slope: float) -> Callable:
    """C(c) = c + (1-a)²/(π(1+a²))·(√(1-c²) - c·arccos c) (TAT, leaky ReLU).

    Returns: the map, on floats or arrays of values in [-1, 1].

    Raises:
        ShapingError: a, the negative slope, is not a finite number.

    Example:
        >>> round(leaky_relu_c_map(0.0)(0.0), 12) == round(1 / math.pi, 12)
        True
    """
    a = _finite(negative_slope)
    weight = (1 - a) ** 2 / (math.pi * (1 + a * a))

    def c_map(c):
        mapped = np.asarray(c) + weight * cubic(
            angle(np.clip(1 - np.asarray(c, np.float64), 0.0, 2.0), np)
        )
        return float(mapped) if mapped.ndim == 0 else mapped

    return c_map


def _finite(negative_slope: float) -> float:
    if not math.isfinite(negative_slope):
        raise ShapingError(
            where="leaky_relu",
            found=f"negative_slope = {negative_slope}",
            law="A negative slope is a finite number",
            remedy="Pass one in [0, 1]",
        )
    return float(negative_slope)


def with_free_slopes(network: Network) -> tuple[Network, tuple[str, ...]]:
    """The network with leaky ReLUs for ReLUs, and the changes made.

    alpha and gamma only scale a homogeneous function, so the shape of a ReLU has no constant
    left to solve for: DKS and TAT(eta=...) vary its negative slope (Martens et al. 2021,
    Zhang et al. 2022).
    """
    changes: list[str] = []

    def change(node: NetworkNode) -> Layer:
        layer = node.layer
        if not isinstance(layer, Activation) or not is_fixed_rectifier(layer.function):
            return layer
        slope, _ = _rays(layer.function)
        changes.append(f"{node.name}: {layer.text()} -> Activation('leaky_relu'), slope solved for")
        return Activation("leaky_relu", negative_slope=slope)

    return network.rebuild(change), tuple(changes)


def is_fixed_rectifier(phi: ScalarFunction) -> bool:
    """Whether φ is a ReLU or leaky ReLU, up to scale, whose negative slope is no parameter."""
    if phi.homogeneity != 1 or len(phi.pieces) != 2 or has_free_slope(phi):
        return False
    below, above = _rays(phi)
    return above > 0 and 0 <= below < above


def _rays(phi: ScalarFunction) -> tuple[float, float]:
    """The slopes of a homogeneous function left and right of zero."""
    below, above = (float(value) for value in phi.numpy(0)([-1.0, 1.0]))
    return -below, above
