"""Attention of JAX models: as a module, as a function, and written out."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from equinox import nn

import kernelc as kc


KEYS = jax.random.split(jax.random.key(3), 6)
SEQUENCE = jax.random.normal(KEYS[5], (5, 4))
LATER = jnp.tri(5, dtype=bool)


class Attending(eqx.Module):
    embed: nn.Linear
    attention: nn.MultiheadAttention
    mask: jax.Array | None

    def __call__(self, x):
        x = jax.vmap(self.embed)(x)
        return self.attention(x, x, x, mask=self.mask)


@pytest.mark.parametrize(("mask", "text"), [(None, "heads=2)"), (LATER, "mask='causal'")])
def test_the_module_with_biases(mask, text):
    attention = nn.MultiheadAttention(
        2, 8, use_query_bias=True, use_value_bias=True, use_output_bias=True, key=KEYS[0]
    )
    found = kc.read(Attending(nn.Linear(4, 8, key=KEYS[1]), attention, mask), SEQUENCE)
    assert found.replay < 1e-4
    assert list(found.answers)[1:] == [
        "embed/dense",
        "attention.query_proj/dense",
        "attention.key_proj/dense",
        "attention.value_proj/dense",
        "attention/attention",
        "attention.output_proj/dense",
    ]
    assert text in found.network["attention/attention"].layer.text()


def by_function(q, k, v):
    return jax.nn.dot_product_attention(q, k, v, is_causal=True)


def by_function_with_mask(q, k, v):
    return jax.nn.dot_product_attention(q[None], k[None], v[None], mask=LATER[None, None])[0]


def by_products(q, k, v):
    logits = jnp.einsum("tnh,snh->nts", q, k) / 2
    weights = jax.nn.softmax(jnp.where(LATER, logits, -jnp.inf))
    return jnp.einsum("nts,snh->tnh", weights, v)


def by_exponentials(q, k, v):
    logits = jnp.where(LATER, 0.5 * jnp.einsum("tnh,snh->nts", q, k), -1e9)
    weights = jnp.exp(logits - logits.max(-1, keepdims=True))
    return jnp.einsum("nts,snh->tnh", weights / weights.sum(-1, keepdims=True), v)


@pytest.mark.parametrize(
    "attend", [by_function, by_function_with_mask, by_products, by_exponentials]
)
def test_attention_however_it_is_written(attend):
    q, k, v = (nn.Linear(4, 8, key=key) for key in KEYS[:3])

    def model(x):
        return attend(*(jax.vmap(each)(x).reshape(5, 2, 4) for each in (q, k, v))).reshape(5, 8)

    found = kc.read(model, SEQUENCE)
    assert found.replay < 1e-4
    texts = [node.layer.text() for node in found.network][1:]
    assert [text[:5] for text in texts] == ["Dense", "Dense", "Dense", "Atten"]
    assert texts[-1] == "Attention(heads=2, mask='causal')"


def test_a_softmax_alone_is_opaque():
    found = kc.read(lambda x: jax.nn.softmax(nn.Linear(4, 8, key=KEYS[0])(x)), SEQUENCE[0])
    assert "a softmax that is no attention" in str(found)
