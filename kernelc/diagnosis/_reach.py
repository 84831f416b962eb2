"""Which share of the targets a short training reaches."""

from __future__ import annotations

import math

import numpy as np
import sympy
from jaxtyping import Float64
from scipy.interpolate import BarycentricInterpolator

from .._errors import KernelcError
from ..ir import Network, NetworkNode, pairs_read
from ..numeric import kernel_fn
from ._inputs import SAME, Sample
from ._profile import Profile


STEPS = 300
"""Steps of the short training that a verdict is about."""
HALF = 0.5
"""A network trains when it explains this share of the targets' variance or more."""

# Where q values differ by more than this, the kernel is no function of the angle alone.
_NORMS_DIFFER = 0.6
_MOST_NORMS = 150
_K = sympy.Symbol("k", real=True)
_Q1, _Q2 = sympy.Symbol("q1", positive=True), sympy.Symbol("q2", positive=True)
# Float64 computes kernels, and float32 activations, which are their square roots, to this much.
_ROUNDING = 4 * np.finfo(np.float64).eps


def told(share: float) -> str:
    """In words."""
    return (
        f"{share:.0%} of the targets' variance lies in directions that {STEPS} steps of gradient "
        "descent reach"
    )


def reached(network: Network, profile: Profile) -> float | None:
    """Share of the targets' variance that `STEPS` steps explain; None where it is not known.

    It is not known without targets, behind a layer without a kernel, and for inputs of unlike q
    values where kernels take minutes: of activations that are integrated pair by pair, and of
    layers that read pairs of locations or the batch. Nor is it known where the few inputs of unlike
    q values whose kernel is computed have one target.

    Arguments:
        network: what is diagnosed.
        profile: its figures, with the tangent kernel at the nodes of the sample.
    """
    sample = profile.inputs.sample
    if sample is None or profile.end is not None or profile.ntk is None or profile.nodes is None:
        return None
    if sample.norms_differ > _NORMS_DIFFER:
        kernel = _by_norms(network, sample)
        targets = sample.targets[:_MOST_NORMS]
        differ = np.any(np.ptp(targets, axis=0) > 0)
        return explained(kernel, targets) if kernel is not None and differ else None
    own = float(profile.ntk[-2])
    if not (np.isfinite(profile.nodes).all() and 0 < own < np.inf):
        return 0.0
    return explained(_by_angles(sample, profile.nodes / own), sample.targets)


def explained(
    kernel: Float64[np.ndarray, "n n"], targets: Float64[np.ndarray, "n outputs"]
) -> float:
    """Share of the variance of targets that `STEPS` steps of gradient descent explain.

    Along an eigenvector of the centered tangent kernel with eigenvalue mu_i the error shrinks by
    1 - eta mu_i in a step (Jacot et al. 2018), where eta is 1/mu_1. The mean of the targets is
    left out: a network learns it first, and it is a guess.

    Arguments:
        kernel: tangent kernel of a sample, its diagonal near 1.
        targets: of the sample, centered.

    Example:
        >>> kernel = np.diag([1.0, 1.0, 1.0, 1.0])
        >>> round(explained(kernel, np.array([[1.0], [-1.0], [2.0], [-2.0]])), 3)
        1.0
    """
    center = np.eye(len(kernel)) - 1 / len(kernel)
    values, vectors = np.linalg.eigh(center @ kernel @ center)
    if values[-1] < _ROUNDING * len(values):
        return 0.0
    targets = center @ targets
    shares = np.sum((vectors.T @ targets) ** 2, axis=1) / np.sum(targets**2)
    left = (1 - np.clip(values / values[-1], 0.0, 1.0)) ** (2 * STEPS)
    return float(np.clip(1 - shares @ left, 0.0, 1.0))


def _by_angles(sample: Sample, ntk: Float64[np.ndarray, " nodes"]) -> Float64[np.ndarray, "n n"]:
    """The kernel of inputs that are taken to have one q value, out of a few angles."""
    curve = BarycentricInterpolator(sample.nodes, ntk)
    # Row by row: all at once would hold a number for each pair and node.
    inside = np.clip(sample.angles, *sample.range)
    kernel = np.where(sample.angles < SAME, 1.0, np.stack([curve(row) for row in inside]))
    return (kernel + kernel.T) / 2


def _is_quick(node: NetworkNode) -> bool:
    """Whether pairs of unlike q values have a closed form or a table, and no others are read.

    Activations with kinks and no closed form are integrated pair by pair, which takes minutes.
    """
    phi = node.layer.nonlinearity()
    if pairs_read([node]):
        return False
    if phi is None or phi.smoothness == math.inf:
        return True
    return phi.closed_dual(_Q1, _Q2, _K) is not None


def _by_norms(network: Network, sample: Sample) -> Float64[np.ndarray, "n n"] | None:
    """The kernel of inputs whose q values differ; None where it has none or takes too long."""
    if not all(_is_quick(node) for node in network):
        return None
    try:
        inputs = sample.inputs[:_MOST_NORMS]
        found = kernel_fn(network)(inputs, get=("ntk",), progress=False).ntk
    except KernelcError:
        # What the figures by angle took a stand-in for.
        return None
    kernel = np.asarray(found, dtype=np.float64)
    # Outputs with locations: their mean is what they share.
    kernel = kernel.reshape(*kernel.shape[:2], -1).mean(axis=2)
    own = float(np.mean(np.diag(kernel)))
    return kernel / own if np.isfinite(kernel).all() and own > 0 else None
