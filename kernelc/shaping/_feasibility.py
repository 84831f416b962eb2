"""Which activations and networks cannot be shaped, and why."""

from __future__ import annotations

import numpy as np

from .._errors import UnreachableError
from ..activations import ScalarFunction
from ..ir import Network
from ._subnetworks import subnetworks


PRODUCTS = "products of branches add slopes, which no local slope can undo"
_SAMPLES = np.array([-1.9, -1.1, -0.4, 0.3, 0.8, 1.7])
_OTHERS = "Use another activation, such as tanh, softplus or leaky_relu"


def unreachable(
    phi: ScalarFunction, found: str, law: str, remedy: str = _OTHERS
) -> UnreachableError:
    """The error for an activation that cannot be shaped as asked."""
    return UnreachableError(f"activation {phi.name}", found, law, remedy)


def refuse_jumps(phi: ScalarFunction, order: int, law: str, remedy: str = _OTHERS) -> None:
    """UnreachableError where φ (order 0) or its slope (order 1) jumps."""
    if phi.smoothness == order - 1:
        at = ", ".join(f"{x:g}" for x, _ in phi.jumps(order))
        raise unreachable(phi, f"{('it', 'its slope')[order]} jumps at x = {at}", law, remedy)


def refuse_unshapeable(phi: ScalarFunction) -> None:
    """Refuses activations that cannot be shaped for structural reasons.

    Raises:
        UnreachableError: φ jumps, is a line, is two rays of fixed slopes, or is known to fail.
    """
    refuse_jumps(phi, 0, "E phi'^2, hence C'(1), is infinite at a jump")
    if phi.analytic and not np.any(phi.numpy(2)(_SAMPLES)):
        law = "A line has C(c) = c for every alpha and beta"
        raise unreachable(phi, "it is a straight line", law)
    if phi.homogeneity == 1:
        raise unreachable(
            phi,
            "it is homogeneous, phi(tx) = t phi(x), and its shape is fixed",
            "Then alpha only scales, so Q'(1) = 1 and a chosen C'(1) cannot both hold",
            "Use leaky_relu, whose negative slope is solved for; for a ReLU, "
            "kernelc.shape(..., rewrite=True) puts it in",
        )
    if phi.infeasible is not None:
        raise unreachable(phi, "no transformation can shape it", phi.infeasible)


def refuse_products(network: Network, law: str) -> None:
    """UnreachableError where products make the slope differ from 1 at local slopes of 1."""
    found = subnetworks(network)
    slope = found.max_slope(1.0, gated=False)
    if abs(slope - 1) > 1e-9:
        shapes = "use kernelc.DKS, which shapes gated units, or " if found.gates else ""
        raise UnreachableError(
            where=network.name,
            found=f"a slope of {slope:.6g} when every local slope is 1",
            law=f"{law}: {PRODUCTS}",
            remedy=f"{shapes}replace Product by a weighted sum",
        )
