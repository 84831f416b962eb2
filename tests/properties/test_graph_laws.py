"""Laws every network keeps, whatever it is made of."""

from __future__ import annotations

import contextlib
import json
import pickle
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from strategies import networks

import kernelc as kc
from kernelc.ir import PairKind, pairs_read, runs
from kernelc.ir._outline import Fork, Repeat, Subgraph, outline


quick = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(networks())
def test_json_gives_back_exactly_the_network(network):
    text = network.to_json()
    again = kc.Network.from_json(text)
    assert again == network
    assert again.to_json() == text


@quick
@given(networks())
def test_rebuilding_with_the_same_layers_changes_nothing(network):
    assert network.rebuild(lambda node: node.layer) == network


@quick
@given(networks())
def test_pickle_gives_back_the_network(network):
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert hash(again) == hash(network)


@quick
@given(networks())
def test_every_network_prints_and_draws(network):
    text = str(network)
    assert network.name in text.splitlines()[0]
    # A line for each node, and for each node at most a line that opens and one that closes.
    assert len(text.splitlines()) <= 3 * len(network) + 1
    ElementTree.fromstring(network._repr_svg_())


@quick
@given(networks(max_parts=3), st.integers(2, 40))
def test_text_of_a_repeated_network_does_not_grow(network, times):
    """A block of any kind, repeated `times` times, prints as long as repeated twice."""

    def stacked(count: int) -> kc.Network:
        specs = [(n.name, n.layer, n.inputs) for n in network]
        specs.append(("wide", kc.Dense(6), (len(specs) - 1,)))
        for k in range(count):
            start = len(specs) - 1
            inner = kc.WeightedSum((0.6, 0.8))
            specs.append((f"act{k}", kc.Activation("tanh"), (start,)))
            specs.append((f"dense{k}", kc.Dense(6), (start + 1,)))
            specs.append((f"sum{k}", inner, (start, start + 2)))
        return kc.Network.from_specs(specs)

    lines = len(str(stacked(2)).splitlines())
    assert len(str(stacked(times)).splitlines()) == lines
    assert len(runs(stacked(times))) == len(runs(stacked(2)))


# Two draws of dropout differ, and a batch pushes equal inputs no closer than c_b allows.
_PART_EQUAL_INPUTS = (kc.Dropout, kc.BatchNorm)


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(networks(max_parts=4))
def test_equal_inputs_stay_equal_or_derive_says_why_not(network):
    reads = pairs_read(network)
    symbols = {"s": 1.0} if PairKind.LOCATION in reads else {}
    symbols |= {"c_b": 0.1} if PairKind.BATCH in reads else {}
    # Any other error than these fails the test.
    with contextlib.suppress(kc.UnsupportedError, kc.DependenceError):
        value = kc.derive(network).evaluate(1, **symbols)
        if not any(isinstance(node.layer, _PART_EQUAL_INPUTS) for node in network):
            # Some 15 layers, each off by rounding of 1e-15 times slopes of at most about 10.
            assert float(value.c) == pytest.approx(1, abs=1e-9)


JUNK = (
    *(None, True, -1, 0, 2, 10**30, 1.5, -1e308, "", "x", "VALID", "\ud800", "relu"),
    *([], [[]], {}, [1, "x"], [2, [2]], {"expr": "x"}, {"expr": ["Add", "x"]}, {"expr": "true"}),
    *({"expr": ["<", "x", ["integer", "1"]]}, {"expr": ["integer", "-3"]}, {"function": {}}),
    {"expr": ["Pow", ["integer", "-1"], ["rational", "1", "2"]]},
    {"expr": "x", "symbol": ["w", []]},
    {"function": {"name": "relu", "params": {"slope": 1}}},
    {"function": {"name": "leaky_relu", "params": {"negative_slope": None}}},
)


def places(document: object, path: tuple = ()):
    """Paths of everything in a JSON document."""
    if path:
        yield path
    items = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(networks(max_parts=3), st.data())
def test_damaged_json_is_a_network_or_is_refused(network, data):
    document = json.loads(network.to_json())
    path = data.draw(st.sampled_from(list(places(document))))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[path[-1]] = data.draw(st.sampled_from(JUNK))
    else:
        del holder[path[-1]]
    try:
        read = kc.Network.from_json(json.dumps(document))
    except kc.KernelcError:
        return
    # What is accepted is a network in full: it prints, draws and round-trips.
    assert kc.Network.from_json(read.to_json()) == read
    assert str(read)
    ElementTree.fromstring(read._repr_svg_())


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(networks(max_parts=3), st.floats(0, 1, exclude_max=True))
def test_truncated_json_is_refused(network, part):
    text = network.to_json().rstrip()
    with pytest.raises(kc.LoadError):
        kc.Network.from_json(text[: int(part * len(text))])


@quick
@given(networks(kinds=(kc.Dense, kc.Activation, kc.WeightedSum), spatial=False))
def test_strategies_keep_to_the_kinds_asked_for(network):
    assert {type(node.layer) for node in network.nodes[1:]} <= {
        kc.Dense,
        kc.Activation,
        kc.WeightedSum,
    }
    assert len(network.input_shape) == 1


@quick
@given(networks())
def test_the_sketch_of_a_network_holds_every_node_once(network):
    found = list(indices(outline(network, key=lambda node: node.index)))
    # No two nodes look alike to this key, so nothing is folded.
    assert sorted(found) == list(range(1, len(network)))


def indices(path):
    for part in path:
        if isinstance(part, Fork):
            for branch in part.branches:
                yield from indices(branch)
            yield part.join
        else:
            assert not isinstance(part, Repeat)
            yield from part.nodes if isinstance(part, Subgraph) else [part.index]
