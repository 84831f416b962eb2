"""Facts about the shape of a graph: cut nodes, segments, repeats, single-entry regions."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Sequence

from ._assembly import NetworkNode
from ._graph import Graph


@dataclasses.dataclass(frozen=True)
class Segment:
    """The nodes after one cut node up to and with the next: `start` < index <= `stop`."""

    start: int
    stop: int

    @property
    def nodes(self) -> range:
        """Indices of the nodes in it."""
        return range(self.start + 1, self.stop + 1)


@dataclasses.dataclass(frozen=True)
class Run:
    """`count` consecutive isomorphic blocks, each of `len(block)` segments."""

    block: tuple[Segment, ...]
    count: int


def cut_nodes(network: Graph) -> list[int]:
    """Indices of the nodes every path from input to output passes through."""
    return _cuts([node.inputs for node in network.nodes])


def _cuts(inputs: Sequence[Sequence[int]]) -> list[int]:
    reach = [0] * len(inputs)
    for index, read in enumerate(inputs):
        for i in read:
            reach[i] = max(reach[i], index)
    cuts, furthest = [], 0
    for i in range(len(inputs)):
        if furthest <= i:
            cuts.append(i)
        furthest = max(furthest, reach[i])
    return cuts


def segments(network: Graph) -> list[Segment]:
    """The main path, cut at every node that all paths share."""
    return [Segment(a, b) for a, b in itertools.pairwise(cut_nodes(network))]


def kernel_key(node: NetworkNode) -> Hashable:
    """What the node's kernel rule depends on."""
    return type(node.layer), node.layer.kernel_key(node.in_shapes)


def runs(
    network: Graph, key: Callable[[NetworkNode], Hashable] = kernel_key, nested: bool = False
) -> list[Run]:
    """Fold repeated consecutive blocks of the main path, longest cover first.

    Two blocks are isomorphic when their nodes have equal `key`s and equal relative wiring;
    `nested` is as in `folded`.
    """
    keys = [None, *(key(node) for node in network.nodes[1:])]
    return folded([node.inputs for node in network.nodes], keys, nested)


def folded(
    inputs: Sequence[Sequence[int]], keys: Sequence[Hashable], nested: bool = False
) -> list[Run]:
    """`runs` of a graph given by what each node reads; node 0 is the input.

    `nested` also takes blocks that repeat inside, as [dense, dense, act] does, if less often.
    """
    pieces = [Segment(a, b) for a, b in itertools.pairwise(_cuts(inputs))]
    ids: dict[Hashable, int] = {}
    codes = []
    for piece in pieces:
        signature = tuple(
            (keys[index], tuple(index - i for i in inputs[index]))
            for index in range(piece.start + 1, piece.stop + 1)
        )
        codes.append(ids.setdefault(signature, len(ids)))
    found = repeats(codes, nested)
    return [Run(tuple(pieces[i : i + n]), count) for i, n, count in found]


def repeats(codes: Sequence[int], nested: bool = False) -> list[tuple[int, int, int]]:
    """Cut a sequence into (start, period, count), longest cover first from the left."""
    found, i = [], 0
    while i < len(codes):
        period, count = _best_repeat(codes, i, nested)
        found.append((i, period, count))
        i += period * count
    return found


_LONGEST_PERIOD = 64


def _best_repeat(codes: Sequence[int], i: int, nested: bool) -> tuple[int, int]:
    """The (period, count) at `i` that covers most; the shortest period wins ties."""
    best = (1, 1)
    for period in range(1, min(_LONGEST_PERIOD, (len(codes) - i) // 2) + 1):
        if codes[i + period] != codes[i]:
            continue
        block = codes[i : i + period]
        inner = max(sum(1 for _ in same) for _, same in itertools.groupby(block))
        if inner > 1 and not nested:
            # A block that repeats inside reads better as its own shorter runs.
            break
        matched = 0
        while (
            i + period + matched < len(codes) and codes[i + matched] == codes[i + period + matched]
        ):
            matched += 1
        count = matched // period + 1
        if count > inner and period * count > best[0] * best[1]:
            best = (period, count)
        if matched + period >= len(codes) - i:
            break
    return best


@dataclasses.dataclass(frozen=True)
class Region:
    """A single-entry single-exit part: `nodes` in order, the value entering before `nodes[0]`.

    `entry` is the node whose value enters; `exit` the node whose value leaves.
    """

    entry: int
    exit: int
    nodes: tuple[int, ...]


def regions(network: Graph) -> list[Region]:
    """The maximal subnetworks, the whole network first.

    A subnetwork (Martens et al. 2021) is a single-entry single-exit part: its nodes read one
    another and the value of `entry`, and only the value of `exit` is read outside. Each one is
    a run on the main path of a region returned (the nodes all its paths share), so a quantity
    that grows along a run is largest on one of them.
    """
    readers: list[list[int]] = [[] for _ in network]
    for node in network:
        for i in sorted(set(node.inputs)):
            readers[i].append(node.index)
    exits = _immediate_postdominators(network, readers)
    # What ends a subnetwork, when it is entered in turn, is reached by the longer one too.
    ends = [len(set(node.inputs)) == 1 for node in network]
    found = []
    for entry, children in enumerate(readers):
        if ends[entry] and len(children) == 1:
            continue
        found += _from_entry(network, entry, readers, exits, ends)
    whole = len(network) - 1
    return sorted(found, key=lambda region: (region.entry, region.exit) != (0, whole))


def _from_entry(
    network: Graph,
    entry: int,
    readers: Sequence[Sequence[int]],
    exits: Sequence[int],
    ends: list[bool],
) -> list[Region]:
    """Regions entered at `entry`: grown from each reader along its post-dominators."""
    found = []
    visited: set[int] = set()
    for first in readers[entry]:
        grown = _Growing(network, entry, readers)
        best: tuple[int, int] | None = None
        branches, step = 0, first
        while step < len(network) and step not in visited and grown.extend(step):
            visited.add(step)
            if grown.closed(step):
                ends[step] = True
                if best is not None and grown.branches > branches:
                    # It ends in one branch and the longer one takes in others: both count.
                    found.append(grown.region(*best))
                branches = grown.branches
                if ends[entry] and branches == len(readers[entry]):
                    best = None
                    break
                best = step, len(grown.members)
            step = exits[step]
        if best is not None:
            found.append(grown.region(*best))
    return found


class _Growing:
    """The nodes on paths from `entry` to a moving exit, and how many edges leave them."""

    def __init__(self, network: Graph, entry: int, readers: Sequence[Sequence[int]]) -> None:
        self.network, self.entry, self.readers = network, entry, readers
        self.inside: set[int] = set()
        self.members: list[int] = []
        self.branches = 0
        self.leaving = 0

    def extend(self, exit_: int) -> bool:
        """Move the exit; False when a path to it does not pass through the entry."""
        stack, added = [exit_], []
        while stack:
            index = stack.pop()
            if index < self.entry:
                return False
            if index == self.entry or index in self.inside:
                continue
            self.inside.add(index)
            added.append(index)
            stack.extend(self.network.nodes[index].inputs)
        for index in added:
            inputs = set(self.network.nodes[index].inputs)
            self.branches += self.entry in inputs
            self.leaving += len(self.readers[index]) - len(inputs & self.inside)
        self.members += added
        return True

    def closed(self, exit_: int) -> bool:
        """Whether only the value of the exit is read outside."""
        return self.leaving == len(self.readers[exit_])

    def region(self, exit_: int, size: int) -> Region:
        return Region(self.entry, exit_, tuple(sorted(self.members[:size])))


def _immediate_postdominators(network: Graph, readers: Sequence[Sequence[int]]) -> list[int]:
    """Cooper, Harvey and Kennedy's intersection on a DAG; `len(network)` stands for none."""
    end = len(network)
    exits = [end] * end
    for index in range(end - 2, -1, -1):
        children = readers[index]
        meet = children[0] if children else end
        for child in children[1:]:
            other = child
            while meet != other:
                if meet < other:
                    meet = exits[meet]
                else:
                    other = exits[other]
        exits[index] = meet
    return exits


def after_last_nonlinearity(network: Graph) -> tuple[bool, ...]:
    """For each node, whether no nonlinearity reads what it computes."""
    free = [True] * len(network)
    for node in reversed(network.nodes):
        if node.layer.nonlinearity() is not None or not free[node.index]:
            for i in node.inputs:
                free[i] = False
    return tuple(free)
