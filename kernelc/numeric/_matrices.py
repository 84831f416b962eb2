"""KernelMatrices: what a kernel function returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float


Matrix = Float[Array | np.ndarray, "n1 n2 *locations"]


class KernelMatrices(NamedTuple):
    """Kernel matrices of two sets of inputs; None for what was not asked for.

    Arguments:
        nngp: covariance of the outputs at initialisation, (n1, n2, *locations of the output).
        ntk: neural tangent kernel, of the same shape.
        gap: 1 - c, c the cosine similarity of the outputs; keeps its digits as c -> 1, where
            the NNGP itself has none left to show.
    """

    nngp: Matrix | None
    ntk: Matrix | None
    gap: Matrix | None = None
