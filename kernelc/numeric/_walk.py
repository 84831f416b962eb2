"""The fold over a network's runs: repeated blocks become loops, stretches one function."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..algebra import SecondMoments
from ..ir import Flattened, Network, Run
from ._gram import DataState, GramAlgebra
from ._numbers import PairMoments, PerSide
from ._reach import through
from ._scalar_segment import ScalarSegment


# Blocks whose q value is a known number are tried this often before it becomes a variable.
_PATIENCE = 3
# Rounding may move a known q value by this, relative, without moving it.
_SETTLED = 1e-12


class Walker:
    """Takes a state through the runs of a network."""

    def __init__(
        self,
        network: Network,
        runs: Sequence[Run],
        algebra: GramAlgebra,
        stretches: Mapping[int, ScalarSegment],
    ) -> None:
        self.network, self.runs, self.algebra = network, runs, algebra
        self.stretches = stretches

    def walk(self, state: DataState) -> DataState:
        """The state at the output."""
        i = 0
        while i < len(self.runs):
            stretch = self.stretch(i, state)
            if stretch is not None:
                state, i = stretch.apply(self.algebra, state), stretch.stop
            else:
                state, i = self.repeated(self.runs[i], state), i + 1
        return state

    def stretch(self, start: int, state: DataState) -> ScalarSegment | None:
        """The stretch from this run on, if there is one."""
        return self.stretches.get(start)

    def repeated(self, run: Run, state: DataState) -> DataState:
        """The state after all blocks of a run.

        Blocks are traced one by one until one leaves the kind of state unchanged; the rest is
        one loop.
        """
        for done in range(1, run.count + 1):
            before, entered = _Packed.of(state), state
            state = through(self.network, self.algebra, run, state)
            after = _Packed.of(state)
            if done == run.count:
                break
            if after.kind == before.kind:
                return self._loop(run, after, run.count - done)
            if done >= _PATIENCE:
                freed = after.freed(before)
                if freed is not None:
                    state = self.algebra.seal(freed.state(self.algebra))
                    continue
            del entered
        return state

    def _loop(self, run: Run, packed: _Packed, count: int) -> DataState:
        def step(_: jax.Array, arrays: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
            state = packed.with_arrays(arrays).state(self.algebra)
            return _Packed.of(through(self.network, self.algebra, run, state)).arrays

        if count == 0:
            return packed.state(self.algebra)
        arrays = jax.lax.fori_loop(0, count, step, packed.arrays)
        return packed.with_arrays(arrays).state(self.algebra)


@dataclasses.dataclass(frozen=True)
class _Packed:
    """A state as arrays and everything else: two states of one kind may take turns in a loop."""

    leaves: tuple[Any, ...]
    structure: Any
    nature: tuple[Any, ...]

    @classmethod
    def of(cls, state: DataState) -> _Packed:
        tree, nature = _content(state)
        leaves, structure = jax.tree.flatten(tree)
        return cls(tuple(leaves), structure, nature)

    @property
    def arrays(self) -> tuple[jax.Array, ...]:
        return tuple(leaf for leaf in self.leaves if not isinstance(leaf, float))

    @property
    def kind(self) -> tuple[object, ...]:
        shown = (
            leaf if isinstance(leaf, float) else (jnp.shape(leaf), jnp.result_type(leaf))
            for leaf in self.leaves
        )
        return self.structure, self.nature, tuple(shown)

    def with_arrays(self, arrays: Sequence[jax.Array]) -> _Packed:
        left = iter(arrays)
        leaves = (leaf if isinstance(leaf, float) else next(left) for leaf in self.leaves)
        return dataclasses.replace(self, leaves=tuple(leaves))

    def freed(self, before: _Packed) -> _Packed | None:
        """The same with numbers that differ from `before` made arrays; None when none does."""
        if before.structure != self.structure:
            return None
        kind = next((leaf.dtype for leaf in self.leaves if not isinstance(leaf, float)), None)
        pairs = list(zip(self.leaves, before.leaves, strict=True))
        if not any(isinstance(a, float) and isinstance(b, float) and a != b for a, b in pairs):
            return None
        leaves = (jnp.asarray(a, kind) if isinstance(a, float) and a != b else a for a, b in pairs)
        return dataclasses.replace(self, leaves=tuple(leaves))

    def state(self, algebra: GramAlgebra) -> DataState:
        tree = jax.tree.unflatten(self.structure, self.leaves)
        return _rebuilt(algebra, tree, self.nature)


def _content(state: DataState) -> tuple[PyTree, tuple[Any, ...]]:
    if state.parts:
        found = [_content(part) for _, part in state.parts]
        shares = tuple(share for share, _ in state.parts)
        return [tree for tree, _ in found], ("parts", shares, tuple(n for _, n in found))
    if state.spread:
        whole, locations = state.spread
        tree, nature = _content(whole)
        return tree, ("spread", locations, nature)
    second = state.second
    field = second.k[0]
    cross = field.cross
    if cross.uniform:
        cross = dataclasses.replace(cross, known_gap=None)
    q = second.q if isinstance(second.q, PerSide) else (second.q,)
    tree = (q, PairMoments(cross, field.own), second.theta, state.mean)
    return tree, (state.gaussian, isinstance(second.q, PerSide))


def _rebuilt(algebra: GramAlgebra, tree: PyTree, nature: tuple[Any, ...]) -> DataState:
    if nature[0] == "parts":
        _, shares, natures = nature
        parts = [_rebuilt(algebra, t, n) for t, n in zip(tree, natures, strict=True)]
        return algebra.concat(parts, list(shares))
    if nature[0] == "spread":
        _, locations, inner = nature
        return algebra.mix(_rebuilt(algebra, tree, inner), Flattened(locations))
    q, field, theta, mean = tree
    gaussian, per_input = nature
    second = SecondMoments(q if per_input else q[0], (field,), theta)
    return algebra.state_of(second, mean, gaussian=gaussian)
