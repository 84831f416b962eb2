"""Facts about the shape of a graph: cut nodes, segments, repeats, single-entry regions."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Hashable, Sequence

from ._network import Network, Placed


@dataclasses.dataclass(frozen=True)
class Segment:
    """The nodes after one cut node up to and with the next: `start` < index <= `stop`."""

    start: int
    stop: int


@dataclasses.dataclass(frozen=True)
class Run:
    """`count` consecutive isomorphic blocks, each of `len(block)` segments."""

    block: tuple[Segment, ...]
    count: int


def cut_nodes(network: Network) -> list[int]:
    """Indices of the nodes every path from input to output passes through."""
    reach = [0] * len(network)
    for node in network:
        for i in node.inputs:
            reach[i] = max(reach[i], node.index)
    cuts, furthest = [], 0
    for i in range(len(network)):
        if furthest <= i:
            cuts.append(i)
        furthest = max(furthest, reach[i])
    return cuts


def segments(network: Network) -> list[Segment]:
    """The main path, cut at every node that all paths share."""
    cuts = cut_nodes(network)
    return [Segment(a, b) for a, b in itertools.pairwise(cuts)]


def kernel_key(network: Network, node: Placed) -> Hashable:
    """What the node's kernel rule depends on."""
    return type(node.layer), node.layer.kernel_key(network.in_shapes(node))


def runs(network: Network, key: Callable[[Network, Placed], Hashable] = kernel_key) -> list[Run]:
    """Fold repeated consecutive blocks of the main path, longest cover first.

    Two blocks are isomorphic when their nodes have equal `key`s and equal relative wiring.
    """
    pieces = segments(network)
    ids: dict[Hashable, int] = {}
    codes = []
    for piece in pieces:
        signature = tuple(
            (key(network, node), tuple(node.index - i for i in node.inputs))
            for node in network.nodes[piece.start + 1 : piece.stop + 1]
        )
        codes.append(ids.setdefault(signature, len(ids)))
    folded, i = [], 0
    while i < len(codes):
        period, count = _best_repeat(codes, i)
        folded.append(Run(tuple(pieces[i : i + period]), count))
        i += period * count
    return folded


_LONGEST_PERIOD = 64


def _best_repeat(codes: Sequence[int], i: int) -> tuple[int, int]:
    """The (period, count) at `i` that covers most; the shortest period wins ties."""
    best = (1, 1)
    for period in range(1, min(_LONGEST_PERIOD, (len(codes) - i) // 2) + 1):
        if codes[i + period] != codes[i]:
            continue
        block = codes[i : i + period]
        if any(a == b for a, b in itertools.pairwise(block)):
            # A block that repeats inside reads better as its own shorter runs.
            break
        matched = 0
        while (
            i + period + matched < len(codes) and codes[i + matched] == codes[i + period + matched]
        ):
            matched += 1
        count = matched // period + 1
        if count > 1 and period * count > best[0] * best[1]:
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


def regions(network: Network) -> list[Region]:
    """The maximal subnetworks: the main path, and the main path of every branch of a fork.

    A subnetwork (design, section 2) is a run of nodes on the main path or inside one branch,
    not one that ends inside a branch it did not start in. Every subnetwork is a part of one
    of the regions returned, so a quantity that grows along a run is largest on one of them.
    """
    readers: list[list[int]] = [[] for _ in network]
    for node in network:
        for i in sorted(set(node.inputs)):
            readers[i].append(node.index)
    exits = _immediate_postdominators(network, readers)
    found = []
    whole = tuple(range(1, len(network)))
    if whole:
        found.append(Region(0, len(network) - 1, whole))
    for fork, children in enumerate(readers):
        if len(children) < 2:
            continue
        for child in children:
            if len(network.nodes[child].inputs) == 1:
                found.append(_branch(network, fork, child, exits))
    return found


def _branch(network: Network, fork: int, first: int, exits: Sequence[int]) -> Region:
    """Follow post-dominators from `first` while all that they read starts at `first`."""
    inside = {first}
    members = [first]
    end = first
    while exits[end] < len(network):
        step = exits[end]
        grown = _reached(network, inside, end, step)
        if grown is None:
            break
        inside.update(grown)
        members.extend(grown)
        end = step
    return Region(fork, end, tuple(members))


def _reached(network: Network, inside: set[int], start: int, stop: int) -> list[int] | None:
    """Nodes between `start` and `stop` fed by `inside` alone; None when one is fed from outside."""
    grown: list[int] = []
    added: set[int] = set()
    for index in range(start + 1, stop + 1):
        inputs = network.nodes[index].inputs
        fed = [i for i in inputs if i in inside or i in added]
        if not fed:
            continue
        if len(fed) != len(inputs):
            return None
        grown.append(index)
        added.add(index)
    return grown


def _immediate_postdominators(network: Network, readers: Sequence[Sequence[int]]) -> list[int]:
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
