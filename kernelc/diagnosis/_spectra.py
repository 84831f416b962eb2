"""How much of an activation is constant, linear, and beyond."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float64

from .._errors import KernelcError
from ..gaussian import hermite_coefficients, moments
from ..ir import Network


_DEGREES = 24
_MOST = 6


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """One activation's a_k^2 / Q(1), the power series of its C map at q = 1.

    Arguments:
        name: of the activation.
        power: for k = 0, 1, ...
    """

    name: str
    power: Float64[np.ndarray, " degrees"]


def spectra(network: Network) -> tuple[Spectrum, ...]:
    """Those of the distinct activations of a network, in its order, six at most.

    Arguments:
        network: whose activations to expand.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Input((8,))
        >>> net = kc.Network(x, kc.chain(kc.Dense(9), kc.Activation("identity"))(x))
        >>> spectra(net)[0].power[:3].round(12).tolist()
        [0.0, 1.0, 0.0]
    """
    found: list[Spectrum] = []
    for phi in dict.fromkeys(node.layer.nonlinearity() for node in network):
        if phi is None or len(found) == _MOST:
            continue
        try:
            power = hermite_coefficients(phi, _DEGREES) ** 2 / moments(phi, 1.0).second
        except KernelcError:
            # Constants that are symbols, or no finite Q(1): the findings say so.
            continue
        found.append(Spectrum(phi.name, power))
    return tuple(found)
