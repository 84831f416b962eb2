"""Planning: which runs of a network are one function of the gap, and its samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import KernelcError
from ..algebra import SecondMoments
from ..ir import Network, Run
from ._array_backend import ArrayBackend
from ._gram import BlankAlgebra, DataState, GramAlgebra
from ._numbers import Pair, PairLayout, PairMoments, PerSide
from ._reach import QTrajectory, passed
from ._readings import DegreeReading
from ._scalar_segment import ScalarSegment, is_zero
from ._walk import Walker


# x^3 ten times over is of degree 3^10: no float holds its q values.
_LARGEST_DEGREE = 64
# One rectifier alone is as cheap as a series.
_WORTHWHILE = 2


class Planner(Walker):
    """Walks a network on stand-in arrays and notes where one variable is enough."""

    def __init__(self, network: Network, runs: Sequence[Run], algebra: GramAlgebra) -> None:
        self.found: dict[int, ScalarSegment] = {}
        self.refusals: dict[int, KernelcError] = {}
        super().__init__(network, runs, algebra, self.found)

    def stretch(self, start: int, state: DataState) -> ScalarSegment | None:
        found = self._stretch(start, state)
        if found is not None:
            self.found[start] = found
        return found

    def _stretch(self, start: int, state: DataState) -> ScalarSegment | None:
        """The longest stretch from here, None when there is none worth its while."""
        q, mean = state.second.q, state.mean
        homogeneous = isinstance(q, PerSide)
        if state.parts or not (homogeneous or (isinstance(q, float) and q > 0)):
            return None
        if not (mean is None or isinstance(mean, float)) or (homogeneous and mean):
            return None
        degree = 1 if homogeneous else None
        entry = 1.0 if homogeneous else q
        standard = self.algebra.standard
        orbit = QTrajectory(self.network, entry, mean, state.gaussian, standard)
        best, work = None, 0
        for stop in range(start, len(self.runs)):
            run = self.runs[stop]
            if homogeneous:
                degrees = DegreeReading(standard)
                degree = passed(self.network, degrees, run, degree, lambda a, b: a == b)
                if degree is None or degree > _LARGEST_DEGREE:
                    break
                if degree == 0 and isinstance(self.algebra, BlankAlgebra):
                    break  # q values behind it are those of an input of zeros, or of others
            try:
                orbit.advance(run)
            except KernelcError as error:
                self.refusals[stop] = error
                break
            work += self._work(run)
            out = orbit.state
            # Weights of zero, as some heads start with, leave nothing to be relative to.
            if work >= _WORTHWHILE and not out.parts and out.second.q > 0:
                best = stop + 1, degree, out, orbit.reach
        if best is None:
            return None
        stop, degree, out, reach = best
        return ScalarSegment(
            start=start,
            stop=stop,
            q=entry,
            degree=degree,
            q_out=float(out.second.q),
            mean=None if out.mean is None else float(out.mean),
            gaussian=out.gaussian,
            enters=(state.gaussian, mean),
            responds=state.second.theta is not None and not is_zero(state.second.theta[0]),
            reach=reach,
            nodes=(self._first(start), self._last(stop - 1)),
        )

    def _work(self, run: Run) -> int:
        """Nonlinearities in all blocks of a run; those without a short closed form count twice."""
        inside = (i for s in run.block for i in range(s.start + 1, s.stop + 1))
        found = (self.network.nodes[i].layer.nonlinearity() for i in inside)
        closed = ((phi is not None, phi is not None and phi.homogeneity in (0, 1)) for phi in found)
        return run.count * sum(2 - short for bends, short in closed if bends)

    def _first(self, index: int) -> str:
        return self.network.nodes[self.runs[index].block[0].start + 1].name

    def _last(self, index: int) -> str:
        run = self.runs[index]
        period = run.block[-1].stop - run.block[0].start
        return self.network.nodes[run.block[0].start + period * run.count].name


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

    def walked(gap: jax.Array, theta: jax.Array, tangent: bool) -> SecondMoments[Any]:
        algebra = GramAlgebra(ArrayBackend(frame, stretch.reach), None, tangent, standard)
        q = stretch.q
        second = SecondMoments(q, (PairMoments(Pair(q, q, q * gap, gap)),), (theta,))
        state = algebra.state_of(second, mean, gaussian=gaussian)
        return Walker(network, inside, algebra, {}).walk(state).second

    def profile(gap: jax.Array) -> dict[str, jax.Array]:
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


def _theta(second: SecondMoments[Any]) -> jax.Array:
    assert second.theta is not None
    return second.theta[0]
