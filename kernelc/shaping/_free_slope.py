"""Rectifiers whose negative slope is fixed, replaced by one whose slope is solved for."""

from __future__ import annotations

from ..activations import ScalarFunction
from ..ir import Layer, Network, NetworkNode
from ..layers import Activation
from ._leaky_relu import has_free_slope


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
        slope, _ = rays(layer.function)
        replacement = Activation("leaky_relu", negative_slope=slope)
        changes.append(f"{node.name}: {layer.text()} -> Activation('leaky_relu'), slope solved for")
        return replacement

    return network.rebuild(change), tuple(changes)


def is_fixed_rectifier(phi: ScalarFunction) -> bool:
    """Whether φ is a ReLU or leaky ReLU, up to scale, whose negative slope is no parameter."""
    if phi.homogeneity != 1 or len(phi.pieces) != 2 or has_free_slope(phi):
        return False
    below, above = rays(phi)
    return above > 0 and 0 <= below < above


def rays(phi: ScalarFunction) -> tuple[float, float]:
    """The slopes of a homogeneous function left and right of zero."""
    below, above = (float(value) for value in phi.numpy(0)([-1.0, 1.0]))
    return -below, above
