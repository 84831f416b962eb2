"""The fold over a network's runs: repeated blocks become loops, stretches one function."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..algebra import Second, Signal
from ..ir import Network, Run
from ._gram import DataSignal, GramAlgebra
from ._numbers import Field, PerInput
from ._reach import through
from ._stretch import Stretch


# Blocks whose q value is a known number are tried this often before it becomes a variable.
_PATIENCE = 3
# Rounding may move a known q value by this, relative, without moving it.
_SETTLED = 1e-12


class Walker:
    """Takes a signal through the runs of a network.

    Arguments:
        network, runs: the graph, cut into runs of isomorphic blocks.
        algebra: the rules.
        stretches: runs that are evaluated as one function of the gap, by where they start.
    """

    def __init__(
        self,
        network: Network,
        runs: Sequence[Run],
        algebra: GramAlgebra,
        stretches: Mapping[int, Stretch],
    ) -> None:
        self.network, self.runs, self.algebra = network, runs, algebra
        self.stretches = stretches

    def walk(self, signal: DataSignal) -> DataSignal:
        """The signal at the output."""
        i = 0
        while i < len(self.runs):
            stretch = self.stretches.get(i)
            if stretch is not None:
                signal, i = stretch.apply(self.algebra, signal), stretch.stop
            else:
                signal, i = self.repeated(self.runs[i], signal), i + 1
        return signal

    def repeated(self, run: Run, signal: DataSignal) -> DataSignal:
        """The signal after all blocks of a run.

        Blocks are traced one by one until one leaves the kind of signal unchanged; the rest is
        one loop.
        """
        for done in range(1, run.count + 1):
            before, entered = _Packed.of(signal), signal
            signal = through(self.network, self.algebra, run, signal)
            after = _Packed.of(signal)
            if done == run.count:
                break
            if after.kind == before.kind:
                return self._loop(run, after, run.count - done)
            if done >= _PATIENCE:
                freed = after.freed(before)
                if freed is not None:
                    signal = self.algebra.seal(freed.signal(self.algebra))
                    continue
            del entered
        return signal

    def _loop(self, run: Run, packed: _Packed, count: int) -> DataSignal:
        def step(_: Any, arrays: Any) -> Any:
            signal = packed.with_arrays(arrays).signal(self.algebra)
            return _Packed.of(through(self.network, self.algebra, run, signal)).arrays

        if count == 0:
            return packed.signal(self.algebra)
        arrays = jax.lax.fori_loop(0, count, step, packed.arrays)
        return packed.with_arrays(arrays).signal(self.algebra)


@dataclasses.dataclass(frozen=True)
class _Packed:
    """A signal as arrays and everything else: two signals of one kind may take turns in a loop."""

    leaves: tuple[Any, ...]
    structure: Any
    nature: tuple[Any, ...]

    @classmethod
    def of(cls, signal: DataSignal) -> _Packed:
        tree, nature = _content(signal)
        leaves, structure = jax.tree.flatten(tree)
        return cls(tuple(leaves), structure, nature)

    @property
    def arrays(self) -> tuple[Any, ...]:
        return tuple(leaf for leaf in self.leaves if not isinstance(leaf, float))

    @property
    def kind(self) -> Any:
        shown = (
            leaf if isinstance(leaf, float) else (jnp.shape(leaf), jnp.result_type(leaf))
            for leaf in self.leaves
        )
        return self.structure, self.nature, tuple(shown)

    def with_arrays(self, arrays: Sequence[Any]) -> _Packed:
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

    def signal(self, algebra: GramAlgebra) -> DataSignal:
        tree = jax.tree.unflatten(self.structure, self.leaves)
        return _rebuilt(algebra, tree, self.nature)


def _content(signal: DataSignal) -> tuple[Any, tuple[Any, ...]]:
    if signal.parts:
        found = [_content(part) for _, part in signal.parts]
        shares = tuple(share for share, _ in signal.parts)
        return [tree for tree, _ in found], ("parts", shares, tuple(n for _, n in found))
    if signal.spread:
        whole, locations = signal.spread
        tree, nature = _content(whole)
        return tree, ("spread", locations, nature)
    second = signal.second
    field = second.k[0]
    cross = field.cross
    if cross.uniform:
        cross = dataclasses.replace(cross, known_gap=None)
    q = second.q if isinstance(second.q, PerInput) else (second.q,)
    tree = (q, Field(cross, field.own), second.theta, signal.mean)
    return tree, (signal.gaussian, isinstance(second.q, PerInput))


def _rebuilt(algebra: GramAlgebra, tree: Any, nature: tuple[Any, ...]) -> Signal[Any]:
    if nature[0] == "parts":
        _, shares, natures = nature
        parts = [_rebuilt(algebra, t, n) for t, n in zip(tree, natures, strict=True)]
        return algebra.concat(parts, list(shares))
    if nature[0] == "spread":
        _, locations, inner = nature
        return algebra.flatten(_rebuilt(algebra, tree, inner), locations)
    q, field, theta, mean = tree
    gaussian, per_input = nature
    second = Second(q if per_input else q[0], (field,), theta)
    return algebra.atom_signal(second, mean, gaussian=gaussian)
