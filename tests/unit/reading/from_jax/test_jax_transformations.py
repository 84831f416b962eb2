"""Models under jit, scan, vmap, checkpoint and custom derivatives; shared weights; reshapes."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from equinox import nn

import kernelc as kc


KEYS = jax.random.split(jax.random.key(2), 12)
VECTOR = jnp.linspace(-1, 1, 4)


def kinds(found) -> list[str]:
    assert found.replay is not None
    assert found.replay < 1e-4
    return [node.layer.text().partition("(")[0] for node in found.network][1:]


class Normed(eqx.Module):
    linear: nn.Linear
    norm: nn.LayerNorm

    def __call__(self, x):
        return jax.nn.softmax(self.norm(self.linear(x)))


def test_a_jitted_function_of_the_model_is_as_it_was_after_reading():
    block = Normed(nn.Linear(4, 4, key=KEYS[0]), nn.LayerNorm(4))
    inner = eqx.filter_jit(lambda block, x: block(x))
    plain = jax.jit(lambda x: jax.nn.softmax(nn.LayerNorm(4)(x)))

    def model(x):
        return nn.Linear(4, 2, key=KEYS[1])(plain(x) + inner(block, x))

    before, call = model(VECTOR), nn.LayerNorm.__call__
    kc.read(model, VECTOR)
    assert jnp.array_equal(model(VECTOR), before)
    assert "read_module" not in str(jax.make_jaxpr(model)(VECTOR))
    assert nn.LayerNorm.__call__ is call


def test_models_of_jitted_parts():
    block = nn.Linear(4, 4, key=KEYS[0])
    inner = eqx.filter_jit(lambda block, x: jnp.tanh(block(x)))
    found = kc.read(lambda x: inner(block, x), VECTOR)
    assert kinds(found) == ["Dense", "Activation"]


class Block(eqx.Module):
    up: nn.Linear
    down: nn.Linear

    def __call__(self, x):
        return x + self.down(jax.nn.relu(self.up(x)))


def test_blocks_under_scan_are_blocks_one_after_the_other():
    def made(key):
        up, down = jax.random.split(key)
        return Block(nn.Linear(4, 8, key=up), nn.Linear(8, 4, key=down))

    blocks = eqx.filter_vmap(made)(KEYS[:3])
    arrays, static = eqx.partition(blocks, eqx.is_array)

    def model(x):
        return jax.lax.scan(lambda x, each: (eqx.combine(each, static)(x), None), x, arrays)[0]

    assert kinds(kc.read(model, VECTOR)) == ["Dense", "Activation", "Dense", "WeightedSum"] * 3


def test_checkpoints_and_custom_derivatives_are_seen_through():
    linear = nn.Linear(4, 6, key=KEYS[0])

    @jax.custom_jvp
    def cubed(x):
        return x**3

    cubed.defjvp(lambda primals, tangents: (cubed(*primals), tangents[0]))

    @jax.custom_vjp
    def doubled(x):
        return jnp.tanh(2 * x)

    doubled.defvjp(lambda x: (doubled(x), None), lambda saved, gradient: (gradient,))
    assert kinds(kc.read(jax.checkpoint(lambda x: cubed(linear(x))), VECTOR))[0] == "Dense"
    found = kc.read(lambda x: doubled(linear(x)), VECTOR)
    assert kinds(found) == ["Dense", "Activation"]


def test_one_module_called_twice_has_its_weights_twice():
    linear = nn.Linear(4, 4, key=KEYS[0])
    found = kc.read(lambda x: linear(jnp.tanh(linear(x))), VECTOR)
    assert kinds(found) == ["Dense", "Activation", "Dense"]
    one, two = found.weights.values()
    assert jnp.array_equal(one["weight"], two["weight"])


def test_modules_under_vmap_act_on_the_channels_of_each_location():
    block = Normed(nn.Linear(4, 4, key=KEYS[0]), nn.LayerNorm(4))
    found = kc.read(jax.vmap(lambda x: block.norm(block.linear(x))), jnp.ones((3, 4)) * VECTOR)
    assert kinds(found) == ["Dense", "LayerNorm"]
    assert found.network.output_shape == (3, 4)


class Residual(eqx.Module):
    first: nn.Conv2d
    second: nn.Conv2d
    head: nn.Linear

    def __call__(self, x):
        x = self.first(x)
        x = x + self.second(jax.nn.relu(x))
        return self.head(x.reshape(-1))


def test_a_residual_network_whose_channels_come_first():
    first = nn.Conv2d(3, 4, 3, padding=1, key=KEYS[0])
    second = nn.Conv2d(4, 4, 3, padding=1, key=KEYS[1])
    model = Residual(first, second, nn.Linear(4 * 36, 2, key=KEYS[2]))
    found = kc.read(model, jax.random.normal(KEYS[3], (3, 6, 6)))
    assert kinds(found) == ["Conv", "Activation", "Conv", "WeightedSum", "Flatten", "Dense"]
    assert list(found.answers)[1:4] == ["first/conv", "activation", "second/conv"]
    # Entries of the flat vector stand in another order than in the model.
    assert not jnp.array_equal(found.weights["head/dense"]["weight"], model.head.weight.T)


def test_patches_are_tokens():
    embed = nn.Conv2d(3, 8, 4, stride=4, key=KEYS[0])
    positions = jax.random.normal(KEYS[1], (4, 8))

    def model(x):
        return embed(x).reshape(8, 4).T + positions

    found = kc.read(model, jax.random.normal(KEYS[3], (3, 8, 8)))
    assert "PositionalEmbedding" in kinds(found)


def test_gated_networks():
    up, down = nn.Linear(4, 12, key=KEYS[0]), nn.Linear(6, 4, key=KEYS[1])

    def model(x):
        gate, value = jnp.split(up(x), 2)
        return down(jax.nn.silu(gate) * value)

    assert kinds(kc.read(model, VECTOR)) == ["Dense", "Dense", "Activation", "Product", "Dense"]


def test_a_model_that_takes_gradients_of_its_modules():
    norm, linear = nn.LayerNorm(4), nn.Linear(4, 4, key=KEYS[0])
    found = kc.read(jax.grad(lambda x: norm(linear(x)).sum() ** 2), VECTOR)
    assert set(found.answers) == {node.name for node in found.network}
