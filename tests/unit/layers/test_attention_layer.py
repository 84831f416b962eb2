"""Attention: shapes, fields, and the finite layer against loops."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.layers import AttentionModule


RNG = np.random.default_rng(3)


def by_hand(
    layer: kc.Attention, query: np.ndarray, key: np.ndarray, value: np.ndarray
) -> np.ndarray:
    """Attention of one example, (locations, channels), head by head."""
    heads, outs = layer.heads, []
    distance = np.abs(np.subtract.outer(np.arange(len(query)), np.arange(len(key))))
    for h in range(heads):
        q, k, v = (np.split(x, heads, axis=-1)[h] for x in (query, key, value))
        d = q.shape[-1]
        logits = q @ k.T / (d if layer.scale == "1/d" else math.sqrt(d))
        if layer.bias == "alibi":
            logits = logits - 2.0 ** (-8 * (h + 1) / heads) * distance
        elif layer.bias is not None:
            logits = logits + np.array(layer.bias)[h % len(layer.bias)]
        if layer.mask:
            logits = np.where(np.tri(*logits.shape) > 0, logits, -np.inf)
        pattern = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        rows = layer.gain * np.array(layer.row_scale or [1.0] * len(q))
        out = rows[:, None] * (pattern @ v)
        if layer.skip:
            out = out + layer.skip * v
        if layer.centering:
            seen = np.tri(len(q)) if layer.mask else np.ones((len(q), len(k)))
            out = out - layer.centering * (seen / seen.sum(-1, keepdims=True)) @ v
        outs.append(out)
    return np.concatenate(outs, -1)


TABLE = tuple(tuple(map(tuple, head)) for head in RNG.normal(size=(2, 5, 5)).tolist())


@pytest.mark.parametrize(
    "layer",
    [
        kc.Attention(),
        kc.Attention(2, mask="causal"),
        kc.Attention(2, scale="1/d", bias="alibi"),
        kc.Attention(2, bias=TABLE, mask="causal"),
        kc.Attention(2, row_scale=(1.0, 2.0, 3.0, 4.0, 5.0), gain=0.5),
        kc.Attention(2, mask="causal", skip=0.7, gain=0.4, centering=0.3),
    ],
)
@pytest.mark.parametrize("channels", [4, 6], ids=["as wide values", "wider values"])
def test_the_finite_layer_is_what_loops_say(layer: kc.Attention, channels: int) -> None:
    query, key = RNG.normal(size=(2, 3, 5, 4)).astype(np.float32)
    value = RNG.normal(size=(3, 5, channels)).astype(np.float32)
    found = AttentionModule(layer).apply((query, key, value))
    wanted = [by_hand(layer, *one) for one in zip(query, key, value, strict=True)]
    np.testing.assert_allclose(found, np.stack(wanted), rtol=2e-5, atol=2e-6)


def test_locations_of_an_image_are_read_in_rows() -> None:
    image = RNG.normal(size=(2, 3, 4, 6)).astype(np.float32)
    layer = kc.Attention(2, mask="causal", bias=None)
    found = AttentionModule(layer).apply((image,) * 3)
    flat = image.reshape(2, 12, 6)
    wanted = np.stack([by_hand(layer, x, x, x) for x in flat]).reshape(image.shape)
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def test_queries_of_other_locations_than_keys() -> None:
    query, key = (RNG.normal(size=(1, n, 4)).astype(np.float32) for n in (2, 5))
    found = AttentionModule(kc.Attention(2)).apply((query, key, key))
    np.testing.assert_allclose(
        found[0], by_hand(kc.Attention(2), query[0], key[0], key[0]), rtol=2e-5
    )
    with pytest.raises(kc.ShapeError, match="equal locations"):
        AttentionModule(kc.Attention(mask="causal")).apply((query, key, key))


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"heads": 0}, "heads"),
        ({"mask": "future"}, "mask"),
        ({"bias": "rotary"}, "bias"),
        ({"heads": 3, "bias": TABLE}, "2 tables"),
        ({"bias": (((math.nan,),),)}, "finite"),
        ({"row_scale": ()}, "row_scale"),
        ({"skip": math.inf}, "skip"),
        ({"scale": "1"}, "scale"),
    ],
)
def test_fields_that_are_no_attention_are_refused(fields: dict[str, Any], match: str) -> None:
    with pytest.raises(kc.KernelcError, match=match):
        kc.Attention(**fields)


@pytest.mark.parametrize(
    ("shapes", "match"),
    [
        (((5, 4), (5, 4), (6, 4)), "equal locations"),
        (((5, 4), (5, 6), (5, 4)), "as many channels"),
        (((4,), (4,), (4,)), "outputs"),
        (((5, 3), (5, 3), (5, 4)), "2 heads"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(shapes: Any, match: str) -> None:
    with pytest.raises(kc.ShapeError, match=match):
        kc.Attention(2).out_shape(shapes, "attention")


def test_sizes_of_tables_and_rows_are_checked() -> None:
    shapes = ((4, 4),) * 3
    for layer in (kc.Attention(2, bias=TABLE), kc.Attention(row_scale=(1.0,) * 5)):
        with pytest.raises(kc.ShapeError, match="attention"):
            layer.out_shape(shapes, "attention")


def test_a_table_survives_json() -> None:
    x = kc.Input((5, 4))
    layer = kc.Attention(2, bias=TABLE, row_scale=(1.0, 0.5, 1.0, 2.0, 1.0))
    net = kc.Network(x, layer(*(kc.Dense(4)(x) for _ in range(3))))
    assert kc.Network.from_json(net.to_json()) == net


def test_multi_head_attention_starts_as_a_mean_and_trains() -> None:
    x = kc.Input((5, 4))
    net = kc.Network(x, kc.MultiHeadAttention(8, 2, name="mix")(x))
    model = kc.lower(net, key=jax.random.key(0))
    inputs = jnp.asarray(RNG.normal(size=(3, 5, 4)), jnp.float32)
    out = model.batched(inputs)
    np.testing.assert_allclose(out, np.broadcast_to(out[:, :1], out.shape), rtol=1e-4, atol=1e-6)
    slopes = eqx.filter_grad(lambda m: jnp.sum(jnp.square(m.batched(inputs))))(model)
    of_queries = eqx.filter(slopes, kc.select(model, "mix_query", only="weight")(slopes))
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(of_queries)) > 1e-3
    with pytest.raises(kc.ShapeError, match="heads"):
        kc.MultiHeadAttention(9, 2)


def test_shaping_keeps_attention_that_starts_as_the_identity() -> None:
    x = kc.Input((5, 8))
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"), kc.Dense(8))

    def net(layer: kc.Attention) -> kc.Network:
        h = block(x)
        query = kc.Dense(8, init="zero")(h)
        return kc.Network(x, kc.chain(block)(layer(query, kc.Dense(8)(h), kc.Dense(8)(h))))

    kept = kc.shape(net(kc.Attention(skip=1, gain=1, centering=1)), kc.DKS(zeta=1.2), rewrite=True)
    assert kept.network["attention_1"].layer.skip == 1
    with pytest.raises(kc.ShapingError, match="attention averages"):
        kc.shape(net(kc.Attention()), kc.DKS(zeta=1.2), rewrite=True)
