"""K-FAC through fit: factors against hand computation, deep nets, resuming, compilation.

Each new pair of settings and shapes compiles for about ten seconds, so tests share them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc
from kernelc.data import digits
from kernelc.training._call import split
from kernelc.training._kfac_stepper import KfacStepper, _compiled
from kernelc.training._losses import cross_entropy, squared_error
from kernelc.training._step import Carry, Packed, owned


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 5)).astype(np.float32), np.arange(40) % 3
# Adaptive damping compiles the steps that move it apart; every step of these does.
ONCE = {"damping_every": 1}


class Traced:
    """A counter that is equal to itself only, as a static field has to be."""

    count = 0


class Linear(eqx.Module):
    """One dense layer that says when it is traced."""

    weight: jax.Array
    bias: jax.Array
    traced: Traced = eqx.field(static=True)

    def __init__(self, traced=None):
        self.weight = jax.random.normal(jax.random.key(0), (5, 3))
        self.bias = jnp.arange(3.0) / 10
        self.traced = Traced() if traced is None else traced

    def batched(self, xs, state=None, *, key=None):
        self.traced.count += 1
        return xs @ self.weight + self.bias


def digits_of_q_one():
    data = digits(flat=True)
    norm = np.sqrt((data.train_x**2).mean(1, keepdims=True))
    return data.train_x / norm, data.train_y


def stepper_of(model, settings, state=None, loss=cross_entropy, x=X, y=Y):
    params, rest = split(model)
    stepper = KfacStepper(rest, settings, loss, jax.random.key(0))
    params, state = owned(params), owned(state)
    opt_state = owned(stepper.start(params, state, x, y))
    return stepper, Carry(params, opt_state, state, jnp.zeros((), jnp.int32))


def run(stepper, carry, count, x=X, y=Y, rows=None):
    rows = np.tile(np.arange(len(x)), (count, 1)) if rows is None else rows
    given = jnp.asarray(x), jnp.asarray(y), jnp.asarray(rows), count, Packed.of(carry)
    moved, *told = stepper.advance(*given)
    return moved.whole, *told


def by_hand(weights):
    """Inputs with a one behind each, and the softmax of the logits; float64."""
    homogeneous = np.hstack([X, np.ones((40, 1))]).astype(np.float64)
    logits = homogeneous @ weights
    p = np.exp(logits - logits.max(1, keepdims=True))
    return homogeneous, p / p.sum(1, keepdims=True)


EXACT = {"momentum": 0.0, "damping": 1.0, "estimation": "fisher_exact"}


def test_factors_of_one_layer_are_those_of_the_definition():
    model = Linear()
    stepper, carry = stepper_of(model, kc.kfac(0.0, **EXACT))
    before = jax.tree.map(np.array, carry.params)
    carry, losses, hits = run(stepper, carry, 1)
    inputs, outputs = carry.opt_state.estimator_state.blocks_states[0].factors
    homogeneous, p = by_hand(np.vstack([model.weight, model.bias]))
    fisher = np.mean([np.diag(row) - np.outer(row, row) for row in p], axis=0)
    # float32 means of 40 terms of size one
    np.testing.assert_allclose(inputs.value, homogeneous.T @ homogeneous / 40, atol=2e-6)
    np.testing.assert_allclose(outputs.value, fisher, atol=1e-6)
    assert len(losses) == 1
    assert losses[0] == pytest.approx(-np.log(p[np.arange(40), Y]).mean(), rel=1e-6)
    assert hits[0] == (p.argmax(1) == Y).sum()
    # a rate of zero moves nothing
    np.testing.assert_array_equal(before.weight, carry.params.weight)


def test_an_adaptive_step_keeps_its_bound():
    bound, damping = 1e-3, 1.0
    adaptive = {"momentum": 0.0, "damping": damping, "estimation": "fisher_exact"}
    moved = {}
    for limit in (np.inf, bound):
        model = Linear()
        stepper, carry = stepper_of(model, kc.kfac(norm_constraint=limit, **adaptive))
        carry, *_ = run(stepper, carry, 1)
        weight, bias = carry.params.weight - model.weight, carry.params.bias - model.bias
        moved[limit] = np.vstack([weight, bias]).astype(np.float64)
    homogeneous, p = by_hand(np.vstack([model.weight, model.bias]))
    # d^T (F + damping) d by hand: F is the mean of J^T (diag p - p p^T) J.
    out = homogeneous @ moved[bound]
    fisher = np.mean((p * out**2).sum(1) - (p * out).sum(1) ** 2)
    # parameters in float32 moved by some 1e-2
    assert fisher + damping * (moved[bound] ** 2).sum() == pytest.approx(bound, rel=1e-4)
    scale = moved[bound] / moved[np.inf]
    np.testing.assert_allclose(scale, scale[0, 0], rtol=1e-3)
    assert scale[0, 0] < 0.5


def test_no_adaptive_step_falls_further_than_its_share_of_the_loss():
    share, l2 = 0.5, 0.05
    # Logits this large are confidently wrong: there is next to no curvature where they are.
    sure = eqx.tree_at(lambda model: model.weight, Linear(), replace_fn=lambda leaf: 30 * leaf)
    settings = {"damping": 1e-3, "norm_constraint": np.inf, "l2": l2}
    stepper, carry = stepper_of(sure, kc.kfac(decrease_bound=share, **settings))
    carry, losses, _ = run(stepper, carry, 1)
    before, after = (np.vstack([m.weight, m.bias]).astype(np.float64) for m in (sure, carry.params))
    homogeneous, p = by_hand(before)
    gradient = homogeneous.T @ (p - np.eye(3)[Y]) / 40 + l2 * before
    loss = losses[0] + l2 / 2 * (before**2).sum()
    # It would be longer without a bound, so it ends at the bound; weights are in float32.
    assert -(gradient * (after - before)).sum() / loss == pytest.approx(share, rel=1e-4)


def test_rates_share_one_compilation_and_a_small_one_moves_less():
    model = Linear()
    sizes = {"steps": 3, "batch_size": 40, "progress": False}
    counts, results = [], {}
    for rates in ([0.1], [0.1, 1e-3]):
        model.traced.count = 0
        results = kc.learning_rate_sweep(
            model, (X, Y), rates, lambda rate: kc.kfac(rate, **EXACT), **sizes
        )
        counts.append(model.traced.count)
    # each run is checked once and the first of all is compiled
    assert counts[1] < counts[0]
    moved = {
        rate: np.abs(result.model.weight - model.weight).max() for rate, result in results.items()
    }
    assert 0 < moved[1e-3] < moved[0.1]


def test_a_damping_to_start_with_is_where_the_state_starts_and_compiles_nothing():
    model, engines = Linear(), []
    for damping in (0.25, 2.0):
        settings = kc.kfac(momentum=0.0, estimation="fisher_exact", initial_damping=damping)
        stepper, carry = stepper_of(model, settings)
        assert float(carry.opt_state.damping) == damping
        engines.append(stepper._engine(carry.params, None, jnp.asarray(X), jnp.asarray(Y))[0])
    assert engines[0] is engines[1]


@pytest.mark.parametrize(
    ("loss", "y"),
    [(cross_entropy, Y), (squared_error, Y), (squared_error, np.eye(3, dtype=np.float32)[Y])],
)
def test_the_loss_is_registered_as_it_is(loss, y):
    l2 = 0.1
    model = Linear()
    params, rest = split(model)
    stepper = KfacStepper(rest, kc.kfac(l2=l2), loss, jax.random.key(0))
    assert len(stepper.blocks(params, None, X, y).blocks) == 1
    engine, leaves, batch = stepper._engine(params, None, jnp.asarray(X), jnp.asarray(y))
    total, aux = engine.value(leaves, jax.random.key(0), batch)
    arguments = (leaves, jax.random.key(0), batch)
    registered = engine._estimator.compute_func_from_registered(arguments, len(X))
    # float32 means of 40 losses, without what l2 adds
    assert registered == pytest.approx(float(aux["loss"]), rel=1e-6)
    squares = (model.weight**2).sum() + (model.bias**2).sum()
    assert total == pytest.approx(float(aux["loss"] + 0.5 * l2 * squares), rel=1e-6)


def deep(seed):
    x = kc.Input((64,))
    block = kc.chain(kc.Dense(32), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.repeat(block, 6), kc.Dense(10))(x))
    return kc.lower(net, key=jax.random.key(seed))


def test_a_deep_net_without_skips_trains_out_of_the_box_and_seeds_compile_once():
    x, y = digits_of_q_one()
    made = _compiled.cache_info().misses
    for seed in (0, 1):
        result = kc.fit(deep(seed), (x, y), optimizer=kc.kfac(), steps=60, key=seed, progress=False)
        # 0.009 and 0.006 were seen; the losses start at 2.3
        assert result.train.loss < 0.1
        assert result.history[-1].train_accuracy > 0.95
        assert result.steps == 60
    assert _compiled.cache_info().misses == made + 1


def noisy():
    """A convolution, batch norm and dropout: state and randomness."""
    x = kc.Input((8, 8, 1))
    h = kc.Activation("tanh")(kc.BatchNorm()(kc.Conv(4, stride=2)(x)))
    h = kc.Dropout(0.2)(kc.Flatten()(h))
    return kc.lower(kc.Network(x, kc.Dense(10)(h)), key=jax.random.key(0))


def test_a_carry_that_was_stored_goes_on_with_the_same_bits():
    data = digits()
    x, y = data.train_x[:200], data.train_y[:200]
    model = noisy()
    rows = np.stack([np.random.default_rng(i).permutation(200)[:100] for i in range(6)])
    where = {"x": x[:100], "y": y[:100]}
    stepper, carry = stepper_of(model, kc.kfac(**ONCE), eqx.nn.State(model), **where)
    whole, losses, _ = run(stepper, carry, 6, x, y, rows)
    assert len(losses) == 6
    assert losses[-1] < losses[0]

    stepper, carry = stepper_of(model, kc.kfac(**ONCE), eqx.nn.State(model), **where)
    half = run(stepper, carry, 4, x, y, rows)[0]
    stored = [np.array(leaf) for leaf in jax.tree.leaves(half)]
    other, template = stepper_of(model, kc.kfac(**ONCE), eqx.nn.State(model), **where)
    restored = jax.tree.unflatten(jax.tree.structure(template), map(jnp.asarray, stored))
    resumed = run(other, restored, 2, x, y, rows[4:])[0]
    ends = [jax.tree.leaves(end) for end in (whole, resumed)]
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))
    assert int(whole.step) == 6
    # the running statistics have moved
    assert not np.array_equal(*(jax.tree.leaves(end.state)[0] for end in (whole, template)))


def test_a_mesh_gives_the_same_training():
    model = Linear()
    options = {"optimizer": kc.kfac(0.1, **EXACT), "steps": 3, "batch_size": 40, "progress": False}
    plain = kc.fit(model, (X, Y), **options)
    spread = kc.fit(model, (X, Y), mesh=jax.make_mesh((1,), ("data",)), **options)
    # one device, but another compilation may order its sums otherwise
    np.testing.assert_allclose(spread.losses, plain.losses, rtol=1e-4)


TWO_DEVICES = """
import jax, numpy as np
import kernelc as kc, nets
from kernelc.data import digits

net = kc.shape(nets.mlp(3, 16, input_shape=(8, 8, 1)), kc.DKS(), rewrite=True)
model = kc.lower(net, key=jax.random.key(0))
options = {"optimizer": kc.kfac(damping_every=1), "steps": 4, "batch_size": 64, "progress": False}
plain = kc.fit(model, digits(), **options)
spread = kc.fit(model, digits(), mesh=jax.make_mesh((2,), ("data",)), **options)
assert len(jax.tree.leaves(spread.model)[0].sharding.device_set) == 2
assert plain.losses[-1] < 0.9 * plain.losses[0]
# float32 sums over the halves of a batch, four steps one after the other
np.testing.assert_allclose(spread.losses, plain.losses, rtol=1e-5)
print("agreed")
"""


def test_two_devices_give_the_training_of_one():
    flags = "--xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TWO_DEVICES],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "agreed"


def test_a_loss_that_is_not_finite_ends_the_run():
    model = Linear()
    options = {"steps": 3, "batch_size": 40, "progress": False}
    settings = kc.kfac(3e38, norm_constraint=float("inf"), **EXACT)
    result = kc.fit(model, (X, Y), optimizer=settings, **options)
    assert result.diverged
