"""Modules of Flax NNX, where Flax is installed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import kernelc as kc


nnx = pytest.importorskip("flax.nnx")
KEY = jax.random.key(4)


def kinds(found) -> list[str]:
    assert found.replay is not None
    assert found.replay < 1e-4
    texts = [node.layer.text().partition("(")[0] for node in found.network][1:]
    return [text for text in texts if text != "AssumeGaussian"]


class Dense(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(4, 6, rngs=rngs)
        self.norm = nnx.BatchNorm(6, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.rest = nnx.List([nnx.Linear(6, 6, rngs=rngs)])
        self.tail = nnx.Sequential(nnx.LayerNorm(6, rngs=rngs), nnx.RMSNorm(6, rngs=rngs))

    def __call__(self, x):
        x = self.dropout(nnx.gelu(self.norm(self.first(x))))
        return self.tail(self.rest[0](x))


def test_paths_norms_and_dropout():
    model = Dense(nnx.Rngs(0))
    model(jax.random.normal(KEY, (16, 4)))  # moves the statistics
    statistics = model.norm.mean[...]
    found = kc.read(model, jax.random.normal(KEY, (3, 4)))
    assert kinds(found) == ["Dense", "BatchNorm", "Activation", "Dense", "LayerNorm", "RMSNorm"]
    names = list(found.answers)
    assert names[1:3] == ["first/dense", "norm/batch_norm"]
    assert names[4:] == ["rest.0/dense", "tail.layers.0/layer_norm", "tail.layers.1/rmsnorm"]
    assert not model.dropout.deterministic
    assert jnp.array_equal(model.norm.mean[...], statistics)


class Convolutional(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Conv(3, 8, (3, 3), rngs=rngs)
        self.instance = nnx.InstanceNorm(8, rngs=rngs)
        self.second = nnx.Conv(8, 8, (3, 3), strides=2, padding="VALID", rngs=rngs)
        self.group = nnx.GroupNorm(8, num_groups=2, rngs=rngs)
        self.head = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        x = nnx.max_pool(nnx.relu(self.instance(self.first(x))), (2, 2), strides=(2, 2))
        return self.head(self.group(self.second(x)).mean((1, 2)))


def test_convolutions_and_pools():
    found = kc.read(Convolutional(nnx.Rngs(0)), jax.random.normal(KEY, (2, 10, 10, 3)))
    assert kinds(found) == [
        "Conv",
        "GroupNorm",
        "Activation",
        "MaxPool",
        "Conv",
        "GroupNorm",
        "GlobalMeanPool",
        "Dense",
    ]


class Transformer(nnx.Module):
    def __init__(self, rngs):
        self.embed = nnx.Embed(11, 8, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.norm = nnx.LayerNorm(8, rngs=rngs)
        self.head = nnx.Linear(8, 11, rngs=rngs)

    def __call__(self, tokens):
        x, mask = self.embed(tokens), nnx.make_causal_mask(tokens)
        return self.head(x + self.attention(self.norm(x), mask=mask))


def test_attention_over_tokens():
    found = kc.read(Transformer(nnx.Rngs(0)), jnp.array([[1, 2, 3, 4, 5]]))
    assert kinds(found)[0] == "Embedding"
    assert kinds(found)[-2:] == ["WeightedSum", "Dense"]
    layer = found.network["attention/attention"].layer
    assert layer.text() == "Attention(heads=2, mask='causal')"


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda rngs: nnx.LinearGeneral(4, (2, 3), rngs=rngs), ["Dense"]),
        (lambda rngs: nnx.Einsum("bd,dh->bh", (4, 3), (3,), rngs=rngs), ["Dense"]),
        (
            lambda rngs: nnx.LoRALinear(4, 3, lora_rank=2, rngs=rngs),
            ["Dense", "Dense", "Dense", "WeightedSum"],
        ),
        (
            lambda rngs: nnx.Sequential(nnx.Linear(4, 3, rngs=rngs), nnx.PReLU()),
            ["Dense", "Activation"],
        ),
    ],
)
def test_other_layers(make, expected):
    assert kinds(kc.read(make(nnx.Rngs(0)), jnp.ones((1, 4)))) == expected


def test_a_model_that_cannot_be_traced_is_refused():
    rnn = nnx.RNN(nnx.GRUCell(4, 3, rngs=nnx.Rngs(0)), rngs=nnx.Rngs(0))
    with pytest.raises(kc.UnsupportedError, match="TraceContextError"):
        kc.read(rnn, jnp.ones((1, 5, 4)))
