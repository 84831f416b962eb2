"""The constants that a shaped activation carries, and the activations of a network by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._errors import ShapingError
from ..activations import ScalarFunction, named
from ..ir import Layer, Network, NetworkNode
from ..layers import Activation


@dataclass(frozen=True)
class Transform:
    """φ̂(u) = γ·(φ(αu + β) + δ) (DKS, local transformation).

    Arguments:
        alpha: input scale.
        beta: input shift.
        gamma: output scale.
        delta: output shift.
        negative_slope: the slope of φ left of zero, where that is solved for too.

    Example:
        >>> Transform(alpha=1.0, beta=0.0, gamma=2.0, delta=-0.5).gamma
        2.0
    """

    alpha: float
    beta: float
    gamma: float
    delta: float
    negative_slope: float | None = None

    @property
    def params(self) -> dict[str, float]:
        """The parameters of φ that were solved for."""
        return {} if self.negative_slope is None else {"negative_slope": self.negative_slope}

    def of(self, phi: ScalarFunction) -> ScalarFunction:
        """φ with the parameters that were solved for."""
        return named(phi.name, **{**dict(phi.params), **self.params}) if self.params else phi


def has_free_slope(phi: ScalarFunction) -> bool:
    """Whether φ is two rays from the origin, the left one's slope a parameter of φ."""
    return (
        phi.base is None
        and phi.homogeneity == 1
        and len(phi.pieces) == 2
        and "negative_slope" in dict(phi.params)
    )


def nonlinearities(network: Network) -> dict[str, ScalarFunction]:
    """The distinct activations by label; those whose slope is solved for count as one.

    Raises:
        ShapingError: there are none.
    """
    found: dict[str, ScalarFunction] = {}
    for node in network:
        phi = node.layer.nonlinearity()
        if phi is None or phi in found.values():
            continue
        if has_free_slope(phi) and phi.name in found:
            continue
        label, i = phi.name, 2
        while label in found:
            label, i = f"{phi.name}{i}", i + 1
        found[label] = phi
    if not found:
        raise ShapingError(
            where=network.name,
            found="no activation",
            law="shaping chooses the constants of activations",
            remedy="add kernelc.Activation layers, or leave the network as it is",
        )
    return found


def transformed(network: Network, transforms: Mapping[str, Transform], shaped_by: str) -> Network:
    """The network with the constants of its activations, by their labels."""
    if not transforms and network.shaped_by == shaped_by:
        return network
    labels = {phi: label for label, phi in nonlinearities(network).items()} if transforms else {}
    changed: dict[ScalarFunction, Layer] = {}

    def change(node: NetworkNode) -> Layer:
        phi = node.layer.nonlinearity()
        if phi is None or not transforms:
            return node.layer
        if phi not in changed:
            t = transforms[labels.get(phi, phi.name)]
            changed[phi] = node.layer.with_transform(t.alpha, t.beta, t.gamma, t.delta, **t.params)
        return changed[phi]

    return network.rebuild(change, shaped_by=shaped_by)


def transforms_of(network: Network) -> dict[str, Transform]:
    """The constants that the activations of a network have, by label.

    Raises:
        ShapingError: a layer with a nonlinearity that is no `kernelc.Activation`.
    """
    labels = {phi: label for label, phi in nonlinearities(network).items()}
    found: dict[str, Transform] = {}
    for node in network:
        phi, layer = node.layer.nonlinearity(), node.layer
        if phi is None:
            continue
        if not isinstance(layer, Activation):
            raise ShapingError(
                where=node.name,
                found=f"a layer of kind {layer.kind_name}",
                law="constants are read from kernelc.Activation layers",
                remedy="shape the network again",
            )
        slope = dict(phi.params)["negative_slope"] if has_free_slope(phi) else None
        assert not isinstance(slope, tuple)  # leaky ReLU has numbers
        constants = (layer.alpha, layer.beta, layer.gamma, layer.delta, slope)
        found.setdefault(labels.get(phi, phi.name), Transform(*constants))
    return found
