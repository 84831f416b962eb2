"""Planning: which runs of a network can be one function of the gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._errors import KernelcError
from ..ir import Network, Run
from ._blank import BlankAlgebra
from ._degree import DegreeReading
from ._gram import DataState, GramAlgebra
from ._numbers import PerSide
from ._reach import QTrajectory, passed
from ._scalar_segment import ScalarSegment
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

    def walk(self, state: DataState) -> DataState:
        i = 0
        while i < len(self.runs):
            stretch = self._stretch(i, state)
            if stretch is not None:
                self.found[i] = stretch
                state, i = stretch.apply(self.algebra, state), stretch.stop
            else:
                state, i = self.repeated(self.runs[i], state), i + 1
        return state

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
            responds=not _is_zero(state.second.theta),
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


def _is_zero(theta: Any) -> bool:
    return theta is None or (isinstance(theta[0], float) and theta[0] == 0)
