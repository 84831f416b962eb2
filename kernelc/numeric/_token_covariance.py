"""token_covariance: the covariance of the tokens of a data set."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from .._errors import ShapingError
from ..ir import Network, NetworkCarrier, as_network
from ._inputs import checked


# Pairs of locations compared at once.
_AT_ONCE = 1 << 24


def token_covariance(
    network: Network | NetworkCarrier, x: ArrayLike
) -> Float64[np.ndarray, "locations locations"]:
    """Mean cosine of locations i and j over inputs: P(t_i = t_j) for tokens.

    What `kernelc.SPA` and `kernelc.RowScale` take as the covariance of a data set.

    Arguments:
        network: says what inputs are.
        x: (n, *input_shape) inputs; integers (n, length) where it starts with `Tokens`.

    Returns: the mean over inputs of K_0(i, j)/sqrt(q_i q_j), K_0 that of the inputs; locations
        in row-major order. Locations that are zero have the cosine 0 with others.

    Raises:
        ShapeError, DataError: inputs of another shape, or that stand for nothing.
        ShapingError: inputs without locations.

    Example:
        >>> import kernelc as kc
        >>> x = kc.Tokens(3, vocabulary=10)
        >>> net = kc.Network(x, kc.Embedding(8)(x))
        >>> token_covariance(net, np.array([[1, 2, 1], [4, 4, 7]])).tolist()
        [[1.0, 0.5, 0.5], [0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    """
    network = as_network(network, "token_covariance", ShapingError).network
    form = network.input_format
    if len(network.input_shape) < 2:
        raise ShapingError(
            where=network.name,
            found=f"inputs of shape {network.input_shape}",
            law="tokens are locations: inputs of shape (*locations, channels)",
            remedy="use it for sequences and images",
        )
    examples = np.asarray(checked(network.name, x, None, form).x1)
    count = math.prod(network.input_shape[:-1])
    total = np.zeros((count, count))
    step = max(1, _AT_ONCE // count**2)
    for first in range(0, len(examples), step):
        total += form.location_cosines(examples[first : first + step]).sum(0)
    found = total / len(examples)
    np.fill_diagonal(found, 1.0)
    return (found + found.T) / 2
