"""Policies: compile time independent of depth, less memory, float32 losses and gradients."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc
import nets
from kernelc.modules import first_state
from kernelc.training._step import Batches, Carry, Fixed, advance_leaves


KEY = jax.random.key(0)
ADAM = optax.adam(1e-3)
TANH = kc.Activation("tanh")
X = kc.Input((4,))
NET = kc.Network(X, kc.repeat(kc.Dense(4), 3)(X))


def inputs(rows: int) -> jax.Array:
    return jnp.asarray(np.random.default_rng(1).normal(size=(rows, 8)), jnp.float32)


def lowered(net: kc.Network, compute_dtype: str | None = None, **options: Any) -> kc.Model:
    policy = kc.Policy(compute_dtype=compute_dtype)
    return kc.lower(net, key=KEY, policy=policy, **options)


def equations(jaxpr: Any) -> int:
    """All equations, with those inside of loops and calls."""
    total = 0
    for equation in jaxpr.eqns:
        inner = jax.tree.leaves(equation.params, is_leaf=lambda value: hasattr(value, "eqns"))
        total += 1 + sum(equations(value) for value in inner if hasattr(value, "eqns"))
    return total


def step(model: kc.Model, xs: jax.Array, optimizer: Any = ADAM) -> Any:
    """The arguments of the compiled step of `fit`."""
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    carry = Carry(params, optimizer.init(params), first_state(model), jnp.zeros((), jnp.int32))
    rows, labels = jnp.arange(len(xs))[None], jnp.zeros(len(xs), jnp.int32)
    per_example = optax.softmax_cross_entropy_with_integer_labels
    fixed = jax.tree.flatten(Fixed(rest, optimizer, per_example, KEY, None))
    batches = Batches(xs, labels, rows, jnp.ones((), jnp.int32))
    return (fixed, batches), jax.tree.flatten(carry)


def compiled(model: kc.Model, xs: jax.Array, optimizer: Any = ADAM) -> Any:
    """The compiled training step."""
    function: Any = advance_leaves
    return function.lower(*step(model, xs, optimizer)).compile().compiled


def memory(model: kc.Model, xs: jax.Array) -> Any:
    """Bytes of the compiled training step."""
    return compiled(model, xs, optax.sgd(0.1)).memory_analysis()


def residuals(model: kc.Model, xs: jax.Array) -> int:
    """The number of residuals of the forward pass, without inputs and parameters."""
    params, rest = eqx.partition(model, eqx.is_inexact_array)
    kept = jax.eval_shape(lambda p, x: jax.vjp(eqx.combine(p, rest).batched, x), params, xs)[1]
    return sum(leaf.size for leaf in jax.tree.leaves(kept)) - model.parameters_count


@pytest.mark.parametrize(("form", "nodes"), [("vanilla", 4), ("standard", 5)])
def test_a_step_of_1000_layers_is_traced_as_one_of_10(form, nodes):
    sizes = []
    for depth in (10, 1000):
        model = lowered(nets.mlp(depth, 4, 3, (6,), form=form), layers="scan")
        assert len(model.nodes) == nodes
        traced, _, _ = eqx.filter_make_jaxpr(advance_leaves)(*step(model, jnp.ones((2, 6))))
        sizes.append(equations(traced.jaxpr))
    assert sizes[0] == sizes[1] < 1000


def residual_net(count: int = 6, **options: Any) -> kc.Model:
    block = kc.residual(kc.chain(TANH, kc.Dense(64), TANH, kc.Dense(8)), 0.8)
    x = kc.Input((8,))
    return lowered(kc.Network(x, kc.chain(kc.repeat(block, count), kc.Dense(3))(x)), **options)


@eqx.filter_jit
@eqx.filter_value_and_grad
def loss(model, xs):
    return jnp.mean(jnp.cos(model.batched(xs, key=KEY)))


@pytest.mark.parametrize("layers", ["unrolled", "scan"])
def test_rematerialisation_keeps_less_and_changes_nothing(layers):
    xs = inputs(512)
    plain, again = (residual_net(3, layers=layers, remat=remat) for remat in ("none", "block"))
    for a, b in zip(*map(jax.tree.leaves, (loss(plain, xs), loss(again, xs))), strict=True):
        # The same float32 operations, fused and so rounded differently.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    # Of each block the 8 entering numbers are kept, instead of some 8 + 2 * 64 for an example.
    assert residuals(again, xs) < residuals(plain, xs) / 8
    if layers == "scan":  # one by one, XLA on a CPU merges what is computed twice
        assert memory(again, xs).temp_size_in_bytes < memory(plain, xs).temp_size_in_bytes / 3


def test_rematerialised_blocks_are_those_of_the_main_path():
    again = residual_net(layers="unrolled", remat="block")
    assert again.blocks == tuple((5 * i, 5 * i + 5) for i in range(6))
    assert kc.unrolled(kc.scanned(again)).blocks == again.blocks
    assert list(again.activations(jnp.ones(8))) == list(residual_net().activations(jnp.ones(8)))


def test_rematerialised_batch_norm_moves_its_state_once():
    block = kc.residual(kc.chain(kc.BatchNorm(), TANH, kc.Dense(8)), 0.8)
    x = kc.Input((8,))
    net = kc.Network(x, kc.chain(kc.repeat(block, 3), kc.Dense(3))(x))
    xs = inputs(32)

    @eqx.filter_jit
    def run(model):
        def loss(model):
            ys, state = model.batched(xs, eqx.nn.State(model))
            return jnp.mean(jnp.sin(ys)), state

        (value, state), slope = eqx.filter_value_and_grad(loss, has_aux=True)(model)
        return value, jax.tree.leaves(state), jax.tree.leaves(slope)

    plain, again = (run(lowered(net, remat=remat)) for remat in ("none", "block"))
    for a, b in zip(*map(jax.tree.leaves, (plain, again)), strict=True):
        # The same float32 operations, fused and so rounded differently.
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layers", ["unrolled", "scan"])
def test_mixed_precision_has_float32_weights_slopes_and_loss(layers):
    mixed = residual_net(3, layers=layers, compute_dtype="bfloat16")
    xs = inputs(32)
    value, slope = loss(mixed, xs)
    assert value.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((mixed, slope))} == {jnp.dtype("float32")}
    # 12 layers, each rounding numbers of order one to 8 bits.
    plain = loss(residual_net(3, layers=layers), xs)[0]
    np.testing.assert_allclose(value, plain, atol=12 * 2**-9)
    # Weights are rounded layer by layer inside the loop, not all of them ahead of it.
    traced = str(eqx.filter_make_jaxpr(mixed.batched)(xs)[0])
    assert "bf16[3," not in traced


def test_mixed_precision_trains_float32_weights():
    mixed = residual_net(3, layers="scan", compute_dtype="bfloat16")
    xs, labels = inputs(32), np.arange(32) % 3
    result = kc.fit(mixed, (np.asarray(xs), labels), steps=40, progress=False)
    assert np.isfinite(result.losses).all()
    assert result.losses[-1] < result.losses[0]
    assert {leaf.dtype for leaf in jax.tree.leaves(result.model)} == {jnp.dtype("float32")}


def test_forms_agree_in_mixed_precision():
    xs = inputs(32)
    values = [
        loss(residual_net(3, layers=layers, compute_dtype="bfloat16"), xs)[0]
        for layers in ("unrolled", "scan")
    ]
    # XLA leaves out roundings to 8 bits inside what it fuses, which a loop changes.
    np.testing.assert_allclose(values[0], values[1], atol=12 * 2**-9)


@pytest.mark.parametrize("layers", ["unrolled", "scan"])
def test_the_step_updates_its_buffers_in_place(layers):
    model, xs = residual_net(3, layers=layers), jnp.ones((4, 8))
    _, (leaves, _) = step(model, xs)
    found = compiled(model, xs).memory_analysis()
    donated = sum(leaf.nbytes for leaf in leaves)
    assert found.alias_size_in_bytes == donated
    # Not in place: a loss, a number of steps, one of right answers, and a table of pointers.
    pointers = 8 * len(leaves)
    assert found.output_size_in_bytes - found.alias_size_in_bytes < pointers + 128


@pytest.mark.parametrize("choice", [{"layers": "loop"}, {"remat": "all"}])
def test_unknown_choices_are_refused(choice: Any):
    with pytest.raises(kc.UnsupportedError, match="choose among them"):
        residual_net(**choice)
    with (
        pytest.warns(DeprecationWarning, match="lower"),
        pytest.raises(kc.UnsupportedError, match="choose among them"),
    ):
        kc.Policy(**choice)


def test_forms_are_still_taken_from_a_policy():
    with pytest.warns(DeprecationWarning, match=r"Policy\(layers=\) is called lower\(layers=\)"):
        looped = kc.Policy(layers="scan")
    with pytest.warns(DeprecationWarning, match=r"Policy\(remat=\) is called lower\(remat=\)"):
        again = kc.Policy(remat="block")
    assert looped == again == kc.Policy()
    assert kc.lower(NET, key=0, policy=looped).looped
    assert kc.lower(NET, key=0, policy=again).remat == "block"
    model = kc.lower(NET, key=0)
    assert (model.looped, model.remat) == (False, "none")


def test_weights_do_not_depend_on_the_policy():
    leaves = [
        jax.tree.leaves(kc.unrolled(residual_net(3, layers=layers, remat=remat)))
        for layers in ("auto", "scan", "unrolled")
        for remat in ("none", "block")
    ]
    for other in leaves[1:]:
        for a, b in zip(leaves[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
