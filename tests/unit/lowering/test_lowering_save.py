"""Models in files: they come back as they were, or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import random
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.layers import ActivationModule
from kernelc.lowering._container import Container, read_container, write_container


KEY = jax.random.key(0)
XS = jnp.asarray(np.random.default_rng(0).normal(size=(5, 6)), "float32")


def network(*layers: Any, width: int = 3) -> kc.Network:
    x = kc.Input((6,))
    return kc.Network(x, kc.chain(*layers, kc.Dense(width))(x), name="deep")


TANH = network(kc.Dense(6), kc.Activation("tanh"))
NORMED = network(kc.repeat(kc.residual(kc.chain(kc.BatchNorm(), kc.Dense(6))), 4))


def round_trip(path: Path, model: Any, state: Any = None, **options: Any) -> tuple[Any, Any]:
    kc.save(path, model, state)
    return kc.load(path, **options)


@pytest.mark.parametrize(
    ("policy", "form"),
    [
        (kc.Policy(), {}),
        (kc.Policy("bfloat16", output_dtype="float32"), {}),
        (kc.Policy("float16"), {"layers": "scan"}),
        (kc.Policy(), {"layers": "scan", "remat": "block"}),
        (kc.Policy(), {"layers": "unrolled", "remat": "block"}),
    ],
    ids=["plain", "bfloat16", "float16 scan", "scan block", "unrolled block"],
)
def test_a_trained_model_comes_back_in_its_form_with_its_state(policy, form, tmp_path):
    model = kc.lower(NORMED, key=KEY, policy=policy, axis_name="examples", **form)
    state = jax.tree.map(lambda leaf: leaf + 1, eqx.nn.State(model))
    again, its_state = round_trip(tmp_path / "model", model, state, network=NORMED)
    assert jax.tree.structure((again, its_state)) == jax.tree.structure((model, state))
    assert eqx.tree_equal((again, its_state), (model, state))
    assert (again.policy, again.axis_name) == (model.policy, "examples")


def test_float64_comes_back_where_jax_is_set_to_it_and_is_refused_elsewhere(tmp_path):
    with jax.enable_x64(True):
        model = kc.lower(TANH, key=KEY, policy=kc.Policy("float64"))
        again, _ = round_trip(tmp_path / "model", model)
        assert eqx.tree_equal(again, model)
    with pytest.raises(kc.LoadError, match="jax_enable_x64"):
        kc.load(tmp_path / "model")


def test_inference_mode_is_kept(tmp_path):
    net = network(kc.Dense(6), kc.Dropout(0.5))
    model = eqx.nn.inference_mode(kc.lower(net, key=KEY))
    again, _ = round_trip(tmp_path / "model", model)
    assert eqx.tree_equal(again, model)
    np.testing.assert_array_equal(again.batched(XS), model.batched(XS))


def test_a_shaped_network_keeps_its_constants_and_its_record(tmp_path):
    shaped = kc.shape(TANH, kc.DKS(), rewrite=True)
    model = kc.lower(shaped, key=KEY)
    again, _ = round_trip(tmp_path / "model", model, network=shaped)
    assert again.network.to_json() == shaped.network.to_json()
    assert eqx.tree_equal(again, model)


def test_another_process_computes_the_same_from_a_file_and_from_a_pickle(tmp_path):
    model = kc.lower(kc.shape(TANH, rewrite=True), key=KEY)
    kc.save(tmp_path / "model", model)
    (tmp_path / "pickle").write_bytes(pickle.dumps(model))
    code = """
import pathlib, pickle, sys, jax.numpy as jnp, kernelc as kc
folder = pathlib.Path(sys.argv[1])
xs = jnp.arange(12.0).reshape(2, 6)
for model in (kc.load(folder / "model").model, pickle.loads((folder / "pickle").read_bytes())):
    print(model.batched(xs).tolist())
"""
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    wanted = str(model.batched(jnp.arange(12.0).reshape(2, 6)).tolist())
    assert run.stdout.splitlines() == [wanted, wanted]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(kc.Dense(7), kc.Activation("tanh")), "node 'dense_1' with width = 6 where"),
        (
            network(kc.Dense(6), kc.Activation("tanh", alpha=1.5)),
            "alpha = 1.0 where .* alpha = 1.5",
        ),
        (network(kc.Dense(6), kc.Activation("erf")), r"tanh.* where .*erf"),
        (network(kc.Dense(6), kc.Dense(6)), "node 2 with the name 'activation_1' where"),
        (network(kc.Dense(6)), "the name 'activation_1' where the given network has the name"),
        (
            network(kc.Dense(6), kc.Activation("tanh"), kc.Dense(3)),
            "'dense_3' with no such node where .*",
        ),
        (kc.shape(TANH, rewrite=True), "where the given network has"),
    ],
)
def test_weights_of_another_network_are_refused_by_the_first_node_that_differs(
    other, message, tmp_path
):
    kc.save(tmp_path / "model", kc.lower(TANH, key=KEY))
    with pytest.raises(kc.LoadError, match=message):
        kc.load(tmp_path / "model", network=other)


def test_a_network_that_goes_on_is_another_one(tmp_path):
    x = kc.Input((6,))
    short, long = kc.Dense(6)(x), kc.chain(kc.Dense(6), kc.Activation("relu"))(x)
    kc.save(tmp_path / "model", kc.lower(kc.Network(x, short), key=KEY))
    with pytest.raises(kc.LoadError, match=r"'activation_1' with no such node where .*relu"):
        kc.load(tmp_path / "model", network=kc.Network(x, long))


def test_what_would_not_load_again_is_not_saved(tmp_path):
    model = kc.lower(TANH, key=KEY)
    by_hand = dataclasses.replace(model, network=None)
    wide = eqx.tree_at(lambda m: m["dense_2"].weight, model, jnp.ones((6, 4)))
    swapped = eqx.tree_at(lambda m: m.nodes[1].module, model, ActivationModule(jnp.abs))
    wrong: list[tuple[Any, str]] = [
        ("model", "type str"),
        (by_hand, "without its network"),
        (wide, r"dense_2.weight\nFound: float32\[6, 4\]"),
        (swapped, "not those its network is lowered to"),
    ]
    for value, message in wrong:
        with pytest.raises(kc.KernelcError, match=message):
            kc.save(tmp_path / "model", value)
    normed = kc.lower(NORMED, key=KEY)
    with pytest.raises(kc.KernelcError, match="no state"):
        kc.save(tmp_path / "model", normed)
    other = kc.lower(network(kc.BatchNorm()), key=KEY)
    with pytest.raises(kc.DataError):
        kc.save(tmp_path / "model", normed, eqx.nn.State(other))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    kc.save(tmp_path / "model", kc.lower(TANH, key=KEY))
    before = (tmp_path / "model").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(kc.KernelcError, match="No space left"):
        kc.save(tmp_path / "model", kc.lower(TANH, key=jax.random.key(1)))
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model").read_bytes() == before
    with pytest.raises(kc.KernelcError, match="cannot be written"):
        kc.save(tmp_path / "nowhere" / "model", kc.lower(TANH, key=KEY))


def test_every_cut_and_every_flip_is_refused_or_harmless(tmp_path):
    model = kc.lower(TANH, key=KEY)
    path = tmp_path / "model"
    kc.save(path, model)
    whole = path.read_bytes()
    draw = random.Random(0)
    broken = [whole[:stop] for stop in (0, 7, 8, 9, len(whole) // 2, len(whole) - 1)]
    broken.append(whole + b"\0")
    for place in draw.sample(range(len(whole)), 150):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << draw.randrange(8)
        broken.append(bytes(flipped))
    refused = 0
    for content in broken:
        path.write_bytes(content)
        try:
            again, _ = kc.load(path)
        except kc.LoadError:
            refused += 1
        else:  # a space between two entries of the header became a tab, say
            assert eqx.tree_equal(again, model)
    assert refused > 150


def edited(path: Path, change: Any) -> None:
    """A file that is as it should be but for one thing, its checksum included."""
    found = read_container(path)
    metadata, arrays = dict(found.metadata), dict(found.arrays)
    form, net = json.loads(metadata["model"]), json.loads(metadata["network"])
    change(metadata, form, net, arrays)
    if "model" in metadata:
        metadata["model"] = json.dumps(form)
    metadata["network"] = json.dumps(net)
    write_container(path, Container(metadata, arrays))


CHANGES = {
    "format": lambda m, f, n, a: m.update(format="other"),
    "version": lambda m, f, n, a: m.update(version="2"),
    "spare entry": lambda m, f, n, a: m.update(more=""),
    "missing entry": lambda m, f, n, a: m.pop("model"),
    "policy": lambda m, f, n, a: f["policy"].update(param_dtype="int32"),
    "policy of another type": lambda m, f, n, a: f.update(policy=[]),
    "choice": lambda m, f, n, a: f["policy"].update(remat="all"),
    "number for a dtype": lambda m, f, n, a: f["policy"].update(compute_dtype=3),
    "dtype of text": lambda m, f, n, a: f["policy"].update(output_dtype="1" * 5000),
    "dtype that has no UTF-8 form": lambda m, f, n, a: f["policy"].update(param_dtype="\ud800"),
    "other dtype": lambda m, f, n, a: f["policy"].update(param_dtype="bfloat16"),
    "axis name": lambda m, f, n, a: f.update(axis_name=[1]),
    "loops": lambda m, f, n, a: f.update(loops=[[0, 1, 5]]),
    "loops of text": lambda m, f, n, a: f.update(loops=["abc"]),
    "unhashable loops": lambda m, f, n, a: f.update(loops=[[0, [], 2]]),
    "huge loops": lambda m, f, n, a: f.update(loops=[[0, 1, 2**52]]),
    "settings": lambda m, f, n, a: f.update(settings={"dense_1.inference": True}),
    "no setting": lambda m, f, n, a: f.update(settings={}),
    "setting of another type": lambda m, f, n, a: f["settings"].update({"drop.inference": 1}),
    "width": lambda m, f, n, a: n["nodes"][1]["fields"].update(width=7),
    "huge width": lambda m, f, n, a: n["nodes"][1]["fields"].update(width=2**52),
    "huge input": lambda m, f, n, a: n["nodes"][0]["fields"].update(shape=[2**50]),
    "kind": lambda m, f, n, a: n["nodes"][1].update(kind="lab.Gain"),
    "cycle": lambda m, f, n, a: n["nodes"][1].update(inputs=[2]),
    "symbol": lambda m, f, n, a: n["nodes"][1]["fields"].update(weight_std={"expr": ["Symbol"]}),
    "array": lambda m, f, n, a: a.pop("dense_1.weight"),
    "spare array": lambda m, f, n, a: a.update(spare=np.ones(2)),
    "array of another type": lambda m, f, n, a: a.update({"dense_1.bias": np.ones(6, "int32")}),
    "array of another shape": lambda m, f, n, a: a.update({"dense_1.bias": np.ones((6, 1), "f4")}),
    "huge statistics": lambda m, f, n, a: a.update({"dense_1.bias": np.ones(0, "f4")}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_made_to_mislead_is_refused(name, tmp_path):
    x = kc.Input((6,))
    drop = kc.Dropout(0.5)(kc.Dense(6)(x), name="drop")
    model = kc.lower(kc.Network(x, kc.Dense(3)(drop)), key=KEY)
    kc.save(tmp_path / "model", model)
    edited(tmp_path / "model", CHANGES[name])
    with pytest.raises(kc.LoadError) as caught:
        kc.load(tmp_path / "model")
    assert str(tmp_path / "model") in caught.value.where
    if name == "kind":
        assert "lab.Gain" in str(caught.value)
        assert "import" in caught.value.remedy


def header(path: Path, text: str, data: bytes = b"") -> None:
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + data)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "{" * 30000,
        "[" * 30000,
        '{"a": 1, "a": 2}',
        '{"__metadata__": {"format": "kernelc.model", "sha256": ""}}',
        '{"__metadata__": {}, "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}',
        '{"__metadata__": {}, "a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}',
        '{"__metadata__": {}, "a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}}',
        '{"__metadata__": {}, "a": {"dtype": "O", "shape": [1], "data_offsets": [0, 8]}}',
        '{"__metadata__": {}, "a": {"dtype": "U8", "shape": [1e9], "data_offsets": [0, 8]}}',
        '{"__metadata__": {}, "a": {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}}',
        '{"__metadata__": {}, "a": {"dtype": "F32", "shape": 2, "data_offsets": {}}}',
        '{"__metadata__": {}, "a": 3}',
        '{"__metadata__": {"format": 3}}',
    ],
)
def test_headers_that_no_save_wrote_are_refused(text, tmp_path):
    header(tmp_path / "model", text, bytes(8))
    with pytest.raises(kc.LoadError):
        kc.load(tmp_path / "model")


def test_what_is_no_file_of_this_kind_is_refused(tmp_path):
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    header(tmp_path / "binary", "{}")
    (tmp_path / "binary").write_bytes(struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc")
    for path in (tmp_path, tmp_path / "none", tmp_path / "arrays.npz", tmp_path / "binary", None):
        with pytest.raises(kc.LoadError):
            kc.load(path)  # pyright: ignore[reportArgumentType]
