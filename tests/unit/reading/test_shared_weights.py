"""Modules that a model applies twice: kernels take their weights for independent, and say so."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp

import kernelc as kc


KEYS = jax.random.split(jax.random.key(4), 3)


class Twice(eqx.Module):
    """A recurrent net of two steps."""

    cell: eqx.nn.Linear
    head: eqx.nn.Linear

    def __call__(self, x):
        return self.head(jnp.tanh(self.cell(jnp.tanh(self.cell(x)))))


class Tied(eqx.Module):
    """A table of tokens that is the weight of the head too."""

    table: jax.Array
    up: eqx.nn.Linear

    def __call__(self, tokens):
        return jnp.tanh(jax.vmap(self.up)(self.table[tokens])) @ self.table.T


def test_a_module_that_is_applied_twice_is_assumed_to_be_two():
    model = Twice(eqx.nn.Linear(5, 5, key=KEYS[0]), eqx.nn.Linear(5, 3, key=KEYS[1]))
    found = kc.read(model, jnp.ones(5))
    assert found.replay < 1e-5
    assumed = {name for name, answer in found.answers.items() if answer.level == "assumed"}
    assert assumed == {"cell/dense_2"}
    assert "cell/dense" in found.answers["cell/dense_2"].reason


def test_a_table_that_is_the_weight_of_the_head_is_assumed_to_be_two():
    table = jax.random.normal(KEYS[2], (7, 4))
    found = kc.read(Tied(table, eqx.nn.Linear(4, 4, key=KEYS[0])), jnp.arange(3))
    assert found.replay < 1e-5
    assert found.counts()["assumed"] == 1


def test_weights_of_zero_are_not_shared():
    linear = eqx.nn.Linear(5, 5, key=KEYS[0])
    zero = eqx.tree_at(lambda layer: layer.weight, linear, jnp.zeros((5, 5)))
    found = kc.read(eqx.nn.Sequential([zero, zero]), jnp.ones(5))
    assert found.counts()["assumed"] == 0
