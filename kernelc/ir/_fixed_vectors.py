"""FixedVectors: what a kernel rule knows of vectors that stand at locations and do not train."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float64

from ._rule_arguments import Real


@dataclasses.dataclass(frozen=True, eq=False)
class FixedVectors:
    """Vectors t(p) of mean square `variance` at all locations, the same for all inputs.

    Arguments:
        variance: mean over channels of t(p)^2.
        gaps: 1 - <t(p), t(p')> / <t(p), t(p)>.
        means: mean over channels of t(p), over the root of `variance`.
    """

    variance: Real
    gaps: Float64[np.ndarray, "locations locations"]
    means: Float64[np.ndarray, " locations"]
