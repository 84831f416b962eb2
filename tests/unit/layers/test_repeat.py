"""repeat: a symbolic number of times, and the network that a number makes of it."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
import sympy

import kernelc as kc


L = sympy.Symbol("L", integer=True, positive=True)
M = sympy.Symbol("M", integer=True, positive=True)
BLOCK = kc.chain(kc.Dense(8), kc.Activation("tanh"))
FLAT = ["a", {"layer": {"kind": "Flatten", "fields": {}}}, [0]]
INNER = {"layer": {"kind": "Repeat", "fields": {"block": [FLAT], "times": 2}}}


def chain(*blocks: Any) -> kc.Network:
    x = kc.Input((8,))
    return kc.Network(x, kc.chain(*blocks)(x))


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_a_number_makes_the_network_of_that_depth(count: int) -> None:
    def net(times: Any) -> kc.Network:
        middle = kc.residual(kc.chain(kc.Activation("relu"), kc.Dense(8)), 0.6)
        return chain(kc.Dense(8), kc.repeat(middle, times), kc.Dense(8), kc.Dense(1))

    assert net(L).subs(L, count) == net(count)
    assert net(L).subs({L: sympy.Integer(count)}) == net(count)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_block_of_one_node_is_numbered_with_the_others(count: int) -> None:
    def net(times: Any) -> kc.Network:
        return chain(kc.Dense(8), kc.repeat(kc.Dense(8), times), kc.Dense(8))

    assert net(L).subs(L, count) == net(count)


def test_a_symbol_that_weights_and_a_depth_share_gets_its_value_in_both() -> None:
    plain = sympy.Symbol("L")
    net = chain(kc.Scale(1 / plain), kc.repeat(kc.Dense(8), plain))
    assert net.subs(plain, 2) == chain(kc.Scale(0.5), kc.repeat(kc.Dense(8), 2))


def test_blocks_inside_each_other_are_placed_once_each() -> None:
    block: Any = kc.Dense(8)
    for i in range(30):
        block = kc.repeat(block, sympy.Symbol(f"L{i}", integer=True, positive=True))
    assert chain(block).output_shape == (8,)


def test_errors_name_the_node_inside_of_the_block() -> None:
    with pytest.raises(kc.ShapeError) as caught:
        chain(kc.Dense(8), kc.repeat(kc.chain(kc.Dense(4), kc.MeanPool(2)), L))
    assert caught.value.where == "repeat_1.mean_pool_1"


@pytest.mark.parametrize("given", [sympy.Symbol("L"), sympy.Symbol("L", integer=True), L])
def test_a_symbol_without_assumptions_is_a_positive_integer(given: sympy.Symbol) -> None:
    net = chain(kc.repeat(kc.chain(BLOCK, kc.Scale(1 / given)), given))
    assert net == chain(kc.repeat(kc.chain(BLOCK, kc.Scale(1 / L)), L))
    assert net.subs(given, 3) == net.subs(L, 3)
    assert net.subs(L, 2)["scale_2"].layer == kc.Scale(0.5)


@pytest.mark.parametrize(
    "times",
    [
        L + 1,
        2 * L,
        sympy.Symbol("x", negative=True),
        sympy.Symbol("x", integer=False),
        sympy.Symbol("x", zero=True),
        sympy.Symbol("x", infinite=True),
        sympy.Dummy("x"),
        sympy.Rational(1, 2),
        sympy.Float(2.0),
        sympy.oo,
    ],
)
def test_what_is_no_number_of_times_is_refused(times: Any) -> None:
    with pytest.raises(kc.GraphError, match="times"):
        kc.repeat(BLOCK, times)


@pytest.mark.parametrize("value", [-1, 1.5, sympy.Rational(1, 2), 10**6, M + 1])
def test_depths_that_are_no_whole_numbers_are_refused(value: Any) -> None:
    with pytest.raises(kc.GraphError, match="times"):
        chain(kc.repeat(BLOCK, L)).subs(L, value)


def test_another_symbol_may_take_its_place() -> None:
    assert chain(kc.repeat(BLOCK, L)).subs(L, M) == chain(kc.repeat(BLOCK, M))


def test_depths_inside_each_other_are_written_out_one_by_one() -> None:
    net = chain(kc.repeat(kc.chain(kc.repeat(BLOCK, L), kc.Dense(8)), M))
    plain = chain(kc.repeat(kc.chain(kc.repeat(BLOCK, 2), kc.Dense(8)), 3))
    assert net.subs(L, 2).subs(M, 3) == plain
    assert net.subs(M, 3).subs(L, 2) == plain
    assert net.subs({M: 3, L: 2}) == plain


def test_a_block_returns_the_shape_that_it_reads() -> None:
    with pytest.raises(kc.ShapeError, match=r"\(8,\) to shape \(4,\)"):
        chain(kc.repeat(kc.Dense(4), L))
    with pytest.raises(kc.ShapeError, match="repeat_1"):
        chain(kc.repeat(kc.Dense(4), L))


def test_an_empty_block_is_the_identity() -> None:
    x = kc.Input((4,))
    assert kc.repeat(kc.chain(), L)(x) is x


def test_formulas_in_fans_have_values_inside_of_a_block() -> None:
    dense = kc.Dense(8, weight_std=kc.gain("relu") / sympy.sqrt(kc.fan_in))
    assert chain(kc.repeat(dense, L)).subs(L, 2) == chain(kc.repeat(dense, 2))


def test_given_names_stay_and_names_that_were_made_are_numbered_anew() -> None:
    x = kc.Input((8,))
    end = kc.Dense(1)(kc.Dense(8)(kc.repeat(BLOCK, L)(x), name="last"))
    net = kc.Network(x, end).subs(L, 2)
    assert [node.name for node in net][-3:] == ["activation_2", "last", "dense_3"]


def test_specs_are_values() -> None:
    layer = chain(kc.repeat(BLOCK, L)).nodes[1].layer
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert hash(pickle.loads(pickle.dumps(layer))) == hash(layer)
    assert layer.text() == "Repeat(L times Dense(8) -> Activation('tanh'))"


@pytest.mark.parametrize("times", [3, 0, -1, 10**9, 1.5, True, None, "L", [], {"expr": {}}])
def test_a_file_with_something_in_place_of_the_symbol_is_refused(times: object) -> None:
    file = json.loads(chain(kc.repeat(kc.Dense(8), L)).to_json())
    file["nodes"][1]["fields"]["times"] = times
    with pytest.raises(kc.KernelcError):
        kc.Network.from_json(json.dumps(file))


@pytest.mark.parametrize(
    "block",
    [
        3,
        [],
        [3],
        [["a", {"layer": 3}, [0]]],
        [["a", {"layer": {"kind": "Nothing", "fields": {}}}, [0]]],
        [["a", {"layer": {"kind": "Flatten", "fields": {}}}, [1]]],
        [["a", "b", [0]]],
        [["a", {"layer": {"kind": "Flatten", "fields": {}, "more": 1}}, [0]]],
        [["a", {"layer": {}}, [0]]],
        [["a", INNER, [7]]],
        [["a", INNER, []]],
        [["a", {"layer": {"kind": "Flatten", "fields": {}}}, [5]], ["b", INNER, [0]]],
    ],
)
def test_files_with_blocks_that_are_none_are_refused(block: Any) -> None:
    file = json.loads(chain(kc.repeat(kc.Dense(8), L)).to_json())
    file["nodes"][1]["fields"]["block"] = block
    with pytest.raises(kc.KernelcError):
        kc.Network.from_json(json.dumps(file))
