"""Shape: from a network and a target to a certified shaped network."""

from __future__ import annotations

from typing import Any

from .._errors import ShapingError, shown
from .._limits import real
from ..activations import ScalarFunction
from ..ir import Layer, Network, NetworkNode, as_network
from ._edge_network import at_edge_of_chaos
from ._free_slope import with_free_slopes
from ._leaky_relu import has_free_slope
from ._requirements import PLNMode, prepared
from ._shaped import ShapedNetwork
from ._solved import dks_transforms, tat_transforms
from ._targets import DKS, TAT, EdgeOfChaos, Target
from ._transform import Transform


def shape(
    network: Network | ShapedNetwork,
    target: Target | None = None,
    *,
    rewrite: bool = False,
    pln: PLNMode | None = "one",
    shortcut_weight: float | None = None,
) -> ShapedNetwork:
    """Solve the activations' constants so that the whole network's kernel meets a target.

    The graph function (largest slope, curvature or C value over subnetworks) is read off the
    graph; the local conditions are solved in float64 and certified by another rule. Towards
    `EdgeOfChaos` the variances of weights and biases are solved for instead.

    Arguments:
        network: the network, or an already shaped one to be shaped again.
        target: `DKS()` (the default), `TAT(eta=...)`, `TAT(tau=...)` or `EdgeOfChaos()`.
        rewrite: mend what breaks a requirement: normalize sums, replace pools, remove norm
            layers and dropout, use Delta convolutions and zero biases, put PLN in front, turn
            ReLU into leaky ReLU for DKS and TAT(eta=...). Each change is listed in the result.
            Without it such a network is refused. DKS and TAT use scaled uniform orthogonal
            initialization in both cases.
        pln: mode of the per-location normalization a rewrite inserts; None to leave it to you.
        shortcut_weight: weight of the shortcut when a rewrite normalizes a sum of two branches;
            the weights are scaled by a common factor unless given.

    Returns:
        A `ShapedNetwork`.

    Raises:
        ShapingError: requirements are broken (all are listed), or activations do not fit.
        UnreachableError: the target is out of reach; the message says what can be reached.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> layers = kc.chain(kc.Dense(64), kc.Activation("tanh"))
        >>> net = kc.Network(x, kc.chain(kc.repeat(layers, 50), kc.Dense(3))(x))
        >>> shaped = kc.shape(net, kc.DKS(zeta=1.5))
        >>> round(shaped.psi, 10), round(shaped.transforms["tanh"].alpha, 8)
        (1.0081422716, 0.12844048)
    """
    target = DKS() if target is None else target
    network = _checked(network, target, rewrite, pln, shortcut_weight)
    if isinstance(target, EdgeOfChaos):
        return at_edge_of_chaos(
            network, target, rewrite=rewrite, pln=pln, shortcut_weight=shortcut_weight
        )
    network, replaced = with_free_slopes(network, target) if rewrite else (network, ())
    ready = prepared(
        network,
        rewrite=rewrite,
        pln=pln,
        shortcut_weight=shortcut_weight,
        centered=not (isinstance(target, TAT) and target.eta is not None),
    )
    functions = _functions(ready.network)
    solve = {DKS: dks_transforms, TAT: tat_transforms}[type(target)]
    result, whole, psi, kappa = solve(ready.network, target, functions)
    transforms = {label: transform for label, (transform, _) in result.items()}
    certificate = {label: residuals for label, (_, residuals) in result.items()}
    certificate["network"] = whole
    return ShapedNetwork(
        network=_transformed(ready.network, functions, transforms, str(target)),
        target=target,
        transforms=transforms,
        certificate=certificate,
        psi=psi,
        kappa=kappa,
        changes=replaced + ready.changes,
        assumptions=ready.assumptions,
    )


def _functions(network: Network) -> dict[str, ScalarFunction]:
    """The distinct nonlinearities by label; those whose slope is solved for count as one."""
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


def _transformed(
    network: Network,
    functions: dict[str, ScalarFunction],
    transforms: dict[str, Transform],
    shaped_by: str,
) -> Network:
    labels = {phi: label for label, phi in functions.items()}
    changed: dict[ScalarFunction, Layer] = {}

    def change(node: NetworkNode) -> Layer:
        phi = node.layer.nonlinearity()
        if phi is None:
            return node.layer
        if phi not in changed:
            t = transforms[labels.get(phi, phi.name)]
            params = {} if t.negative_slope is None else {"negative_slope": t.negative_slope}
            changed[phi] = node.layer.with_transform(t.alpha, t.beta, t.gamma, t.delta, **params)
        return changed[phi]

    return network.rebuild(change, shaped_by=shaped_by)


def _checked(network: Any, target: Any, rewrite: Any, pln: Any, shortcut_weight: Any) -> Network:
    accepted = as_network(network, "shape", ShapingError).network
    problem = None
    if not isinstance(target, Target):
        found = f"a target of type {type(target).__name__}"
        problem = (found, "pass kernelc.DKS, kernelc.TAT or kernelc.EdgeOfChaos")
    elif not isinstance(rewrite, bool):
        problem = (f"rewrite = {shown(rewrite)}", "choose True or False")
    elif pln is not None and (not isinstance(pln, str) or pln not in ("one", "avg_q", "off")):
        problem = (f"pln = {shown(pln)}", "choose 'one', 'avg_q', 'off' or None")
    elif shortcut_weight is not None and not 0 <= real(shortcut_weight) < 1:
        problem = (f"shortcut_weight = {shown(shortcut_weight)}", "choose a weight in [0, 1)")
    if problem is not None:
        raise ShapingError(
            where="shape",
            found=problem[0],
            law="shape takes a network, a target and options in their ranges",
            remedy=problem[1],
        )
    return accepted
