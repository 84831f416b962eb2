"""Norms that a model writes out are norms; what only looks like one is none."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import kernelc as kc


LINEAR = eqx.nn.Linear(4, 6, key=jax.random.key(0))
EXAMPLE = jnp.linspace(-1, 1, 4)
GAIN = jnp.linspace(0.5, 1.5, 6)
BIAS = jnp.linspace(-0.2, 0.3, 6)


def centered(x):
    return x - x.mean(-1, keepdims=True)


def read(function, example=EXAMPLE):
    return kc.read(eqx.nn.Sequential([LINEAR, eqx.nn.Lambda(function)]), example)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: centered(x) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-3), "affine=False"),
        (
            lambda x: GAIN * centered(x) * jax.lax.rsqrt(x.var() + 1e-3) + BIAS,
            "LayerNorm(eps=0.001",
        ),
        (lambda x: BIAS + (x - x.mean()) / (x.var() + 1e-3) ** 0.5 * GAIN, "LayerNorm(eps=0.001"),
        (lambda x: x * jax.lax.rsqrt((x**2).mean() + 1e-3), "RMSNorm(eps=0.001"),
        (lambda x: GAIN * x / jnp.sqrt(jnp.square(x).mean() + 1e-3), "RMSNorm(eps=0.001"),
        (lambda x: 3 * x / jnp.linalg.norm(x), "RMSNorm(eps=0"),
        (lambda x: x / jnp.sqrt(4 * (x * x).mean() + 0.1), "RMSNorm(eps=0.025"),
    ],
)
def test_norms_over_the_last_axis(function, text):
    found = read(function)
    assert found.replay < 1e-4
    (_, _, norm) = found.network
    assert text in norm.layer.text()


def test_a_norm_of_each_location():
    def model(x):
        x = jax.vmap(LINEAR)(x)
        return centered(x) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)

    found = kc.read(model, jax.random.normal(jax.random.key(1), (3, 4)))
    assert found.replay < 1e-4
    assert [node.layer.text()[:5] for node in found.network][1:] == ["Dense", "Layer"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x / (jnp.square(x).mean() + 1e-3),
        lambda x: x / jnp.sqrt(jnp.abs(x).mean() + 1e-3),
        lambda x: x / jnp.sqrt(jnp.square(x + 1).mean() + 1e-3),
        lambda x: (x - 1) / jnp.sqrt(x.var() + 1e-3),
        lambda x: -x * jax.lax.rsqrt(jnp.square(x[:3]).mean() + 1e-3),
    ],
)
def test_what_only_looks_like_a_norm_is_opaque(function):
    found = read(function)
    assert found.replay is None
    assert not any("Norm" in node.layer.text()[:9] for node in found.network)
