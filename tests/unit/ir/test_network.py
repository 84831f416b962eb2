"""Laws of networks: one input, unique names, no cycles, nothing changes afterwards."""

from __future__ import annotations

import pickle

import pytest
import sympy

import kernelc as kc
from kernelc.layers import InputLayer


def tiny() -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(2))(x), name="tiny")


def test_nodes_know_their_place_names_and_shapes():
    network = tiny()
    assert [n.name for n in network] == ["input", "dense_1", "activation_1", "dense_2"]
    assert [n.index for n in network] == [0, 1, 2, 3]
    assert (network.input_shape, network.output_shape) == ((4,), (2,))
    assert network.in_shapes(network["dense_2"]) == ((8,),)
    assert network["activation_1"].inputs == (1,)


def test_a_network_cannot_be_changed():
    network = tiny()
    for attribute in ("name", "nodes", "other"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(network, attribute, "changed")
    with pytest.raises(AttributeError):
        network.nodes[0].name = "changed"  # pyright: ignore[reportAttributeAccessIssue]
    assert network == tiny()


def test_equality_is_of_names_layers_and_wiring():
    network = tiny()
    assert network == tiny()
    assert hash(network) == hash(tiny())
    assert network != network.rebuild(lambda node: node.layer, name="other")
    wider = network.rebuild(lambda n: kc.Dense(9) if n.name == "dense_1" else n.layer)
    assert wider != network
    assert wider["activation_1"].shape == (9,)


def test_made_names_avoid_given_ones():
    x = kc.Input((4,))
    network = kc.Network(x, kc.Dense(2)(kc.Dense(3)(x), name="dense_1"))
    assert [n.name for n in network] == ["input", "dense_2", "dense_1"]


def test_a_name_is_given_once():
    x = kc.Input((4,))
    with pytest.raises(kc.GraphError, match="unique"):
        kc.Network(x, kc.Dense(2)(kc.Dense(3)(x, name="twice"), name="twice"))


def test_two_inputs_are_refused():
    x, y = kc.Input((4,)), kc.Input((4,), name="other")
    with pytest.raises(kc.GraphError, match="one input"):
        kc.Network(x, kc.WeightedSum((1, 1))(x, y))


def test_an_output_of_another_graph_is_refused():
    x, y = kc.Input((4,)), kc.Input((4,))
    with pytest.raises(kc.GraphError, match="one input"):
        kc.Network(x, kc.Dense(2)(y))


def test_a_network_starts_at_its_input_not_inside():
    x = kc.Input((4,))
    h = kc.Dense(4)(x)
    with pytest.raises(kc.GraphError, match="one input"):
        kc.Network(h, kc.Dense(2)(h))


@pytest.mark.parametrize("foreign", [None, 3, "x", kc.Dense(2)])
def test_what_is_no_node_is_refused(foreign):
    x = kc.Input((4,))
    with pytest.raises(kc.GraphError):
        kc.Network(x, foreign)
    with pytest.raises(kc.GraphError):
        kc.Network(foreign, kc.Dense(2)(x))
    with pytest.raises(kc.GraphError):
        kc.Dense(2)(foreign)


def test_an_unknown_name_is_refused():
    with pytest.raises(kc.GraphError, match="dense_9"):
        tiny()["dense_9"]


def test_wrong_numbers_of_inputs_are_refused():
    x = kc.Input((4,))
    with pytest.raises(kc.GraphError, match="inputs"):
        kc.Dense(2)(x, x)
    with pytest.raises(kc.GraphError, match="inputs"):
        kc.Product()()


INPUT = ("input", InputLayer((4,)), ())
BROKEN = {
    "empty": [],
    "no input": [("a", kc.Dense(2), (0,))],
    "two inputs": [INPUT, ("b", InputLayer((4,)), ()), ("c", kc.WeightedSum((1, 1)), (0, 1))],
    "twice": [INPUT, ("a", kc.Dense(2), (0,)), ("a", kc.Dense(2), (1,))],
    "unread": [INPUT, ("a", kc.Dense(2), (0,)), ("b", kc.Dense(2), (0,))],
    "cycle": [INPUT, ("a", kc.WeightedSum((1, 1)), (0, 2)), ("b", kc.Dense(4), (1,))],
    "itself": [INPUT, ("a", kc.WeightedSum((1, 1)), (0, 1))],
    "arity": [INPUT, ("a", kc.Dense(2), (0, 0))],
}


@pytest.mark.parametrize("specs", BROKEN.values(), ids=BROKEN)
def test_specs_that_break_a_law_are_refused(specs):
    with pytest.raises(kc.GraphError):
        kc.Network.from_specs(specs)


def test_rebuild_takes_nodes_out_and_keeps_names():
    network = tiny().rebuild(
        lambda n: None if isinstance(n.layer, kc.Activation) else n.layer, name="linear"
    )
    assert [n.name for n in network] == ["input", "dense_1", "dense_2"]
    assert network.nodes[2].inputs == (1,)


def test_symbols_are_replaced_by_numbers():
    w = sympy.Symbol("w", positive=True)
    x = kc.Input((4,))
    network = kc.Network(x, kc.residual(kc.Dense(4), w)(x))
    known = network.subs({w: 0.6})
    # sqrt(1 - 0.36) = 0.8 up to the rounding of one square root
    assert known.nodes[-1].layer.weights == pytest.approx((0.6, 0.8), abs=1e-15)
    assert network.nodes[-1].layer.weights[0] == w


def test_ten_thousand_layers_neither_recurse_nor_crawl():
    x = kc.Input((4,))
    network = kc.Network(x, kc.repeat(kc.Dense(4), 10_000)(x))
    assert len(network) == 10_001
    assert pickle.loads(pickle.dumps(network)) == network
    assert kc.Network.from_json(network.to_json()) == network
