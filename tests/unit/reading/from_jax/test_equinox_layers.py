"""Layers of equinox.nn as nodes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equinox import nn

import kernelc as kc


KEYS = jax.random.split(jax.random.key(1), 12)
VECTOR = jnp.linspace(-1, 1, 4)
IMAGE = jax.random.normal(KEYS[0], (3, 8, 8))


def texts(model, example, **options) -> list[str]:
    found = kc.read(model, example, **options)
    assert found.replay is not None
    assert found.replay < 1e-4
    return [node.layer.text().partition("(")[0] for node in found.network][1:]


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda key: nn.Conv1d(3, 4, 3, padding=1, key=key), (3, 8)),
        (lambda key: nn.Conv2d(3, 4, 3, stride=2, padding=2, dilation=2, key=key), (3, 8, 8)),
        (lambda key: nn.Conv2d(3, 6, 3, groups=3, key=key), (3, 8, 8)),
        (lambda key: nn.Conv2d(3, 4, 3, padding="SAME", key=key), (3, 8, 8)),
        (lambda key: nn.Conv2d(3, 4, 3, padding=((1, 0), (2, 1)), key=key), (3, 8, 8)),
        (lambda key: nn.Conv2d(3, 4, 1, use_bias=False, key=key), (3, 8, 8)),
        (lambda key: nn.Conv3d(2, 4, 2, key=key), (2, 4, 4, 4)),
        (lambda key: nn.WeightNorm(nn.Conv2d(3, 4, 3, key=key)), (3, 8, 8)),
    ],
)
def test_convolutions(make, shape):
    assert texts(make(KEYS[1]), jax.random.normal(KEYS[2], shape)) == ["Conv"]


@pytest.mark.parametrize(
    ("pool", "kind"),
    [
        (nn.AvgPool2d(2, 2), "MeanPool"),
        (nn.AvgPool2d(3, 2, padding=1), "MeanPool"),
        (nn.MaxPool2d(3, 2, padding=1), "MaxPool"),
        (nn.MaxPool2d(2, 2, use_ceil=True), "MaxPool"),
        (nn.GroupNorm(2, 4), "GroupNorm"),
        (nn.GroupNorm(2, channelwise_affine=False), "GroupNorm"),
        (nn.LayerNorm((4, 8, 8), use_weight=False, use_bias=False), "LayerNorm"),
    ],
)
def test_layers_behind_a_convolution(pool, kind):
    conv = nn.Conv2d(3, 4, 1, key=KEYS[1])
    assert texts(nn.Sequential([conv, pool]), IMAGE) == ["Conv", kind]


@pytest.mark.parametrize(
    ("layer", "kinds"),
    [
        (nn.Identity(), []),
        (nn.Dropout(0.5), []),
        (nn.LayerNorm(6), ["LayerNorm"]),
        (nn.LayerNorm(6, use_weight=False, use_bias=False), ["LayerNorm"]),
        (nn.RMSNorm(6, use_bias=False), ["RMSNorm"]),
        (nn.GroupNorm(2, 6), ["GroupNorm"]),
        (nn.WeightNorm(nn.Linear(6, 5, key=KEYS[3])), ["Dense"]),
        (nn.Linear(6, "scalar", key=KEYS[3]), ["Dense"]),
        (nn.Linear(6, 5, use_bias=False, key=KEYS[3]), ["Dense"]),
        (nn.MLP(6, 3, 8, 1, activation=jnp.tanh, key=KEYS[3]), ["Dense", "Activation", "Dense"]),
    ],
)
def test_layers_behind_a_linear_layer(layer, kinds):
    linear = nn.Linear(4, 6, key=KEYS[2])
    assert texts(nn.Sequential([linear, layer]), VECTOR) == ["Dense", *kinds]


def test_a_scalar_input():
    assert texts(nn.Linear("scalar", 6, key=KEYS[2]), jnp.array(0.5)) == ["Dense"]


def test_embeddings_of_one_token_and_of_several():
    table = nn.Embedding(7, 4, key=KEYS[2])
    assert texts(table, jnp.array(3)) == ["Embedding"]
    found = kc.read(jax.vmap(table), jnp.array([3, 1, 2]))
    assert np.array_equal(found.weights["embedding"]["table"], table.weight)
    assert found.replay < 1e-4


class Convolutional(eqx.Module):
    conv: nn.Conv2d
    norm: nn.BatchNorm
    head: nn.Linear

    def __call__(self, x, state):
        x, state = self.norm(self.conv(x), state)
        return self.head(jax.nn.relu(x).mean((1, 2))), state


@pytest.mark.parametrize("mode", ["ema", "batch"])
def test_batch_norm_with_its_statistics(mode):
    def made():
        norm = nn.BatchNorm(4, "batch", mode=mode)
        return Convolutional(nn.Conv2d(3, 4, 3, key=KEYS[3]), norm, nn.Linear(4, 2, key=KEYS[4]))

    model, state = nn.make_with_state(made)()
    batch = 1 + jax.random.normal(KEYS[5], (5, 3, 8, 8))
    step = jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    _, state = step(batch, state)
    kinds = texts(model, IMAGE, state=state)
    assert kinds == ["Conv", "BatchNorm", "Activation", "GlobalMeanPool", "Dense"]


def test_spectral_norm_is_folded_into_the_weights():
    def made():
        linear = nn.SpectralNorm(nn.Linear(4, 6, key=KEYS[3]), "weight", key=KEYS[4])
        return nn.Sequential([linear, nn.Lambda(jax.nn.relu)])

    model, state = nn.make_with_state(made)()
    assert texts(model, VECTOR, state=state) == ["Dense", "Activation"]


class Recurrent(eqx.Module):
    cell: nn.GRUCell | nn.LSTMCell

    def __call__(self, xs):
        zero = jnp.zeros(6)
        start = zero if isinstance(self.cell, nn.GRUCell) else (zero, zero)
        last, _ = jax.lax.scan(lambda held, x: (self.cell(x, held), None), start, xs)
        return last if isinstance(self.cell, nn.GRUCell) else last[0]


@pytest.mark.parametrize("kind", [nn.GRUCell, nn.LSTMCell])
def test_every_node_of_a_recurrent_cell_is_answered(kind):
    found = kc.read(Recurrent(kind(4, 6, key=KEYS[3])), jax.random.normal(KEYS[4], (2, 4)))
    assert set(found.answers) == {node.name for node in found.network}
    assert any(name.startswith("cell/") for name in found.answers)


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(3, 4, 3, stride=2, key=KEYS[3]),
        nn.AdaptiveMaxPool2d(2),
        nn.Conv2d(3, 4, 3, padding="SAME", padding_mode="REFLECT", key=KEYS[3]),
    ],
)
def test_layers_that_are_not_known_are_answered(layer):
    found = kc.read(layer, IMAGE)
    assert set(found.answers) == {node.name for node in found.network}
    assert found.replay is None or found.replay < 1e-4
