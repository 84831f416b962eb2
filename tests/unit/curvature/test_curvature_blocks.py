"""Every weight that can have Kronecker factors has them; diagonal blocks are refused."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc


KEY = jax.random.key(0)


def everything():
    """One node of every kind that K-FAC meets, names on those with parameters."""
    x = kc.Input((8, 8, 1))
    h = kc.Conv(4)(kc.PLN()(x), name="same")
    h = kc.Activation("tanh", alpha=1.1, beta=0.2, gamma=0.9, delta=0.1)(h)
    h = kc.Conv(4, 3, stride=2, padding="VALID")(h, name="valid")
    h = kc.Conv(4, padding=((1, 1), (2, 2)), dilation=(1, 2), delta=False)(h, name="dilated")
    h = kc.Activation("relu")(kc.BatchNorm()(h, name="batch"))
    other = kc.Activation("gelu")(kc.Conv(4, padding="CIRCULAR")(h, name="circular"))
    h = kc.WeightedSum((0.6, 0.8))(h, other)
    h = kc.Activation("softplus")(kc.LayerNorm()(h, name="norm"))
    h = kc.Dense(6)(kc.Scale(1.0)(h, name="scale"), name="everywhere")
    h = kc.Flatten()(kc.MaxPool(2, padding="SAME")(kc.Activation("erf")(h)))
    h = kc.Activation("selu")(kc.Dropout(0.2)(kc.Dense(16)(h, name="hidden")))
    return kc.Network(x, kc.Dense(10, bias=False)(h, name="last"))


def dense(depth=3, **options):
    x = kc.Input((4,))
    block = kc.chain(kc.Dense(4), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.repeat(block, depth), kc.Dense(2))(x))
    return kc.lower(net, key=KEY, **options)


@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_dense_layers_and_convolutions_of_every_kind_have_kronecker_factors(loss):
    model = kc.lower(everything(), key=KEY)
    report = kc.kfac_blocks(model, loss=loss)
    kinds = {block.parameters[0].partition(".")[0]: block.kind for block in report.blocks}
    assert kinds == {
        "same": "Conv2DFromPatches",
        "valid": "Conv2DFromPatches",
        "dilated": "Conv2DFromPatches",
        "circular": "Conv2DFromPatches",
        "everywhere": "RepeatedDenseKroneckerFactored",
        "hidden": "DenseTwoKroneckerFactored",
        "last": "DenseTwoKroneckerFactored",
        "batch": "ScaleAndShiftDiagonal",
        "norm": "ScaleAndShiftDiagonal",
        "scale": "ScaleAndShiftDiagonal",
    }
    # the bias goes with its weight
    assert ("same.weight", "same.bias") in [block.parameters for block in report.blocks]
    assert report.diagonal_weights == ()
    names = [name for block in report.blocks for name in block.parameters]
    assert len(names) == len(jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))
    assert "hidden.weight (24, 16)" in str(report)


def test_a_policy_that_recomputes_blocks_hides_nothing():
    model = dense(layers="unrolled", remat="block")
    report = kc.kfac_blocks(model)
    assert report.diagonal_weights == ()
    assert len(report.blocks) == 4


def grouped():
    x = kc.Input((4, 4, 2))
    h = kc.Conv(4, groups=2)(x, name="grouped")
    h = kc.WeightedMeanPool(3)(h, name="pool")
    return kc.lower(kc.Network(x, kc.Dense(2)(kc.Flatten()(h), name="last")), key=KEY)


class Shared(eqx.Module):
    weight: jax.Array

    def batched(self, xs, state=None, *, key=None):
        return jnp.tanh(xs @ self.weight) @ self.weight


class Jitted(eqx.Module):
    weight: jax.Array

    def batched(self, xs, state=None, *, key=None):
        return jax.jit(lambda x, w: x @ w)(xs, self.weight)


SQUARE = jnp.eye(4)


@pytest.mark.parametrize(
    ("model", "shape", "found"),
    [
        (grouped, (4, 4, 2), ("grouped.weight", "pool.depthwise.weight")),
        (lambda: Shared(SQUARE), (4,), ("weight",)),
        (lambda: Jitted(SQUARE), (4,), ("weight",)),
        (lambda: eqx.nn.Linear(4, 2, key=KEY), (4,), ("weight",)),
        (
            lambda: dense(1, policy=kc.Policy(compute_dtype="bfloat16")),
            (4,),
            ("dense_1.weight", "dense_2.weight"),
        ),
    ],
)
def test_weights_that_fall_to_a_diagonal_are_named_and_refused(model, shape, found):
    model = model()
    data = (np.ones((6, *shape), np.float32), np.arange(6) % 2)
    report = kc.kfac_blocks(model, data[0])
    assert report.diagonal_weights == found
    with pytest.raises(kc.UnsupportedError, match="allow_diagonal") as error:
        kc.fit(model, data, optimizer=kc.kfac(), steps=1, progress=False)
    assert all(name in error.value.where for name in found)
    with pytest.raises(kc.UnsupportedError):
        report.require_kronecker(("weigh", "grouped_2"))
    nodes = tuple(name.partition(".")[0] for name in found)
    report.require_kronecker(nodes)
    report.require_kronecker(found)
    report.require_kronecker(True)


def test_what_is_allowed_covers_no_other_node():
    with pytest.raises(kc.UnsupportedError) as error:
        kc.kfac_blocks(grouped()).require_kronecker(("pool",))
    assert "pool" not in error.value.where


def test_loops_over_layers_are_refused_with_the_way_out():
    model = dense(depth=9, layers="scan")
    data = (np.ones((6, 4), np.float32), np.arange(6) % 2)
    with pytest.raises(kc.UnsupportedError, match="unrolled"):
        kc.fit(model, data, optimizer=kc.kfac(), progress=False)
    assert kc.kfac_blocks(kc.unrolled(model)).diagonal_weights == ()


class Looping(eqx.Module):
    weights: jax.Array

    def batched(self, xs, state=None, *, key=None):
        return jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), xs, self.weights)[0]


def test_loops_in_a_foreign_model_are_refused_in_one_sentence():
    with pytest.raises(kc.UnsupportedError, match="scan"):
        kc.kfac_blocks(Looping(jnp.ones((3, 4, 4))), np.ones((2, 4), np.float32))


def test_a_foreign_model_needs_examples():
    with pytest.raises(kc.DataError, match="x\\[:2\\]"):
        kc.kfac_blocks(eqx.nn.Linear(4, 2, key=KEY))


def test_a_loss_of_ones_own_is_refused():
    def own(logits, y):
        return jnp.sum(logits**2, axis=-1)

    with pytest.raises(kc.UnsupportedError, match="LossWithCurvature"):
        kc.fit(dense(), (np.ones((6, 4)), np.arange(6) % 2), loss=own, optimizer=kc.kfac())


def test_a_layer_without_gradient_at_any_location_leaves_steps_finite():
    x = kc.Input((3, 4))
    layers = (kc.Dense(5), kc.Dense(5, init="zero"), kc.GlobalMeanPool(), kc.Dense(2))
    model = kc.lower(kc.Network(x, kc.chain(*layers)(x)), key=jax.random.key(0))
    xs, ys = jnp.arange(96.0).reshape(8, 3, 4) / 96, jnp.arange(8) % 2
    result = kc.fit(model, (xs, ys), steps=3, optimizer=kc.kfac(), progress=False)
    assert all(math.isfinite(record.loss) for record in result.history)
