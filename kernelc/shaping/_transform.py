"""The constants that a shaped activation carries, and the activations of a network by label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .._errors import ShapingError
from ..activations import ScalarFunction, named
from ..ir import Layer, Network, NetworkNode
from ..layers import Activation
from ._gates import gates_of


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

    A gate, u g(v) with u linear, is apart from the same activation elsewhere: "swish gate".

    Raises:
        ShapingError: there are none.
    """
    found: dict[str, ScalarFunction] = {}
    for _, phi, label in _labelled(network):
        found.setdefault(label, phi)
    if not found:
        raise ShapingError(
            where=network.name,
            found="no activation",
            law="shaping chooses the constants of activations",
            remedy="add kernelc.Activation layers, or leave the network as it is",
        )
    return found


def gate_labels(network: Network) -> frozenset[str]:
    """The labels of the activations that are gates."""
    gates = gates_of(network)
    return frozenset(label for node, _, label in _labelled(network) if node.name in gates)


def _labelled(network: Network) -> Iterator[tuple[NetworkNode, ScalarFunction, str]]:
    """The nodes with an activation, what they apply, and the label of that."""
    gates = gates_of(network)
    labels: dict[tuple[ScalarFunction | str, bool], str] = {}
    for node in network:
        phi = node.layer.nonlinearity()
        if phi is None:
            continue
        gate = node.name in gates
        key = (phi.name if has_free_slope(phi) else phi, gate)
        if key not in labels:
            first = label = f"{phi.name} gate" if gate else phi.name
            i = 2
            while label in labels.values():
                label, i = f"{first}{i}", i + 1
            labels[key] = label
        yield node, phi, labels[key]


def transformed(network: Network, transforms: Mapping[str, Transform], shaped_by: str) -> Network:
    """The network with the constants of its activations, by their labels."""
    if not transforms:
        same = network.shaped_by == shaped_by
        return network if same else network.rebuild(lambda node: node.layer, shaped_by=shaped_by)
    changed: dict[str, Layer] = {}
    made: dict[tuple[ScalarFunction, str], Layer] = {}
    for node, phi, label in _labelled(network):
        if (phi, label) not in made:
            t = transforms[label]
            made[phi, label] = node.layer.with_transform(
                t.alpha, t.beta, t.gamma, t.delta, **t.params
            )
        changed[node.name] = made[phi, label]
    return network.rebuild(lambda node: changed.get(node.name, node.layer), shaped_by=shaped_by)


def transforms_of(network: Network) -> dict[str, Transform]:
    """The constants that the activations of a network have, by label.

    Raises:
        ShapingError: a layer with a nonlinearity that is no `kernelc.Activation`.
    """
    nonlinearities(network)  # refuses a network without any
    found: dict[str, Transform] = {}
    for node, phi, label in _labelled(network):
        layer = node.layer
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
        found.setdefault(label, Transform(*constants))
    return found
