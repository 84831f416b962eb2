"""Cut nodes, runs and regions against their definitions, tried on every pair of nodes."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st

import kernelc as kc
from kernelc.ir import Region, cut_nodes, regions, runs, segments
from kernelc.layers import InputLayer


@st.composite
def graphs(draw: st.DrawFn, most: int = 9) -> kc.Network:
    """Any wiring of sums: forks, skips, nests and crossings."""
    specs: list[tuple[str, kc.Layer, tuple[int, ...]]] = [("input", InputLayer((2,)), ())]
    for i in range(1, draw(st.integers(1, most)) + 1):
        # Mostly short edges, so that graphs are not all one knot.
        back = st.integers(1, i).map(lambda n, i=i: i - min(n, i))
        near = st.integers(1, min(i, 2)).map(lambda n, i=i: i - n)
        inputs = draw(st.lists(st.one_of(near, near, back), min_size=1, max_size=3))
        specs.append((f"n{i}", kc.WeightedSum((1.0,) * len(inputs)), tuple(inputs)))
    read = {i for _, _, inputs in specs for i in inputs}
    loose = tuple(i for i in range(len(specs) - 1) if i not in read)
    if loose:
        last = len(specs)
        inputs = (*loose, last - 1)
        specs.append((f"n{last}", kc.WeightedSum((1.0,) * len(inputs)), inputs))
    return kc.Network.from_specs(specs)


def readers(network: kc.Network) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in network]
    for node in network:
        for i in node.inputs:
            found[i].add(node.index)
    return found


def reached(network: kc.Network, start: int, without: int | None = None) -> set[int]:
    found = {start}
    for node in network.nodes[start + 1 :]:
        if node.index != without and found & set(node.inputs):
            found.add(node.index)
    return found


def subnetwork(network: kc.Network, entry: int, exit_: int) -> Region | None:
    """The definition: nodes between, that read one another and the entry; only the exit is read."""
    below = reached(network, entry) - {entry}
    nodes = {i for i in below if exit_ in reached(network, i)}
    if exit_ not in nodes:
        return None
    reads = all(set(network.nodes[i].inputs) <= nodes | {entry} for i in nodes)
    kept = all(readers(network)[i] <= nodes for i in nodes - {exit_})
    return Region(entry, exit_, tuple(sorted(nodes))) if reads and kept else None


def main_path(network: kc.Network, region: Region) -> set[int]:
    """The nodes that every path of a region shares, its entry with them."""
    shared = {region.entry, region.exit}
    for cut in region.nodes:
        found = {region.entry}
        for i in region.nodes:
            if i != cut and found & set(network.nodes[i].inputs):
                found.add(i)
        if region.exit not in found:
            shared.add(cut)
    return shared


@given(graphs())
def test_cut_nodes_are_those_whose_removal_parts_input_from_output(network):
    last = len(network) - 1
    parting = [i for i in range(1, last) if last not in reached(network, 0, without=i)]
    assert cut_nodes(network) == [0, *parting, last]


@given(graphs())
def test_segments_cover_all_nodes_after_the_input_once(network):
    covered = [i for s in segments(network) for i in range(s.start + 1, s.stop + 1)]
    assert covered == list(range(1, len(network)))


@given(graphs())
def test_every_region_is_a_subnetwork_and_the_whole_is_first(network):
    found = regions(network)
    assert found[0] == Region(0, len(network) - 1, tuple(range(1, len(network))))
    assert len(set(found)) == len(found)
    for region in found:
        assert subnetwork(network, region.entry, region.exit) == region


@settings(max_examples=200)
@given(graphs())
def test_every_subnetwork_is_a_run_on_the_main_path_of_a_region(network):
    paths = [main_path(network, region) for region in regions(network)]
    for entry in range(len(network)):
        for exit_ in range(entry + 1, len(network)):
            if subnetwork(network, entry, exit_) is not None:
                assert any({entry, exit_} <= path for path in paths), (entry, exit_)


def test_regions_of_a_residual_net_are_the_whole_and_the_branches():
    x = kc.Input((4,))
    block = kc.residual(kc.chain(kc.Activation("tanh"), kc.Dense(4)), 0.6)
    network = kc.Network(x, kc.repeat(block, 2)(x))
    inner = {(r.entry, r.exit) for r in regions(network)[1:]}
    assert inner == {(0, 2), (3, 5)}


@st.composite
def stacks(draw: st.DrawFn) -> kc.Network:
    """Chains with repeats of every period, from a small alphabet of blocks."""
    alphabet = (
        kc.Dense(4),
        kc.Activation("relu"),
        kc.residual(kc.chain(kc.Activation("tanh"), kc.Dense(4))),
    )
    word = draw(st.lists(st.integers(0, 2), min_size=1, max_size=4)) * draw(st.integers(1, 4))
    word += draw(st.lists(st.integers(0, 2), max_size=4))
    x = kc.Input((4,))
    return kc.Network(x, kc.chain(*(alphabet[i] for i in word))(x))


def signature(network: kc.Network, start: int, stop: int) -> list[object]:
    return [
        (node.layer, node.shape, tuple(node.index - i for i in node.inputs))
        for node in network.nodes[start + 1 : stop + 1]
    ]


@given(stacks())
def test_runs_unfold_to_the_network(network):
    pieces = segments(network)
    place = 0
    for run in runs(network):
        assert run.block == tuple(pieces[place : place + len(run.block)])
        first = [signature(network, s.start, s.stop) for s in run.block]
        for _ in range(run.count):
            copy = pieces[place : place + len(run.block)]
            assert [signature(network, s.start, s.stop) for s in copy] == first
            place += len(run.block)
    assert place == len(pieces)


def test_a_thousand_equal_blocks_are_one_run():
    x = kc.Input((4,))
    chain = kc.repeat(kc.chain(kc.Dense(4), kc.Activation("tanh")), 1000)
    (run,) = runs(kc.Network(x, chain(x)))
    assert (len(run.block), run.count) == (2, 1000)


def test_runs_tell_apart_what_their_key_tells_apart():
    x = kc.Input((4,))
    network = kc.Network(x, kc.chain(kc.Dense(4), kc.Dense(8), kc.Dense(16))(x))
    assert [run.count for run in runs(network)] == [3]
    assert [run.count for run in runs(network, lambda node: node.shape)] == [1, 1, 1]
