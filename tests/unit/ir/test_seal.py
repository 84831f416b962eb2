"""Files of shaped networks bind constants to the layers that they were solved for."""

from __future__ import annotations

import json
import pickle

import pytest
import sympy

import kernelc as kc


TARGETS = [kc.DKS(), kc.TAT(tau=0.3), kc.EdgeOfChaos()]


def shaped(target) -> kc.Network:
    x = kc.Input((8,))
    deep = kc.repeat(kc.chain(kc.Dense(8), kc.Activation("tanh")), 3)
    return kc.shape(kc.Network(x, kc.chain(deep, kc.Dense(3))(x)), target).network


@pytest.fixture(scope="module", params=TARGETS, ids=lambda target: type(target).__name__)
def network(request) -> kc.Network:
    return shaped(request.param)


def renamed(network: kc.Network, change) -> str:
    document = json.loads(network.to_json())
    for node in document["nodes"]:
        if node["kind"] == "Activation":
            change(node["fields"])
    return json.dumps(document)


def test_shaped_networks_come_back(network):
    for again in (kc.Network.from_json(network.to_json()), pickle.loads(pickle.dumps(network))):
        assert again == network
        assert again.shaped_by == network.shaped_by
        assert again.to_json() == network.to_json()
    assert network.shaped_by is not None
    assert network.rebuild(lambda node: node.layer).shaped_by is None


def test_an_activation_that_was_renamed_does_not_keep_the_constants(network):
    text = renamed(network, lambda fields: fields["function"]["function"].update(name="softplus"))
    with pytest.raises(kc.LoadError, match="activations softplus with constants solved for tanh"):
        kc.Network.from_json(text)
    with pytest.raises(kc.LoadError, match="than those that were solved for"):
        kc.Network.from_json(network.to_json().replace("tanh", "softplus"))


@pytest.mark.parametrize("field", ["alpha", "beta", "gamma", "delta"])
def test_constants_are_not_mixed(network, field):
    with pytest.raises(kc.LoadError, match="were solved for"):
        kc.Network.from_json(renamed(network, lambda fields: fields.update({field: 0.5})))


def test_names_of_nodes_and_spacing_are_free(network):
    text = json.dumps(json.loads(network.to_json().replace("dense_1", "first")), indent=3)
    assert kc.Network.from_json(text).nodes[1].name == "first"


def test_without_the_entry_numbers_are_taken_as_they_stand(network):
    document = json.loads(network.to_json())
    del document["shaped"]
    again = kc.Network.from_json(json.dumps(document))
    assert again == network
    assert again.shaped_by is None


@pytest.mark.parametrize(
    "entry",
    [
        *(3, {}, [], "DKS", {"by": "DKS", "activations": [], "digest": "sha256:00"}),
        {"by": 3, "activations": ["tanh"], "digest": "sha256:00"},
        {"by": "DKS", "activations": "tanh", "digest": "sha256:00"},
        {"by": "DKS", "activations": [None], "digest": "sha256:00"},
        {"by": "DKS", "activations": ["tanh"], "digest": "sha256:00", "more": 1},
        {"by": "x" * 2000, "activations": ["tanh"], "digest": "sha256:00"},
    ],
)
def test_malformed_entries_are_refused(network, entry):
    document = json.loads(network.to_json())
    document["shaped"] = entry
    with pytest.raises(kc.LoadError, match='entry "shaped"'):
        kc.Network.from_json(json.dumps(document))


def test_expressions_are_bound_too():
    u = sympy.Symbol("u")
    x = kc.Input((8,))
    net = kc.Network(
        x,
        kc.chain(kc.Dense(8), kc.Activation(u * sympy.tanh(u)), kc.Dense(3))(x),
    )
    text = kc.shape(net).network.to_json()
    assert kc.Network.from_json(text).shaped_by is not None
    with pytest.raises(kc.LoadError, match="were solved for"):
        kc.Network.from_json(text.replace('"tanh"', '"atan"'))
