"""The call that mends a network's kernel as a whole."""

from __future__ import annotations

from ...ir import Network
from ...shaping import is_fixed_rectifier


def shaping_call(network: Network) -> str:
    """The call on `net` that shapes its activations, or what must change before it can.

    A rewrite makes leaky ReLUs of ReLUs itself; the command line tells the same call as options.
    """
    functions = {phi for node in network if (phi := node.layer.nonlinearity()) is not None}
    rays = {phi for phi in functions if phi.homogeneity == 1}
    free = {phi for phi in rays if "negative_slope" in dict(phi.params) or is_fixed_rectifier(phi)}
    hopeless = sorted(phi.name for phi in functions if phi.infeasible or phi.smoothness < 0)
    if hopeless:
        names = " and ".join(hopeless)
        return f"no constants shape {names}; choose another activation such as tanh, then shape"
    if rays - free:
        names = " and ".join(sorted(phi.name for phi in rays - free))
        return (
            f"use leaky_relu in place of {names} (its negative slope is solved for), then "
            "kernelc.shape(net, kernelc.TAT(eta=0.9), rewrite=True)"
        )
    if free == functions and functions:
        return "kernelc.shape(net, kernelc.TAT(eta=0.9), rewrite=True)"
    return "kernelc.shape(net, kernelc.DKS(), rewrite=True)"
