"""Gaussian moments of φ(X), X = αZ + β, computed without cancellation as α goes to 0.

With φ = m + α m₁ z + r (mean, linear part, rest) and φ' = m₁ + d, Stein's lemma makes r orthogonal
to 1 and z. The small quantities of the shaping equations are then sums of small terms:
    excess  = (C'(1) - 1) V = α² E d² - E r²
    tilt    = (Q'(1) - 1) V = α² m₁ E (z² - 1) d + α E z r d - E r²
while V = α² m₁² + E r² and E φ'² = m₁² + E d² are sums of squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from ..activations import ScalarFunction
from ..gaussian import gaussian_rule


Batch = Float64[np.ndarray, "..."]


@dataclass(frozen=True)
class Deviations:
    """Deviations of φ(αZ + β), one entry per β (or scalars).

    `excess` and `tilt` are those of the module's docstring, of the C map without its mean and of
    the Q map. `slope_power` is E φ'(X)², `bend` α E φ''(X) = E Z φ'(X), `twist` α² E φ'''(X) =
    E (Z² - 1) φ'(X), `bend_power` E φ''(X)².
    """

    alpha: float
    mean: Batch
    variance: Batch
    excess: Batch
    tilt: Batch
    slope_power: Batch
    bend: Batch
    twist: Batch
    bend_power: Batch | None


def deviations_on(
    phi: ScalarFunction, alpha: float, beta: Batch, z: Batch, w: Batch, *, curved: bool
) -> Deviations:
    """Deviations by nodes z, (n,) or (..., n), and weights w, for shifts β of shape (...,).

    `curved` asks for E φ''² too.
    """
    x = alpha * z + np.expand_dims(beta, -1)
    value, slope = phi.numpy(0)(x), phi.numpy(1)(x)
    mean, mean_slope = np.sum(w * value, -1), np.sum(w * slope, -1)
    d = slope - mean_slope[..., None]
    r = value - mean[..., None] - alpha * mean_slope[..., None] * z
    wd, wr = w * d, w * r
    rest, spread = np.sum(wr * r, -1), np.sum(wd * d, -1)
    twist = np.sum(wd * (z * z - 1), -1)
    return Deviations(
        alpha=alpha,
        mean=mean,
        variance=alpha**2 * mean_slope**2 + rest,
        excess=alpha**2 * spread - rest,
        tilt=alpha**2 * mean_slope * twist + alpha * np.sum(wr * z * d, -1) - rest,
        slope_power=mean_slope**2 + spread,
        bend=np.sum(wd * z, -1),
        twist=twist,
        bend_power=np.sum(w * phi.numpy(2)(x) ** 2, -1) if curved else None,
    )


def deviations(
    phi: ScalarFunction, alpha: float, beta: float, *, curved: bool = False
) -> Deviations:
    """Deviations at one (α, β) to rounding, by the activation's own rule."""
    z, w = gaussian_rule(phi, alpha, beta)
    return deviations_on(phi, alpha, np.asarray(beta), z, w, curved=curved)
