"""Batch norm in loops: the same values, gradients and running statistics as one by one."""

from __future__ import annotations

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.modules import ModelRepeat


KEY = jax.random.key(3)
XS = jnp.asarray(np.random.default_rng(1).normal(size=(12, 5)), jnp.float32)
BLOCK = kc.chain(kc.BatchNorm(momentum=0.8), kc.Activation("tanh"), kc.Dense(5), kc.BatchNorm())
# Both forms do the same float32 operations, which XLA fuses, and so rounds, differently in a
# loop; dividing by the deviations of 12 examples, five times over, magnifies that.
NEAR: Any = {"rtol": 1e-4, "atol": 1e-5}


def lowered(layers: Any, count: int = 2, compute: str | None = None, **options: Any) -> kc.Model:
    """A stem, residual blocks with two batch norms each, a third one, a head."""
    x = kc.Input((5,))
    blocks = kc.repeat(kc.residual(BLOCK, 0.8), count)
    net = kc.Network(x, kc.chain(kc.Dense(5), blocks, kc.BatchNorm(), kc.Dense(3))(x))
    return kc.lower(net, key=KEY, policy=kc.Policy(compute_dtype=compute), layers=layers, **options)


@functools.cache
def both(**options: Any) -> tuple[kc.Model, kc.Model]:
    """The model one by one, and in a loop."""
    flat, looped = (lowered(layers, **options) for layers in ("unrolled", "scan"))
    assert [type(node) is ModelRepeat for node in looped.nodes] == [False, True, False, False]
    return flat, looped


def moved(model: kc.Model) -> eqx.nn.State:
    """A state of the model with statistics that differ from layer to layer."""
    leaves, frame = jax.tree.flatten(eqx.nn.State(model))
    keys = jax.random.split(KEY, len(leaves))
    drawn = [jax.random.uniform(k, a.shape) + 0.5 for k, a in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(frame, drawn)


def assert_same(one: Any, two: Any) -> None:
    """Equal trees, to the last bit."""
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_near(one: Any, two: Any, **near: Any) -> None:
    """Equal trees, up to rounding."""
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(a, b, **(near or NEAR))


@eqx.filter_jit
def step(model, state):
    """Values, the state after them, and gradients."""

    def loss(model):
        ys, after = model.batched(XS, state)
        return jnp.mean(jnp.cos(ys)), (ys, after)

    slope, (ys, after) = eqx.filter_grad(loss, has_aux=True)(model)
    return ys, after, slope


@eqx.filter_jit
def run(model, state=None):
    """The result of `batched`, compiled."""
    return model.batched(XS, state)


def test_conversions_keep_every_bit_of_weights_and_statistics():
    flat, looped = both()
    given = moved(flat)
    model, state = kc.scanned(flat, given)
    assert_same(model, looped)
    assert jax.tree.structure(state) == jax.tree.structure(eqx.nn.State(looped))
    assert_same(kc.scanned(looped, state), (looped, state))
    assert_same(kc.unrolled(looped, state), (flat, given))
    assert_same(kc.unrolled(flat, given), (flat, given))
    assert_same(kc.unrolled(looped), flat)
    assert [leaf.shape for leaf in jax.tree.leaves(state)] == [(2, 5)] * 4 + [(5,)] * 2


def test_values_gradients_and_statistics_agree():
    flat, looped = both()
    state = moved(flat)
    ys, after, slope = step(flat, state)
    for model in (looped, lowered("scan", remat="block")):
        ys_looped, after_looped, slope_looped = step(model, kc.scanned(flat, state)[1])
        assert_near(ys, ys_looped)
        assert_near(after, kc.unrolled(looped, after_looped)[1])
        slopes = kc.unrolled(eqx.combine(slope_looped, model))
        assert_near(jax.tree.leaves(slope), jax.tree.leaves(eqx.filter(slopes, eqx.is_array)))
    shifts = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), after, state)
    assert min(jax.tree.leaves(shifts)) > 1e-3
    assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(slope)) > 1e-3


def test_statistics_agree_after_steps_of_training():
    # Not with Adam: biases ahead of batch norm have gradients of 0, whose rounding it blows up.
    ends = []
    for model in both():
        state = eqx.nn.State(model)
        for _ in range(6):
            _, state, slope = step(model, state)
            model = eqx.apply_updates(model, jax.tree.map(lambda leaf: -0.3 * leaf, slope))
        ends.append((model, state))
    flat_end, looped_end = ends
    # Six steps on, each magnifying the rounding of the last.
    assert_near(flat_end, kc.unrolled(*looped_end), rtol=1e-3, atol=1e-4)
    assert_near(kc.scanned(*flat_end), looped_end, rtol=1e-3, atol=1e-4)
    calm, calm_looped = (eqx.nn.inference_mode(model) for model, _ in ends)
    # What was trained in a loop, evaluated one by one.
    state = kc.unrolled(*looped_end)[1]
    assert_near(run(calm, state)[0], run(calm_looped, looped_end[1])[0], rtol=1e-3, atol=1e-4)


def test_values_by_name_are_those_of_the_statistics_given():
    flat, looped = (eqx.nn.inference_mode(model) for model in both())
    state = moved(flat)
    looped_state = kc.scanned(flat, state)[1]
    seen = looped.activations(XS[0], looped_state)
    assert_same(seen, flat.activations(XS[0], state))
    assert_near(looped(XS[0], looped_state)[0], seen["dense_4"])


def test_inference_returns_the_state_it_was_given_and_warns_without_one():
    flat, looped = (eqx.nn.inference_mode(model) for model in both())
    ys, after = run(looped, eqx.nn.State(looped))
    assert_same(after, eqx.nn.State(looped))
    for model in (flat, looped):
        with pytest.warns(DeprecationWarning, match="takes its state"):
            assert_near(run(model), ys)


def test_mapped_examples_share_statistics_inside_the_loop():
    _, looped = both()
    state = moved(looped)
    mapped = jax.vmap(looped, axis_name="batch", in_axes=(0, None), out_axes=(0, None))
    assert_near(jax.jit(mapped)(XS, state), run(looped, state))


def test_mixed_precision_keeps_statistics_in_float32():
    flat, looped = both(compute="bfloat16")
    ys, after = run(looped, eqx.nn.State(looped))
    ys_flat, after_flat = run(flat, eqx.nn.State(flat))
    assert {leaf.dtype for leaf in jax.tree.leaves((ys, after))} == {jnp.dtype("float32")}
    # XLA leaves out roundings to 8 bits inside what it fuses, which a loop changes: some 15
    # layers, of values up to about 3.
    np.testing.assert_allclose(ys, ys_flat, atol=15 * 3 * 2**-9)
    assert_near(after_flat, kc.unrolled(looped, after)[1], atol=15 * 3 * 2**-9)


def test_states_made_apart_from_their_model_are_carried_too():
    make = eqx.nn.make_with_state(lowered)
    model, state = make("scan", remat="block")
    flat, flat_state = kc.unrolled(model, state)
    again, again_state = kc.scanned(flat, flat_state)
    assert_same((again, again_state), kc.scanned(model, state))
    ys, ys_again = run(model, state)[0], run(again, again_state)[0]
    assert_near(ys, ys_again)


def test_a_model_without_its_first_state_is_converted_with_a_state_only():
    model, state = eqx.nn.make_with_state(lowered)("unrolled")
    with pytest.raises(kc.DataError, match="make_with_state returned"):
        kc.scanned(model)
    assert kc.unrolled(model).nodes
    assert len(kc.scanned(model, state)[0].nodes) == 4


def test_a_layer_out_of_a_loop_refuses_the_statistics_of_all_blocks():
    _, looped = both()
    with pytest.raises(kc.DataError, match=r"\(2, 5\)(?s:.*)unrolled"):
        looped["batch_norm_3"]((XS,), eqx.nn.State(looped))


def test_states_of_another_form_or_depth_are_refused():
    flat, looped = both()
    state, looped_state = eqx.nn.State(flat), eqx.nn.State(looped)
    deeper = eqx.nn.State(lowered("scan", 3))
    stranger: Any = {}
    cases = ((flat, looped_state), (looped, state), (looped, deeper), (looped, stranger))
    for model, wrong in cases:
        with pytest.raises(
            kc.DataError, match=r"'batch_norm_(?s:.*)kernelc\.unrolled\(model, state\)"
        ):
            model.batched(XS, wrong)
        for convert in (kc.unrolled, kc.scanned):
            with pytest.raises(kc.DataError, match=r"one form"):
                convert(model, wrong)
