"""Program: a network compiled for one kind of input, and its evaluation on arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from functools import cached_property, partial

import jax
import jax.numpy as jnp

from .._errors import DataError, UnsupportedError
from ..approximation import fit
from ..ir import Network, NetworkNode, Run, kernel_key, runs
from ._array_backend import ArrayBackend
from ._ends import answered, entered, frame_of, mixes_locations
from ._gram import BlankAlgebra, GramAlgebra
from ._locations import Same
from ._matrices import KernelMatrices
from ._numbers import Pair
from ._plan import Planner, sampler
from ._reach import spans
from ._scalar_segment import ScalarSegment
from ._walk import Walker


# q values between the largest one and this part of it are tried for the largest q inside.
SMALLER = (1.0, 0.25, 0.0625)


class Program:
    """What kernel matrices of a network are computed by.

    Arguments:
        network: the network.
        q: the one q value of all inputs, None when they may differ.
        largest: a bound on the q values of inputs.
        standard: whether NTKs are those of the standard parameterization.
        like: a program of this network for other q values; where these do not matter, what
            it found serves again.
        blank: whether inputs may be zero at some location, where a layer has no limit at zero.
        room: factor by which q values inside may leave the range that inputs alike at all
            locations have there: a layer norm over locations makes bright ones brighter.

    Raises:
        KernelcError: a network without a known kernel, by the name of the node.
    """

    def __init__(
        self,
        network: Network,
        q: float | None,
        largest: float,
        standard: bool = False,
        like: Program | None = None,
        blank: bool = False,
        room: float = 1.0,
    ) -> None:
        self.network, self.q, self.largest, self.standard = network, q, largest, standard
        self.blank = blank
        self.runs = tuple(runs(network, _standard_key if standard else numeric_key, nested=True))
        self.mixes = mixes_locations(network)
        bounds = [q] if q is not None else [largest * part for part in SMALLER]
        found = spans(network, self.runs, bounds)
        self.reach = {phi: (low / room, high * room) for phi, (low, high) in found.items()}
        self.unfitted: dict[int, UnsupportedError] = {}
        self._planned(like)

    def _planned(self, like: Program | None) -> None:
        """Find the stretches on stand-in arrays, then fit each that is not known."""
        if like is not None and self._planned_alike(like):
            self.plan, self.stretches, self.unfitted = like.plan, like.stretches, like.unfitted
            return
        takes = self.network.input_format
        planners: list[Planner] = []

        def trace(x1: jax.Array, x2: jax.Array) -> jax.Array:
            backend = ArrayBackend(frame_of(self.network, paired=False, sharp=False), self.reach)
            algebra = self._algebra(backend, None)
            planners.append(Planner(self.network, self.runs, algebra))
            state = entered(algebra, takes, x1, x2, None, self.q, ntk=True, sharp=False)
            return planners[0].walk(state).second.k[0].cross.drop

        jax.eval_shape(trace, takes.like(2), takes.like(3))
        self.plan = planners[0]
        self.stretches: dict[int, ScalarSegment] = {}
        for start, stretch in self.plan.found.items():
            if like is not None and like.plan.found.get(start) == stretch:
                found = like.stretches.get(start, like.unfitted.get(start))
            else:
                found = self._fitted(stretch)
            if isinstance(found, UnsupportedError):
                self.unfitted[start] = found
            elif found is not None:
                self.stretches[start] = found

    def _planned_alike(self, like: Program) -> bool:
        """Whether the plan of `like` is this one's: `rule_for` asks for no range of q values."""
        if (self.q, self.blank) != (like.q, like.blank) or like.plan.algebra.backend.cross_rules:
            return False
        ranges = [(self.reach[phi][1], like.reach[phi][1], phi.homogeneity) for phi in self.reach]
        return all(degree in (0, 1) and (a == 0) == (b == 0) for a, b, degree in ranges)

    def _fitted(self, stretch: ScalarSegment) -> ScalarSegment | UnsupportedError:
        """The stretch with its series, or why it has none."""
        sample = sampler(self.network, self.runs, stretch, self.standard)
        try:
            return dataclasses.replace(stretch, profile=fit(sample))
        except DataError as error:
            return UnsupportedError(error.where, error.found, error.law, error.remedy)
        except UnsupportedError as error:
            return error

    @property
    def bounded(self) -> bool:
        """Whether activations outside of stretches are computed for q values up to a bound."""
        return self.q is None and not self.short

    @property
    def roomy(self) -> bool:
        """Whether more room would let q values pass that are NaN now."""
        return any(rule.bounded for rule in self.plan.algebra.backend.rules.values())

    @cached_property
    def short(self) -> bool:
        """Whether all nonlinearities lie in stretches, so that an entry costs next to nothing."""
        inside = {i for s in self.stretches.values() for i in range(s.start, s.stop)}
        return not any(
            node.layer.nonlinearity() is not None
            for i, run in enumerate(self.runs)
            if i not in inside
            for node in self.nodes_of(run)
        )

    def nodes_of(self, run: Run) -> list[NetworkNode]:
        """The nodes of the first block of a run."""
        return [self.network.nodes[i] for s in run.block for i in range(s.start + 1, s.stop + 1)]

    def _algebra(self, backend: ArrayBackend, same: Same) -> GramAlgebra:
        kind = BlankAlgebra if self.blank else GramAlgebra
        return kind(backend, same, standard=self.standard)

    @partial(jax.jit, static_argnames=("self", "get"))
    def square(self, x: jax.Array, *, get: tuple[str, ...]) -> KernelMatrices:
        """The symmetric matrices of one set of inputs: the entry sees that both sides are one."""
        return self.evaluate(x, x, symmetric=True, paired=False, get=get)

    def evaluate(
        self,
        x1: jax.Array,
        x2: jax.Array,
        row: jax.Array | int = 0,
        column: jax.Array | int = 0,
        *,
        symmetric: bool,
        paired: bool,
        get: tuple[str, ...],
    ) -> KernelMatrices:
        """Kernel matrices of two arrays of inputs.

        Arguments:
            x1, x2: (n1, *input_shape), (n2, *input_shape), float32 or float64, or tokens.
            row, column: where x1 and x2 lie in the one set of inputs, when `symmetric`.
            symmetric: whether both come from one set of inputs.
            paired: whether inputs are paired one by one.
            get: what to compute.
        """
        same: Same = True if paired and symmetric else None
        if symmetric and not paired:
            rows, columns = jnp.arange(x1.shape[0]), jnp.arange(x2.shape[0])
            same = (row + rows)[:, None] == (column + columns)[None, :]
        sharp = "gap" in get
        backend = ArrayBackend(frame_of(self.network, paired, sharp), self.reach, sharp)
        algebra = self._algebra(backend, same)
        takes = self.network.input_format
        state = entered(algebra, takes, x1, x2, same, self.q, "ntk" in get, sharp)
        entering = state.second.k[0].cross
        out = Walker(self.network, self.runs, algebra, self.stretches).walk(state)
        return answered(self.network, algebra.frame, out, get, self._broken(entering))

    compute = jax.jit(evaluate, static_argnames=("self", "symmetric", "paired", "get"))
    """`evaluate`, compiled."""

    def _broken(self, pair: Pair) -> jax.Array | None:
        """Where a q value lies beyond the bound the program was compiled for."""
        if not self.bounded:
            return None
        bound = self.largest * 1.001
        return jnp.greater(pair.left, bound) | jnp.greater(pair.right, bound)


def numeric_key(node: NetworkNode) -> Hashable:
    """Equal keys mean equal rules on data: what loops over repeats compare."""
    shapes = node.in_shapes
    locations = tuple(shape[:-1] for shape in shapes)
    layer = node.layer
    return kernel_key(node), layer.location_key(shapes), locations, node.shape[:-1]


def _standard_key(node: NetworkNode) -> Hashable:
    """Fan-ins and biases count too."""
    return numeric_key(node), node.layer, node.in_shapes
