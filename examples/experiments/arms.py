"""The arms of the experiments: the network and its initialization, one entry for each."""

from __future__ import annotations

from collections.abc import Callable

from bodies import Arm, Body, Network
from decoder_arms import DECODER_ARMS

import kernelc as kc
from kernelc.shaping import solve_edge_of_chaos


RECTIFIERS = ("relu", "leaky_relu")


def _baseline(body: Body) -> Network:
    return body.build("standard")


def _weighted(shortcut_weight: float) -> Callable[[Body], Network]:
    def build(body: Body) -> Network:
        net = body.build("weighted", shortcut_weight=shortcut_weight)
        return kc.shape(net, kc.DKS(), rewrite=True)

    return build


def _dks(zeta: float) -> Callable[[Body], Network]:
    def build(body: Body) -> Network:
        return kc.shape(body.build("vanilla"), kc.DKS(zeta=zeta), rewrite=True)

    return build


def _tat(body: Body) -> Network:
    target = kc.TAT(eta=0.9) if body.activation in RECTIFIERS else kc.TAT(tau=0.3)
    return kc.shape(body.build("vanilla"), target, rewrite=True)


def _untreated(init: str) -> Callable[[Body], Network]:
    def build(body: Body) -> Network:
        gain = 2**0.5 if body.activation in RECTIFIERS else 1.0
        return initialized(body.build("vanilla", weight_std=gain), init=init)

    return build


def _edge_of_chaos(body: Body) -> Network:
    return kc.shape(body.build("vanilla"), kc.EdgeOfChaos(init="orthogonal"))


def _has_edge_of_chaos(activation: str) -> bool:
    try:
        solve_edge_of_chaos(kc.Activation(activation).function, kc.EdgeOfChaos())
    except kc.UnreachableError:
        return False
    return True


def initialized(network: kc.Network, *, init: str) -> kc.Network:
    """The network with this initialization in all its layers of weights."""
    return network.rebuild(lambda node: node.layer.with_weights(init=init))


ARMS = {
    "bn-skip": Arm("residual, batch norm", _baseline),
    "weighted-dks": Arm("weighted skips, DKS", _weighted(0.9), lambda a: a != "relu", True),
    "weighted98-dks": Arm(
        "weighted skips (0.98), DKS", _weighted(0.98), lambda a: a != "relu", True
    ),
    "vanilla-dks": Arm("vanilla, DKS", _dks(1.5), lambda a: a != "relu"),
    "vanilla-dks3": Arm("vanilla, DKS (zeta = 3)", _dks(3.0), lambda a: a != "relu"),
    "vanilla-tat": Arm("vanilla, TAT", _tat, lambda a: a != "relu"),
    "vanilla-gaussian": Arm("vanilla, Gaussian", _untreated("gaussian")),
    "vanilla-orthogonal": Arm("vanilla, orthogonal", _untreated("orthogonal")),
    "vanilla-eoc": Arm("vanilla, edge of chaos", _edge_of_chaos, _has_edge_of_chaos),
    **DECODER_ARMS,
}
