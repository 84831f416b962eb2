"""The exact profile of a stretch: its kernel at many gaps, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..algebra import SecondMoments
from ..ir import Network, Run
from ._array_backend import ArrayBackend
from ._gram import GramAlgebra
from ._numbers import Pair, PairMoments
from ._pair_layout import PairLayout
from ._scalar_segment import ScalarSegment
from ._walk import Walker


def sampler(
    network: Network, runs: Sequence[Run], stretch: ScalarSegment, standard: bool = False
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Gaps (m,) -> drop, ntk and, where an NTK comes in, response, each (m,).

    The layers are folded over an array of pairs, one for each gap, and repeated blocks are
    loops: 10,000 layers take about as long to compile as 10.
    """
    frame = PairLayout(rank=0, paired=True)
    inside = runs[stretch.start : stretch.stop]
    gaussian, mean = stretch.enters

    def walked(gap: Any, theta: Any, tangent: bool) -> SecondMoments[Any]:
        algebra = GramAlgebra(ArrayBackend(frame, stretch.reach), None, tangent, standard)
        q = stretch.q
        second = SecondMoments(q, (PairMoments(Pair(q, q, q * gap, gap)),), (theta,))
        state = algebra.state_of(second, mean, gaussian=gaussian)
        return Walker(network, inside, algebra, {}).walk(state).second

    def profile(gap: Any) -> dict[str, Any]:
        out = walked(gap, jnp.zeros_like(gap), tangent=False)
        # Relative to the q value going out: a deep net may make it too small for float32.
        drop = jnp.where(gap == 0, 0.0, out.k[0].cross.drop) / stretch.q_out
        found = {"drop": drop, "ntk": _theta(out) / stretch.q_out}
        if stretch.responds:
            along = walked(gap, jnp.ones_like(gap), tangent=True)
            found["response"] = _theta(along) / stretch.q_out
        return found

    compiled = jax.jit(profile)

    def sample(gaps: np.ndarray) -> dict[str, np.ndarray]:
        with jax.enable_x64(True):
            found = compiled(jnp.asarray(gaps, jnp.float64))
            return {name: np.asarray(values) for name, values in found.items()}

    return sample


def _theta(second: SecondMoments[Any]) -> Any:
    assert second.theta is not None
    return second.theta[0]
