"""The log marginal likelihood of targets, and its gradient."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from ._solve import TrainingMatrix


class Likelihood(NamedTuple):
    """log p(y) of the training targets, and its derivatives; None where not asked for.

    Arguments:
        value: natural logarithm, summed over outputs.
        ridge: the derivative in the ridge.
        weight_std, bias_std: the derivatives in the standard deviations of each node that draws
            weights, by name. That of one number shared by several nodes is the sum of theirs.
    """

    value: float
    ridge: float | None = None
    weight_std: dict[str, float] | None = None
    bias_std: dict[str, float] | None = None


def value(
    matrix: TrainingMatrix, y: Float[np.ndarray, "n outputs"], ridge: float
) -> tuple[float, Float[np.ndarray, "n outputs"]]:
    """-yᵀ M⁻¹ y / 2 - log|M| / 2 - n log(2π) / 2 over outputs, M = T + ridge I; and M⁻¹ y.

    (Williams and Rasmussen 2006, eq. 2.30.)
    """
    factor = matrix.factor(ridge)
    solved = scipy.linalg.cho_solve(factor, y, check_finite=False)
    n, outputs = y.shape
    determinant = 2 * np.log(factor[0].diagonal()).sum()
    fit = float(np.einsum("no,no->", y, solved))
    constant = n * math.log(2 * math.pi)
    return float(-(fit + outputs * (determinant + constant)) / 2), solved


def slope(
    matrix: TrainingMatrix, solved: Float[np.ndarray, "n outputs"], ridge: float
) -> Float[np.ndarray, "n n"]:
    """∂ log p / ∂M = (a aᵀ - M⁻¹) / 2 with a = M⁻¹ y, summed over outputs (eq. 5.9)."""
    factor, _ = matrix.factor(ridge)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=True, overwrite_c=True)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    return (solved @ solved.T - solved.shape[1] * inverse) / 2
