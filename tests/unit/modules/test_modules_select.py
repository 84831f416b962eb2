"""Parameters by the name of their node: masks that Optax and `fit` take."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc


KEY = jax.random.key(0)
XS = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
YS = np.arange(16) % 3


def lowered(*blocks: Any, **options: Any) -> kc.Model:
    x = kc.Input((6,))
    net = kc.Network(x, kc.chain(*blocks, kc.Dense(3))(x))
    return kc.lower(net, key=KEY, **options)


MODEL = lowered(kc.Dense(6), kc.LayerNorm(), kc.Activation("tanh"), kc.Dense(6))
BLOCK = kc.chain(kc.Dense(6), kc.Activation("tanh"))
LOOPED: Any = lowered(kc.Dense(6, bias=False), kc.repeat(BLOCK, 4), layers="scan")


def trained(model: Any) -> Any:
    return eqx.filter(model, eqx.is_inexact_array)


def fitted(model: kc.Model, optimizer: Any) -> Any:
    options: dict[str, Any] = {"steps": 3, "batch_size": 8, "progress": False}
    return kc.fit(model, (XS, YS), optimizer=optimizer, **options).model


def moved(before: Any, after: Any) -> dict[str, bool]:
    everything = kc.select(before)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), trained(before), trained(after))
    return dict(zip(everything.names, [not leaf for leaf in jax.tree.leaves(same)], strict=True))


@pytest.mark.parametrize(
    ("names", "only", "found"),
    [
        (["dense_2"], None, ["dense_2.weight", "dense_2.bias"]),
        (["dense_1", "dense_3"], "bias", ["dense_1.bias", "dense_3.bias"]),
        (["dense_[13]"], "weight", ["dense_1.weight", "dense_3.weight"]),
        (["layer_*"], None, ["layer_norm_1.gain", "layer_norm_1.bias"]),
        ([], ["weight", "gain"], [*(f"dense_{i}.weight" for i in (1, 2, 3)), "layer_norm_1.gain"]),
        (["*"], "gain", ["layer_norm_1.gain"]),
    ],
)
def test_names_and_patterns_select_what_they_say(names, only, found):
    selection = kc.select(MODEL, *names, only=only)
    assert sorted(selection.names) == sorted(found)
    mask = selection(trained(MODEL))
    assert jax.tree.structure(mask) == jax.tree.structure(trained(MODEL))
    assert sum(jax.tree.leaves(mask)) == len(found)
    for name in found:
        layer, parameter = name.split(".")
        assert getattr(mask[layer], parameter) is True


def test_selections_combine():
    dense, biases = kc.select(MODEL, "dense_*"), kc.select(MODEL, only="bias")
    assert (dense & biases).names == kc.select(MODEL, "dense_*", only="bias").names
    assert (dense & ~biases).names == kc.select(MODEL, "dense_*", only="weight").names
    assert set((dense | biases).names) == {*dense.names, "layer_norm_1.bias"}
    assert repr(dense & ~dense) == "Selection(names=(), count=0)"
    assert repr(dense).endswith("dense_2.bias, ...), count=6)")
    with pytest.raises(kc.KernelcError, match="two models"):
        _ = dense | kc.select(LOOPED, "dense_1")


def test_fit_leaves_what_is_frozen_as_it_was():
    frozen = kc.select(MODEL, "dense_1", "layer_norm_1")
    optimizer = optax.chain(optax.adam(1e-2), optax.masked(optax.set_to_zero(), frozen))
    found = moved(MODEL, fitted(MODEL, optimizer))
    assert found == {name: name not in frozen.names for name in kc.select(MODEL).names}


def test_labels_give_each_part_its_transformation():
    head, norms = kc.select(MODEL, "dense_3"), kc.select(MODEL, "layer_norm_1")
    labels = head.labels("fast", norms.labels("frozen", "slow"))
    parts: dict[str, Any] = {
        "fast": optax.sgd(0.1),
        "slow": optax.sgd(0.01),
        "frozen": optax.set_to_zero(),
    }
    optimizer = optax.multi_transform(parts, labels)
    params = trained(MODEL)
    ones = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(ones, optimizer.init(params), params)
    assert float(updates["dense_3"].weight[0, 0]) == pytest.approx(-0.1)
    assert float(updates["dense_1"].bias[0]) == pytest.approx(-0.01)
    assert not updates["layer_norm_1"].gain.any()
    found = moved(MODEL, fitted(MODEL, optimizer))
    assert found == {name: name not in norms.names for name in found}


def test_decay_reaches_the_selected_parameters_alone():
    weights = kc.select(MODEL, only="weight")
    optimizer = optax.adamw(1e-2, weight_decay=0.5, mask=weights)
    params = trained(MODEL)
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = optimizer.update(zeros, optimizer.init(params), params)
    np.testing.assert_allclose(
        updates["dense_2"].weight, -0.005 * params["dense_2"].weight, rtol=1e-6
    )
    assert not updates["layer_norm_1"].gain.any()


def test_a_loop_is_selected_whole_or_not_at_all():
    blocks = kc.select(LOOPED, "dense_[2-5]", only="bias")
    assert blocks.names == tuple(f"dense_{i}.bias" for i in (2, 3, 4, 5))
    optimizer = optax.chain(optax.sgd(0.1), optax.masked(optax.set_to_zero(), ~blocks))
    found = fitted(LOOPED, optimizer)
    assert (found["dense_3"].weight == LOOPED["dense_3"].weight).all()
    assert (found["dense_3"].bias != LOOPED["dense_3"].bias).any()
    for names in (["dense_3"], ["dense_1", "dense_2"], ["dense_[234]"]):
        with pytest.raises(kc.KernelcError, match="whole or not at all"):
            kc.select(LOOPED, *names)
    assert kc.select(kc.unrolled(LOOPED), "dense_3").names == ("dense_3.weight", "dense_3.bias")


def test_running_statistics_are_not_parameters():
    model = lowered(kc.BatchNorm())
    assert kc.select(model, "batch_norm_1").names == ("batch_norm_1.gain", "batch_norm_1.bias")


@pytest.mark.parametrize(
    ("names", "only", "message"),
    [
        (["dense_9"], None, "name of no node(?s:.*)did you mean dense_"),
        (["dense_1", "conv_*"], None, "'conv_(?s:.*)name of no node"),
        (["activation_1"], None, "no such parameters"),
        (["layer_norm_1"], "weight", "no such parameters"),
        ([3], None, "name of no node"),
        ([], "kernel", "called bias, gain, weight"),
    ],
)
def test_names_without_parameters_are_refused(names, only, message):
    with pytest.raises(kc.KernelcError, match=message):
        kc.select(MODEL, *names, only=only)


def test_parameters_of_another_model_or_form_are_refused():
    selection = kc.select(LOOPED, only="bias")
    for params in (trained(MODEL), trained(kc.unrolled(LOOPED)), [jnp.ones(2)]):
        with pytest.raises(kc.KernelcError, match="one model in one form"):
            selection(params)
    with pytest.raises(kc.KernelcError, match="selected from models"):
        kc.select(trained(jnp.tanh), "dense_1")  # pyright: ignore[reportArgumentType]
