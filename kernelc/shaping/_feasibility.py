"""Which activations and networks cannot be shaped, and why."""

from __future__ import annotations

import numpy as np

from .._errors import UnreachableError
from ..activations import ScalarFunction
from ..ir import Network
from ._subnetworks import subnetworks


PRODUCTS = "products of branches add slopes, which no local slope can undo"
_SAMPLES = np.array([-1.9, -1.1, -0.4, 0.3, 0.8, 1.7])


def refuse_unshapeable(phi: ScalarFunction) -> None:
    """Refuses what its structure alone rules out, before anything is computed.

    Raises:
        UnreachableError: φ jumps, is a line, is two rays of fixed slopes, or is known to fail.
    """
    if phi.smoothness < 0:
        at = ", ".join(f"{x:g}" for x, _ in phi.jumps(0))
        raise refusal(phi, f"it jumps at x = {at}", "E phi'^2, hence C'(1), is infinite at a jump")
    if phi.analytic and not np.any(phi.numpy(2)(_SAMPLES)):
        raise refusal(phi, "it is a straight line", "A line has C(c) = c for every alpha and beta")
    if phi.homogeneity == 1:
        raise UnreachableError(
            where=f"activation {phi.name}",
            found="it is homogeneous, phi(tx) = t phi(x), and its shape is fixed",
            law="Then alpha only scales, so Q'(1) = 1 and a chosen C'(1) cannot both hold",
            remedy="Use leaky_relu, whose negative slope is solved for; for a ReLU, "
            "kernelc.shape(..., rewrite=True) puts it in",
        )
    if phi.infeasible is not None:
        raise refusal(phi, "no transformation can shape it", phi.infeasible)


def refuse_products(network: Network, law: str) -> None:
    """Refuses a network whose slope is not 1 although every local slope is.

    Raises:
        UnreachableError: there are products of branches.
    """
    slope = subnetworks(network).max_slope(1.0)
    if abs(slope - 1) > 1e-9:
        raise UnreachableError(
            where=network.name,
            found=f"a slope of {slope:.6g} when every local slope is 1",
            law=f"{law}: {PRODUCTS}",
            remedy="replace Product by a weighted sum",
        )


def unsolved(
    phi: ScalarFunction, target: str, covered: tuple[float, float] | None, remedy: str
) -> UnreachableError:
    """The error for a target without a solution: what is reachable, or why nothing is.

    Arguments:
        phi: the activation.
        target: what was asked, e.g. "psi = 1.5".
        covered: the reachable range, None if the activation has no solution at all.
        remedy: what to do about a target out of reach.

    Returns: the error to raise.
    """
    if covered is None:
        reason = "No scale and shift meets Q'(1) and the other conditions at once"
        return refusal(phi, f"nothing reaches {target}", reason)
    low, high = covered
    return UnreachableError(
        where=f"activation {phi.name}",
        found=f"{target} is out of reach",
        law=f"The solutions found cover {low:.6g} to {high:.6g}",
        remedy=remedy,
    )


def refusal(phi: ScalarFunction, found: str, law: str) -> UnreachableError:
    """The error for an activation that cannot be shaped at all."""
    return UnreachableError(
        where=f"activation {phi.name}",
        found=found,
        law=law,
        remedy="Use another activation, such as tanh, softplus or leaky_relu",
    )
