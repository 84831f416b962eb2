"""The exact profile of a stretch: its kernel at many gaps, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..algebra import Second
from ..ir import Network, Run
from ._frame import Frame
from ._gram import GramAlgebra
from ._numbers import Field, Pair
from ._ring import JaxRing
from ._stretch import Stretch
from ._walk import Walker


def sampler(
    network: Network, runs: Sequence[Run], stretch: Stretch, standard: bool = False
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Gaps (m,) -> drop, ntk and, where an NTK comes in, response, each (m,).

    The layers are folded over an array of pairs, one for each gap, and repeated blocks are
    loops: 10,000 layers take about as long to compile as 10.
    """
    frame = Frame(rank=0, paired=True)
    inside = runs[stretch.start : stretch.stop]
    gaussian, mean = stretch.enters

    def walked(gap: Any, theta: Any, tangent: bool) -> Second[Any]:
        algebra = GramAlgebra(JaxRing(frame, stretch.reach), None, tangent, standard)
        q = stretch.q
        second = Second(q, (Field(Pair(q, q, q * gap, gap)),), (theta,))
        signal = algebra.atom_signal(second, mean, gaussian=gaussian)
        return Walker(network, inside, algebra, {}).walk(signal).second

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


def _theta(second: Second[Any]) -> Any:
    assert second.theta is not None
    return second.theta[0]
