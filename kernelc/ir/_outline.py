"""A graph as a path of steps, forks, subgraphs and repeats, for text and drawings."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Sequence

from ._assembly import NetworkNode
from ._graph import Graph
from ._structure import repeats


@dataclasses.dataclass(frozen=True)
class Step:
    """One node that reads the value before it."""

    index: int


@dataclasses.dataclass(frozen=True)
class Fork:
    """Branches from one value that meet in `join`, in the order it reads them.

    An empty branch is a skip: `join` reads the value itself.
    """

    branches: tuple[Path, ...]
    join: int


@dataclasses.dataclass(frozen=True)
class Subgraph:
    """Nodes from the value of `entry` that are neither a path nor branches side by side."""

    entry: int
    nodes: tuple[int, ...]
    path: Path


@dataclasses.dataclass(frozen=True)
class Repeat:
    """`count` equal copies of `path`, which is the first; `last` is the last node of all."""

    path: Path
    count: int
    first: int
    last: int


Part = Step | Fork | Subgraph | Repeat
Path = tuple[Part, ...]
Key = Callable[[NetworkNode], Hashable]

# Nested deeper than this no sketch is readable, and Python's stack is finite.
_DEEPEST = 24


def exact(node: NetworkNode) -> Hashable:
    """What makes two nodes look the same: layer and shapes."""
    return node.layer, node.shape, node.in_shapes


def outline(network: Graph, key: Key = exact) -> Path:
    """The nodes after the input as steps, forks and subgraphs, equal neighbors folded."""
    sketch = _Sketch(network, key)
    return sketch.path(0, range(1, len(network)), 0)[0]


def first_node(part: Part) -> int:
    """The first node of a part in topological order."""
    if isinstance(part, Step):
        return part.index
    if isinstance(part, Subgraph):
        return part.nodes[0]
    if isinstance(part, Repeat):
        return part.first
    return min((first_node(path[0]) for path in part.branches if path), default=part.join)


def last_node(part: Part) -> int:
    """The node whose value leaves a part."""
    if isinstance(part, Step):
        return part.index
    if isinstance(part, Subgraph):
        return part.nodes[-1]
    return part.last if isinstance(part, Repeat) else part.join


class _Sketch:
    """Builds parts with a number for each: equal numbers, equal structure."""

    def __init__(self, network: Graph, key: Key) -> None:
        self.network, self.key = network, key
        self.codes: dict[Hashable, int] = {}

    def path(self, entry: int, nodes: Sequence[int], depth: int) -> tuple[Path, tuple[int, ...]]:
        """`nodes` in order, all fed from `entry` alone, all leading to the last of them."""
        parts: list[Part] = []
        codes: list[int] = []
        for piece in self._pieces(entry, nodes):
            part, code = self._part(entry, piece, depth)
            parts.append(part)
            codes.append(code)
            entry = piece[-1]
        return self._folded(parts, codes)

    def _part(self, entry: int, nodes: Sequence[int], depth: int) -> tuple[Part, int]:
        join = self.network.nodes[nodes[-1]]
        if len(nodes) == 1 and len(join.inputs) == 1:
            return Step(join.index), self._code("step", self._key(join.index))
        branches = self._branches(entry, nodes) if depth < _DEEPEST else None
        if branches is None:
            return self._subgraph(entry, nodes)
        paths = [self.path(entry, branch, depth + 1) if branch else ((), ()) for branch in branches]
        code = self._code("fork", tuple(code for _, code in paths), self._key(join.index))
        return Fork(tuple(path for path, _ in paths), join.index), code

    def _subgraph(self, entry: int, nodes: Sequence[int]) -> tuple[Part, int]:
        place = {entry: -1} | {index: i for i, index in enumerate(nodes)}
        codes = []
        for i, index in enumerate(nodes):
            inputs = self.network.nodes[index].inputs
            wiring = tuple("entry" if j == entry else i - place[j] for j in inputs)
            codes.append(self._code("wired", self._key(index), wiring))
        path, _ = self._folded([Step(index) for index in nodes], codes)
        return Subgraph(entry, tuple(nodes), path), self._code("subgraph", tuple(codes))

    def _folded(self, parts: list[Part], codes: list[int]) -> tuple[Path, tuple[int, ...]]:
        """Fold equal neighbors, then folds that are neighbors, until none are left."""
        while True:
            found = repeats(codes)
            if len(found) == len(parts):
                return tuple(parts), tuple(codes)
            folded, renamed = [], []
            for start, period, count in found:
                block, names = parts[start : start + period], codes[start : start + period]
                if count > 1:
                    last = last_node(parts[start + period * count - 1])
                    block = [Repeat(tuple(block), count, first_node(block[0]), last)]
                    names = [self._code("repeat", tuple(names), count)]
                folded += block
                renamed += names
            parts, codes = folded, renamed

    def _pieces(self, entry: int, nodes: Sequence[int]) -> list[Sequence[int]]:
        """`nodes` cut after each node that all paths from `entry` share."""
        place = {entry: -1} | {index: i for i, index in enumerate(nodes)}
        reach = [0] * (len(nodes) + 1)
        for i, index in enumerate(nodes):
            for j in self.network.nodes[index].inputs:
                reach[place[j]] = i
        furthest, ends = reach[-1], [0]
        for i in range(len(nodes)):
            if furthest <= i:
                ends.append(i + 1)
            furthest = max(furthest, reach[i])
        return [nodes[a:b] for a, b in itertools.pairwise(ends)]

    def _branches(self, entry: int, nodes: Sequence[int]) -> list[list[int]] | None:
        """What each input of the last node comes from; None when they share nodes."""
        groups = self._groups(entry, nodes[:-1])
        inputs = self.network.nodes[nodes[-1]].inputs
        inner = [i for i in inputs if i != entry]
        if len(set(inner)) < len(inner) or len(inner) != len(groups):
            return None
        by_exit = {group[-1]: group for group in groups}
        if set(by_exit) != set(inner):
            return None
        return [[] if i == entry else by_exit[i] for i in inputs]

    def _groups(self, entry: int, nodes: Sequence[int]) -> list[list[int]]:
        """The connected parts of `nodes`, without regard to `entry`."""
        root = {index: index for index in nodes}

        def find(index: int) -> int:
            while root[index] != index:
                root[index] = root[root[index]]
                index = root[index]
            return index

        for index in nodes:
            for i in self.network.nodes[index].inputs:
                if i != entry:
                    root[find(i)] = find(index)
        groups: dict[int, list[int]] = {}
        for index in nodes:
            groups.setdefault(find(index), []).append(index)
        return list(groups.values())

    def _key(self, index: int) -> Hashable:
        return self.key(self.network.nodes[index])

    def _code(self, *structure: Hashable) -> int:
        return self.codes.setdefault(structure, len(self.codes))
