"""q values through a network, before any pair is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from .._errors import UnsupportedError
from ..activations import ScalarFunction
from ..algebra import FIXED, FloatBackend, KernelState, PairAlgebra, SecondMoments
from ..gaussian import closed_line
from ..ir import (
    FixedAttention,
    FixedVectors,
    Flattened,
    KernelAlgebra,
    LocationMap,
    Network,
    Run,
    Weights,
)


S = TypeVar("S")
Number = float | np.ndarray
FloatState = KernelState[Number]
# q values that repeat to this, relative, will go on doing so.
_SETTLED = 1e-13
# Moments at larger q values take ever longer to integrate.
_LARGEST = 1e6
# How far above the mean over locations a q value may be before rules are made anew.
_UNEVEN = 8.0


Span = tuple[float, float]
"""The smallest and the largest q value seen."""


class _Recorder(FloatBackend):
    """Keeps the range of q values each activation has seen; covariances are those at c = 1."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[ScalarFunction, Span] = {}

    def _saw(self, phi: ScalarFunction, q: float) -> None:
        if q > _LARGEST and phi.homogeneity is None and closed_line(phi, q) is None:
            raise UnsupportedError(
                where=phi.name,
                found=f"q values up to {q:.3g} at {phi.name}",
                law=f"beyond a q value of {_LARGEST:g} an activation sees its tails alone",
                remedy="normalize the inputs (kernelc.PLN), or use weights that keep q near 1",
            )
        low, high = self.seen.get(phi, (q, q))
        self.seen[phi] = (min(low, q), max(high, q))

    def q_map(self, phi: ScalarFunction, q: Number) -> float:
        self._saw(phi, float(q))
        return super().q_map(phi, q)

    def dual(self, phi: ScalarFunction, q: Number, k: object, order: int = 0) -> float:
        return self.q_map(phi, q)

    def cross_dual(
        self,
        phi: ScalarFunction,
        psi: ScalarFunction,
        q1: Number,
        q2: Number,
        k: Number,
        order: int = 0,
    ) -> Number:
        self._saw(phi, float(q1))
        self._saw(psi, float(q2))
        return super().cross_dual(phi, psi, q1, q2, k, order)


class QUpperBound(PairAlgebra[Number]):
    """q values at most: a mean over locations is no larger than what it averages.

    Inputs count as alike at all locations. `levels` lists normalizations that divide by a mean
    over locations: behind one a location may have a q value above that mean.
    """

    def __init__(self, backend: FloatBackend) -> None:
        super().__init__(backend)
        self.levels: list[str] = []
        self._flattened: list[str] = []

    def mix(self, s: FloatState, locations: LocationMap) -> FloatState:
        if isinstance(locations, Flattened) and math.prod(locations.locations) > 1:
            self._flattened.append(self.site.name)
        return s if locations.gain == 1 else self.weighted_sum([s], [math.sqrt(locations.gain)])

    def fixed(self, s: FloatState, vectors: FixedVectors) -> FloatState:
        # Centering lowers q: at most it takes nothing away.
        return self.state_of(super().fixed(s, vectors).second, 0.0, FIXED)

    def normalize(self, s: FloatState, center: bool, over_locations: bool) -> FloatState:
        if over_locations or self._flattened:
            self.levels.append(self.site.name)
        return super().normalize(s, center, over_locations)

    def batch_normalize(self, s: FloatState) -> FloatState:
        return s  # the rules on data refuse it, and say why


class UniformAlgebra(PairAlgebra[Number]):
    """The rules that act alike at all locations and inputs, and refuse all others.

    Between two of the nodes it refuses, the kernel is a function of one variable.
    """

    def fresh(
        self,
        s: FloatState,
        weights: Weights,
        read: FloatState | None = None,
        trained: Callable[[], FloatState] | None = None,
    ) -> FloatState:
        if self.standard and trained is not None:
            # Taps that start at zero and train see other locations, with Theta or without.
            trained()
        return super().fresh(s, weights, read, trained)

    def mix(self, s: FloatState, locations: LocationMap) -> FloatState:
        return s if locations.identity else self._unlike(s, locations.text())

    def attend(
        self, query: FloatState, key: FloatState, value: FloatState, attention: FixedAttention
    ) -> FloatState:
        return self._unlike(value, "attention")

    def fixed(self, s: FloatState, vectors: FixedVectors) -> FloatState:
        return self._unlike(s, "a table of vectors")

    def dropout(self, s: FloatState, keep: float) -> FloatState:
        return s if keep == 1 else self._unlike(s, "dropout")

    def batch_normalize(self, s: FloatState) -> FloatState:
        return self._unlike(s, "batch norm")

    def normalize(self, s: FloatState, center: bool, over_locations: bool) -> FloatState:
        if over_locations:
            return self._unlike(s, "layer norm over locations")
        return super().normalize(s, center, over_locations)

    def _unlike(self, s: FloatState, what: str) -> FloatState:
        return self.unsupported([s], f"{what} treats locations or inputs unlike", "nothing to mend")


def passed(
    network: Network,
    algebra: KernelAlgebra[S],
    run: Run,
    state: S,
    same: Callable[[S, S], bool] | None = None,
) -> S:
    """The state after a run of blocks; stops repeating once `same` says nothing changes."""
    for _ in range(run.count):
        before = state
        state = through(network, algebra, run, state)
        if same is not None and same(before, state):
            break
    return state


def through(network: Network, algebra: Any, run: Run, state: S) -> S:
    """The state after one block of a run."""
    for segment in run.block:
        entered = algebra.seal(state)
        values = network.fold(algebra, entered, segment.nodes, segment.start)
        state = values[segment.stop]
    return state


def settled(before: FloatState, after: FloatState) -> bool:
    """Whether a block has left the q value and the mean where they were."""

    def close(a: Number | None, b: Number | None) -> bool:
        if a is None or b is None:
            return a is b
        return bool(abs(a - b) <= _SETTLED * abs(b))

    return (
        close(before.second.q, after.second.q)
        and close(before.mean, after.mean)
        and before.gaussian == after.gaussian
        and not before.parts
        and not after.parts
    )


def start(algebra: PairAlgebra[Number], q: float) -> FloatState:
    """The raw input at one q value, paired with itself."""
    return algebra.state_of(SecondMoments(q, (q,), None), None)


def spans(
    network: Network, found: Sequence[Run], inputs: Sequence[float]
) -> dict[ScalarFunction, Span]:
    """The q values each activation sees, for inputs of these q values."""

    def walk(algebra: QUpperBound, state: FloatState) -> None:
        for run in found:
            state = passed(network, algebra, run, state, settled)

    return spans_along(walk, inputs)


def spans_along(
    walk: Callable[[QUpperBound, FloatState], None], inputs: Sequence[float]
) -> dict[ScalarFunction, Span]:
    """The q values each activation sees where a walk goes from inputs of these q values."""
    backend, levels = _Recorder(), False
    for q in inputs:
        algebra = QUpperBound(backend)
        walk(algebra, start(algebra, q))
        levels = levels or bool(algebra.levels)
    # Q maps need not be monotone between the q values that were tried.
    room = 1.1 * (_UNEVEN if levels else 1.0)
    return {phi: (low / room, room * high) for phi, (low, high) in backend.seen.items()}


class QTrajectory:
    """One q value through consecutive runs of a network, as far as all rules act alike."""

    def __init__(
        self,
        network: Network,
        q: float,
        mean: float | None,
        gaussian: bool,
        standard: bool = False,
    ) -> None:
        self.network = network
        self.backend = _Recorder()
        self.algebra = UniformAlgebra(self.backend, standard=standard)
        self.state = self.algebra.state_of(SecondMoments(q, (q,), None), mean, gaussian=gaussian)

    def advance(self, run: Run) -> None:
        """Go through one more run.

        Raises:
            KernelcError: a rule that does not act alike everywhere.
        """
        self.state = passed(self.network, self.algebra, run, self.state, settled)

    @property
    def reach(self) -> dict[ScalarFunction, Span]:
        """The q values each activation has seen."""
        return dict(self.backend.seen)
