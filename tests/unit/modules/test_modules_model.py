"""The model: one example and batches agree, in every mode, dtype and transformation."""

from __future__ import annotations

import io

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc
from kernelc._errors import DataError, GraphError, ShapeError, UnsupportedError
from kernelc.layers import (
    ActivationModule,
    DenseModule,
    DropoutModule,
    GlobalMeanPoolModule,
    WeightedSumModule,
)
from kernelc.modules import Model, ModelNode, Policy


XS = jax.random.normal(jax.random.key(9), (5, 6, 6, 3))


def build(*, norm=False, rate=0.0, policy=None, axis_name=None):
    k1, k2, k3 = jax.random.split(jax.random.key(0), 3)
    modules = [
        ("stem", drawn(kc.Conv(8, delta=False), (6, 6, 3), key=k1), (0,)),
        ("norm", drawn(kc.BatchNorm(), (6, 6, 8)), (1,))
        if norm
        else ("dropout", DropoutModule(rate), (1,)),
        ("tanh", ActivationModule(jnp.tanh, gamma=1.5), (2,)),
        ("branch", drawn(kc.Conv(8, padding="CIRCULAR"), (6, 6, 8), key=k2), (3,)),
        ("sum", WeightedSumModule((0.6, 0.8)), (1, 4)),
        ("pool", GlobalMeanPoolModule(), (5,)),
        ("head", drawn(kc.Dense(4, bias_std=1.0), (8,), key=k3), (6,)),
    ]
    nodes = [ModelNode(*node) for node in modules]
    return Model(nodes, (6, 6, 3), policy=policy, axis_name=axis_name)


def test_examples_and_batches_agree():
    model = build()
    ys = eqx.filter_jit(model.batched)(XS)
    assert ys.shape == (5, 4)
    # The same float32 sums in another order.
    np.testing.assert_allclose(jax.jit(jax.vmap(model))(XS), ys, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model(XS[2]), ys[2], rtol=1e-4, atol=1e-5)


def test_nodes_run_on_the_values_they_name():
    model = build()
    seen = model.activations(XS[0])
    assert list(seen) == ["stem", "dropout", "tanh", "branch", "sum", "pool", "head"]
    np.testing.assert_allclose(
        seen["sum"], 0.6 * seen["stem"] + 0.8 * seen["branch"], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(seen["head"], model(XS[0]))
    early = Model(model.nodes, (6, 6, 3), output=3)
    np.testing.assert_array_equal(early(XS[0]), seen["tanh"])


def test_parameters_count():
    assert build().parameters_count == (9 * 3 * 8 + 8) + (9 * 8 * 8 + 8) + (8 * 4 + 4)
    assert build(norm=True).parameters_count == build().parameters_count + 2 * 8


def test_jit_and_grad():
    model = build()

    def loss(m):
        return jnp.mean(m.batched(XS) ** 2)

    # Compiled and eager code round differently.
    np.testing.assert_allclose(eqx.filter_jit(loss)(model), loss(model), rtol=1e-5)
    slopes = eqx.filter_jit(eqx.filter_grad(loss))(model)
    step = eqx.apply_updates(model, jax.tree.map(lambda g: -0.05 * g, slopes))
    assert loss(step) < loss(model)
    assert all(np.abs(g).max() > 0 for g in jax.tree.leaves(slopes))


def test_parameters_reach_their_layer_untouched():
    params, static = eqx.partition(build(), eqx.is_inexact_array)
    jaxpr = jax.make_jaxpr(lambda p, x: eqx.combine(p, static).batched(x))(params, XS).jaxpr
    weights = [v for v in jaxpr.invars if len(v.aval.shape) in (2, 4)][:-1]
    users = {"dot_general": 0, "conv_general_dilated": 0}
    for equation in jaxpr.eqns:
        if any(v is w for v in equation.invars for w in weights):
            users[equation.primitive.name] += 1
            assert any(equation.invars[1] is w for w in weights)
    assert users == {"dot_general": 1, "conv_general_dilated": 2}


def test_mixed_precision():
    mixed = build(policy=Policy("float32", "bfloat16"))
    ys, seen = eqx.filter_jit(lambda m: (m.batched(XS), m.activations(XS[0])))(mixed)
    assert ys.dtype == jnp.float32
    assert {v.dtype for v in seen.values()} == {jnp.dtype("bfloat16")}
    # Seven layers of at most 2^-8 relative rounding each on values of order one.
    np.testing.assert_allclose(ys, build().batched(XS), atol=7 * 2**-7)
    assert not np.array_equal(ys, build().batched(XS))
    slopes = eqx.filter_eval_shape(eqx.filter_grad(lambda m: jnp.mean(m.batched(XS) ** 2)), mixed)
    assert {g.dtype for g in jax.tree.leaves(slopes)} == {jnp.dtype("float32")}
    low = build(policy=Policy("float32", "float16", "bfloat16"))
    assert eqx.filter_eval_shape(low.batched, XS).dtype == jnp.bfloat16


def test_inputs_of_other_dtypes_are_cast():
    model = build()
    pixels = (np.arange(108).reshape(6, 6, 3) % 256).astype(np.uint8)
    np.testing.assert_array_equal(model(pixels), model(pixels.astype(np.float32)))


def test_policy_refuses_what_jax_would_not_do():
    for bad in ("int8", "float128x", "float64"):
        with pytest.raises(UnsupportedError):
            Policy("float32", compute_dtype=bad)


def test_batch_norm_in_training_is_shared_by_the_batch():
    model = build(norm=True, axis_name="batch")
    state = eqx.nn.State(model)
    ys, after = model.batched(XS, state)
    mapped = jax.jit(jax.vmap(model, axis_name="batch", in_axes=(0, None), out_axes=(0, None)))
    ys_mapped, after_mapped = mapped(XS, state)
    np.testing.assert_allclose(ys_mapped, ys, rtol=1e-4, atol=1e-5)
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(after_mapped), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    # The given state is still usable, and was not moved.
    again, _ = model.batched(XS, state)
    np.testing.assert_array_equal(again, ys)


def test_batch_norm_in_inference_needs_no_batch():
    model = build(norm=True)
    _, state = eqx.filter_jit(lambda m, x, s: m.batched(x, s))(model, XS, eqx.nn.State(model))
    calm = eqx.nn.inference_mode(model)
    ys, same = calm.batched(XS, state)
    np.testing.assert_allclose(jax.vmap(lambda x: calm(x, state)[0])(XS), ys, rtol=1e-4, atol=1e-5)
    for a, b in zip(jax.tree.leaves(same), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)
    fresh, _ = calm.batched(XS, eqx.nn.State(model))
    assert np.abs(fresh - ys).max() > 1e-3  # the state had moved


def test_stateful_models_return_the_state_and_others_never_take_one():
    normed, plain = eqx.nn.inference_mode(build(norm=True)), build()
    assert (normed.stateful, plain.stateful) == (True, False)
    ys, state = normed.batched(XS, eqx.nn.State(normed))
    # The former answers, for one release: one pair too few, and one too many.
    with pytest.warns(DeprecationWarning, match="takes its state"):
        np.testing.assert_array_equal(normed.batched(XS), ys)
    with pytest.warns(DeprecationWarning, match="takes its state") as told:
        assert normed(XS[0]).shape == (4,)
    assert {each.filename for each in told} == {__file__}
    with pytest.warns(DeprecationWarning, match="takes no state"):
        np.testing.assert_array_equal(plain.batched(XS, state)[0], plain.batched(XS))


def test_batch_norm_alone_in_training_is_refused_with_the_remedy():
    for axis_name in (None, "batch"):
        model = build(norm=True, axis_name=axis_name)
        with pytest.raises(DataError, match=r"norm(?s:.*)model\.batched"):
            model(XS[0], eqx.nn.State(model))
    with pytest.raises(DataError, match=r"norm(?s:.*)eqx\.nn\.State\(model\)"):
        build(norm=True).batched(XS)


def test_models_built_alike_share_their_structure_and_checkpoints():
    first, second = build(norm=True), build(norm=True)
    assert jax.tree.structure(eqx.filter(first, eqx.is_array)) == jax.tree.structure(
        eqx.filter(second, eqx.is_array)
    )
    _, state = first.batched(XS, eqx.nn.State(first))
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, (first, state))
    file.seek(0)
    loaded, loaded_state = eqx.tree_deserialise_leaves(file, (second, eqx.nn.State(second)))
    np.testing.assert_array_equal(loaded.batched(XS, loaded_state)[0], first.batched(XS, state)[0])
    assert "norm" in repr(state)


def test_dropout_follows_key_and_mode():
    model = build(rate=0.5)
    with pytest.raises(DataError, match=r"dropout(?s:.*)key=key"):
        model.batched(XS)
    run = eqx.filter_jit(model.batched)
    first, same, other = (run(XS, key=jax.random.key(k)) for k in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3
    calm = eqx.nn.inference_mode(model)
    np.testing.assert_array_equal(calm.batched(XS), build().batched(XS))
    keys = jax.random.split(jax.random.key(3), 2)
    alike = jnp.stack([XS[0], XS[0]])
    one, two = jax.jit(jax.vmap(lambda x, k: model(x, key=k)))(alike, keys)
    assert np.abs(one - two).max() > 1e-3


def test_two_dropouts_draw_their_own_masks():
    ones = jnp.ones(200)
    nodes = [ModelNode("a", DropoutModule(0.5), (0,)), ModelNode("b", DropoutModule(0.5), (0,))]
    seen = Model(nodes, (200,)).activations(ones, key=jax.random.key(0))
    assert not np.array_equal(seen["a"], seen["b"])


@pytest.mark.parametrize("shape", [(5, 6, 6, 3), (6, 6), (6, 6, 4)])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(ShapeError, match=r"\(6, 6, 3\)") as caught:
        build()(jnp.ones(shape))
    assert str(shape) in caught.value.found


def test_batches_without_a_batch_axis_are_refused():
    with pytest.raises(ShapeError):
        build().batched(XS[0])


LAYER = DenseModule(jnp.ones((2, 2)))


@pytest.mark.parametrize(
    ("nodes", "output"),
    [
        ([ModelNode("a", LAYER, (1,))], None),
        ([ModelNode("a", LAYER, (-1,))], None),
        ([ModelNode("a", LAYER, ())], None),
        ([ModelNode("a", LAYER, (0,)), ModelNode("a", LAYER, (1,))], None),
        ([ModelNode("a", LAYER, (0,))], 2),
        ([ModelNode("a", LAYER, (0,))], -1),
    ],
)
def test_graphs_out_of_order_are_refused(nodes, output):
    with pytest.raises(GraphError):
        Model(nodes, (2,), output=output)


def test_errors_name_the_node():
    model = Model(
        [ModelNode("first", LAYER, (0,)), ModelNode("second", DenseModule(jnp.ones((3, 1))), (1,))],
        (2,),
    )
    with pytest.raises(ShapeError, match="second") as caught:
        model(jnp.ones(2))
    assert "Dense" in caught.value.where
