"""Symbolic weights in files: equal when read, or refused when written."""

from __future__ import annotations

import json

import pytest
import sympy

import kernelc as kc


W = sympy.Symbol("w", positive=True)
V = sympy.Symbol("v")
T = sympy.Symbol("t")


def scaled(weight) -> kc.Network:
    x = kc.Input((2,))
    return kc.Network(x, kc.Scale(weight)(x))


@pytest.mark.parametrize(
    "weight",
    [
        *(V, W * V, sympy.sqrt(1 - W**2), sympy.sqrt(1 - V**2 - W**2) / 3, sympy.pi / 2),
        *(V * sympy.exp(-W), sympy.Abs(V) + sympy.Float("0.1", 40), sympy.Max(V, W, 1)),
        *(sympy.Symbol("n", integer=True, nonnegative=True), sympy.Symbol("x"), T**-3),
        *(sympy.sqrt(V**2), sympy.Symbol("x", real=True) + sympy.Symbol("x")),
    ],
    ids=str,
)
def test_expressions_in_any_symbols_come_back_equal(weight):
    network = scaled(weight)
    again = kc.Network.from_json(network.to_json())
    assert again == network
    assert again.nodes[1].layer.value.free_symbols == weight.free_symbols


@pytest.mark.parametrize(
    "weight", [sympy.gamma(V), sympy.Dummy("d"), sympy.Add(V, V, evaluate=False)], ids=str
)
def test_expressions_without_an_exact_description_are_refused(weight):
    with pytest.raises(kc.UnsupportedError, match=r"scale_1\.value"):
        scaled(weight).to_json()


def nested(depth: int) -> object:
    data: object = ["symbol", "v", {}]
    for _ in range(depth):
        data = ["Abs", data]
    return data


VS = ["symbol", "v", {}]
DAMAGE = {
    "unknown operator": ["gamma", VS],
    "too many arguments": ["Abs", VS, VS],
    "condition": ["Add", VS, "true"],
    "only a condition": "true",
    "unknown assumption": ["symbol", "v", {"funny": True}],
    "number as assumption": ["symbol", "v", {"positive": 1}],
    "contradiction": ["symbol", "v", {"positive": True, "negative": True}],
    "name that is no text": ["symbol", 3, {}],
    "no name": ["symbol", "", {}],
    "no assumptions": ["symbol", "v"],
    "huge power": ["Pow", ["Mul", ["integer", "2"], VS], ["integer", "1000000000"]],
    "huge float power": ["Pow", ["Add", ["integer", "2"], VS], ["float", float(2**40).hex()]],
    "zero denominator": ["rational", "1", "0"],
    "infinity": ["Pow", ["integer", "0"], ["integer", "-1"]],
    "deep": nested(80),
    "deeper": nested(300),
    "wide": ["Add", *[VS] * 3000],
    "number": 3,
    "object": {"symbol": "v"},
    "nothing": [],
}


@pytest.mark.parametrize("data", DAMAGE.values(), ids=DAMAGE)
def test_other_descriptions_are_refused_and_name_the_node(data):
    document = json.loads(scaled(V).to_json())
    document["nodes"][1]["fields"]["value"] = {"expr": data}
    with pytest.raises(kc.LoadError, match=r"nodes\[1\] 'scale_1'"):
        kc.Network.from_json(json.dumps(document))


def test_powers_of_powers_stay_bounded():
    data: object = ["Mul", ["integer", "3"], VS]
    for _ in range(12):
        data = ["Pow", data, ["integer", "60"]]
    document = json.loads(scaled(V).to_json())
    document["nodes"][1]["fields"]["value"] = {"expr": data}
    with pytest.raises(kc.LoadError, match="power"):
        kc.Network.from_json(json.dumps(document))
