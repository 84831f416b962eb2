"""Weights follow from the key and the name of the node."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

import kernelc as kc
from kernelc.modules import node_key


KEY = jax.random.key(1)
X = kc.Input((6,))


def chained(*layers):
    value = X
    for name, layer in layers:
        value = layer(value, name=name)
    return kc.Network(X, value)


def weight(model: Any, name: str) -> np.ndarray:
    return np.asarray(model[name].weight)


def test_a_node_keeps_its_weights_when_others_come_and_go():
    first, last = ("first", kc.Dense(6)), ("last", kc.Dense(3))
    between = [("bend", kc.Activation("tanh")), ("more", kc.Dense(6))]
    short = kc.lower(chained(first, last), key=0)
    long = kc.lower(chained(first, *between, last), key=0)
    for name in ("first", "last"):
        assert eqx.tree_equal(short[name], long[name])
    renamed = kc.lower(chained(first, ("end", kc.Dense(3))), key=0)
    assert np.abs(weight(renamed, "end") - weight(short, "last")).min() > 0


def test_a_node_keeps_its_dropout_when_others_come_and_go():
    drop, bend = ("drop", kc.Dropout(0.5)), ("bend", kc.Activation("relu"))
    xs = np.ones((3, 6), np.float32)
    for layers in ("unrolled", "scan"):
        models = [kc.lower(chained(*nodes), key=0, layers=layers)
                  for nodes in ((drop,), (bend, drop), (drop, bend))]  # fmt: skip
        masks = [np.asarray(model.batched(xs, key=KEY)) for model in models]
        for mask in masks[1:]:
            np.testing.assert_array_equal(mask, masks[0])
    other = kc.lower(chained(("other", kc.Dropout(0.5))), key=0).batched(xs, key=KEY)
    assert not np.array_equal(other, masks[0])


def test_repeated_blocks_differ_from_each_other_in_both_forms():
    net = kc.Network(X, kc.repeat(kc.Dense(6), 4)(X))
    forms = [kc.lower(net, key=0, layers=form) for form in ("scan", "unrolled")]
    assert eqx.tree_equal(kc.unrolled(forms[0]), forms[1])
    first, *others = (weight(forms[1], node.name) for node in net.nodes[1:])
    assert all(np.abs(first - other).min() > 0 for other in others)


def test_names_have_the_same_keys_in_every_process():
    code = (
        "import jax; from kernelc.modules import node_key;"
        "print(jax.random.key_data(node_key(jax.random.key(0), 'dense_1')).tolist())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    own = jax.random.key_data(node_key(jax.random.key(0), "dense_1")).tolist()
    assert told.strip() == str(own) == "[1741835747, 1741966462]"


def test_a_key_is_one_of_jax_of_either_kind_or_an_int():
    net = kc.Network(X, kc.Dense(3)(X))
    wanted = kc.lower(net, key=jax.random.key(3))
    keys: list[Any] = [3, np.int64(3), jax.random.PRNGKey(3)]
    for key in keys:
        assert eqx.tree_equal(kc.lower(net, key=key), wanted)
    two = jax.random.split(jax.random.key(0))
    for bad in (-1, 2**32, True, 0.5, "0", None, two, np.zeros(2, np.float32)):
        with pytest.raises(kc.KernelcError, match="lower: key"):
            kc.lower(net, key=bad)  # pyright: ignore[reportArgumentType]
