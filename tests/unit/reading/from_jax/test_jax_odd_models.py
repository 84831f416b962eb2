"""Odd JAX models: an answer, or an error that names what it is about."""

from __future__ import annotations

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import kernelc as kc


LINEAR = eqx.nn.Linear(4, 6, key=jax.random.key(0))
VECTOR = jnp.linspace(-1, 1, 4)


@functools.partial(jax.jit, static_argnums=1)
def powered(x, exponent):
    return LINEAR(x) ** exponent


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        (lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), "cond at test_jax_odd_"),
        (lambda x: jax.lax.while_loop(lambda c: c.sum() < 9, lambda c: c + 1, x), "while at test"),
        (lambda x: jnp.abs(jnp.fft.fft(x)), "fft at test"),
        (lambda x: jnp.argmax(LINEAR(x)), "argmax at test"),
        (lambda x: LINEAR(x).astype(int), "convert_element_type at test"),
        (lambda x: LINEAR(x) > 0, "condition u > 0"),
        (lambda x: jnp.cumsum(LINEAR(x)), "cumsum at test"),
        (lambda x: jnp.ones(3), "a constant"),
        (lambda x: jnp.outer(LINEAR(x), LINEAR(x)), "opaque"),
        (lambda x: jax.pure_callback(lambda a: a, x, x), "pure_callback at test"),
        (eqx.tree_at(lambda m: m.weight, LINEAR, LINEAR.weight * jnp.nan), "nan"),
    ],
)
def test_what_is_not_known_is_opaque_and_named(model, operation):
    found = kc.read(model, VECTOR)
    assert found.replay is None
    assert found.counts()["opaque"] >= 1
    assert operation in str(found)
    assert set(found.answers) == {node.name for node in found.network}


def branches(x):
    if x.sum() > 0:
        return x
    return -x


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (branches, "TracerBoolConversionError, at test_jax_odd_models.py:"),
        (lambda x: 1 / 0, "ZeroDivisionError, at test_jax_odd_models.py:"),
        (lambda x: LINEAR(x[:3]), "TypeError"),
        (lambda x: {"a": LINEAR(x)}, "an output of type dict"),
        (lambda x: (LINEAR(x), x), "an output of type tuple"),
        (lambda x: None, "an output of type NoneType"),
        (lambda x: 3.0, "an output of type float"),
        (lambda x: x[:0], "an output of type ArrayImpl"),
        (lambda x: jnp.concatenate([x, x[:0]]), "slice at test_jax_odd_models.py:"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(model, found):
    with pytest.raises(kc.UnsupportedError) as caught:
        kc.read(model, VECTOR)
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("example", "error"),
    [
        (VECTOR * 1j, kc.DataError),
        (jnp.zeros((0, 4)), kc.DataError),
        (VECTOR * jnp.nan, kc.DataError),
        (jnp.arange(4), kc.UnsupportedError),
    ],
)
def test_examples_that_are_no_inputs(example, error):
    with pytest.raises(error):
        kc.read(lambda x: 2.0 * x, example)


def test_numbers_that_do_not_depend_on_the_input_are_constants():
    keep = functools.partial(jax.random.bernoulli, p=0.5, shape=(6,))
    for key in (jax.random.key(1), jax.random.PRNGKey(1)):
        found = kc.read(lambda x, key=key: LINEAR(x) * keep(key), VECTOR)
        assert found.replay < 1e-4
        assert [node.layer.text()[:5] for node in found.network][1:] == ["Dense", "Chann"]


def test_static_arguments_loops_of_known_length_and_prints():
    assert kc.read(lambda x: powered(x, 2), VECTOR).replay < 1e-4
    found = kc.read(lambda x: jax.lax.fori_loop(0, 2, lambda i, c: jnp.tanh(c), x), VECTOR)
    assert found.replay < 1e-4
    assert kc.read(lambda x: jax.lax.stop_gradient(LINEAR(x)), VECTOR).replay < 1e-4
