"""Functions that JAX models apply to each entry, by the activation that they are read as."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import kernelc as kc


LINEAR = eqx.nn.Linear(4, 6, key=jax.random.key(0))
EXAMPLE = jnp.linspace(-1, 1, 4)


def texts(function) -> list[str]:
    found = kc.read(eqx.nn.Sequential([LINEAR, eqx.nn.Lambda(function)]), EXAMPLE)
    assert found.replay is not None
    assert found.replay < 1e-4
    return [node.layer.text() for node in found.network][2:]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (jax.nn.relu, "relu"),
        (lambda x: jnp.maximum(x, 0), "relu"),
        (lambda x: jnp.where(x > 0, x, jnp.zeros_like(x)), "relu"),
        (lambda x: jax.nn.gelu(x, approximate=False), "gelu"),
        (jax.nn.gelu, "gelu_tanh"),
        (jax.nn.silu, "swish"),
        (lambda x: x * jax.nn.sigmoid(x), "swish"),
        (lambda x: x / (1 + jnp.exp(-x)), "swish"),
        (jax.nn.selu, "selu"),
        (jax.nn.softplus, "softplus"),
        (lambda x: jnp.logaddexp(x, 0.0), "softplus"),
        (jax.nn.mish, "mish"),
        (lambda x: x * jnp.tanh(jax.nn.softplus(x)), "mish"),
        (jax.nn.hard_tanh, "hard_tanh"),
        (lambda x: jnp.clip(x, -1, 1), "hard_tanh"),
        (jax.nn.relu6, "relu6"),
        (jax.nn.sigmoid, "sigmoid"),
        (jnp.tanh, "tanh"),
        (jax.nn.soft_sign, "softsign"),
        (jax.nn.hard_sigmoid, "hard_sigmoid"),
        (jax.nn.hard_silu, "hard_swish"),
        (jnp.arctan, "atan"),
    ],
)
def test_an_activation_has_its_name_however_it_is_written(function, name):
    assert texts(function) == [f"Activation('{name}')"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (jax.nn.elu, "Activation('elu', elu_alpha=1)"),
        (jax.nn.celu, "Activation('elu', elu_alpha=1)"),
        (lambda x: jax.nn.relu(x) ** 2, "Activation(Max(0.0, x)**2)"),
        (lambda x: jnp.sin(x) + 0.5 * x, "Activation(0.5*x + sin(x))"),
    ],
)
def test_other_functions_keep_their_settings_or_their_expression(function, text):
    assert texts(function) == [text]


@pytest.mark.parametrize("function", [jax.nn.leaky_relu, eqx.nn.PReLU(0.01)])
def test_a_slope_is_read(function):
    (text,) = texts(function)
    slope = float(text.partition("negative_slope=")[2].rstrip(")"))
    assert text.startswith("Activation('leaky_relu'")
    assert abs(slope - 0.01) < 1e-6


def test_a_condition_joined_from_two_is_read():
    (text,) = texts(lambda x: jnp.where((x > -1) & ~(x >= 1), x, 0.5 * x))
    assert "Piecewise" in text


def test_guards_against_nan_leave_the_value_as_it_is():
    assert texts(jnp.nan_to_num) == []
    assert texts(lambda x: jnp.where(jnp.isfinite(x), x, 0.0)) == []


def test_a_function_without_finite_slope_or_with_steps_is_opaque():
    found = kc.read(eqx.nn.Sequential([LINEAR, eqx.nn.Lambda(jnp.floor)]), EXAMPLE)
    assert found.replay is None
    assert "floor" in str(found)


def test_an_operation_without_rule_is_named_with_its_line():
    found = kc.read(lambda x: jnp.sort(LINEAR(x)), EXAMPLE)
    assert found.replay is None
    assert "sort at test_jax_elementwise.py:" in str(found)


def test_functions_in_jitted_functions_have_the_path_of_the_module():
    found = kc.read(eqx.nn.Sequential([LINEAR, eqx.nn.Lambda(jax.nn.relu)]), EXAMPLE)
    assert list(found.answers) == ["input", "layers.0/dense", "layers.1/activation"]
