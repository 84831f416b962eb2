"""Covariances of an ensemble of trained networks, which are linear in what they started as."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .._errors import DataError


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks f* + a·(y + ε - f), (f, f*) Gaussian with the NNGP, ε independent noise.

    Arguments:
        train: K, the NNGP of the training inputs.
        noise: ν, the variance of ε.
        precision: relative rounding error of entries of the NNGP.
    """

    train: Float[np.ndarray, "n n"]
    noise: float
    precision: float

    def variances(
        self,
        own: Float[np.ndarray, " m"],
        cross: Float[np.ndarray, "m n"],
        weights: Float[np.ndarray, "n m"],
    ) -> Float[np.ndarray, " m"]:
        """k** - 2 k*·a + aᵀ (K + νI) a for each column a of the weights.

        A second moment for any a, so that errors in a cannot make it negative (Joseph's form;
        Bucy and Joseph 1968). What rounding of the kernel leaves below 0 becomes 0.

        Arguments:
            own: NNGP of each test input with itself.
            cross: NNGP of test with training inputs.
            weights: a for each test input.

        Raises: DataError for variances more negative than rounding can make them.
        """
        inner = self._inner(weights)
        mixed = np.einsum("mn,nm->m", cross, weights)
        found = own - 2 * mixed + np.einsum("nm,nm->m", weights, inner)
        return self._settled(found, own, weights)

    def covariances(
        self,
        own: Float[np.ndarray, "m m"],
        cross: Float[np.ndarray, "m n"],
        weights: Float[np.ndarray, "n m"],
    ) -> Float[np.ndarray, "m m"]:
        """`variances` for all pairs of test inputs; `own` is their NNGP with each other."""
        mixed = cross @ weights
        found = own - mixed - mixed.T + weights.T @ self._inner(weights)
        found = (found + found.T) / 2
        np.fill_diagonal(found, self._settled(found.diagonal(), own.diagonal(), weights))
        return found

    def _inner(self, weights: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        return self.train @ weights + self.noise * weights

    def _settled(
        self,
        found: Float[np.ndarray, " m"],
        own: Float[np.ndarray, " m"],
        weights: Float[np.ndarray, "n m"],
    ) -> Float[np.ndarray, " m"]:
        # Entries off by some part of the largest move a variance by that part times this square.
        reach = max(float(self.train.diagonal().max()), float(own.max()))
        # Half the digits: k(x) and k(x, z) may be rounded on different ways through a kernel.
        reach = self.precision**0.5 * reach * (1 + abs(weights).sum(axis=0)) ** 2
        worst = int((found + reach).argmin())
        if found[worst] < -reach[worst]:
            raise DataError(
                where="predict: k(...).nngp",
                found=f"a variance of {found[worst]:.2g} with {own[worst]:.2g} before training",
                law="the NNGP is one positive semi-definite function of training and test inputs",
                remedy="pass a kernel function that is; k(x, x) and k(x) have to agree",
            )
        return np.maximum(found, 0.0)
