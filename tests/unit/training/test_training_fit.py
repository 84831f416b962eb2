"""fit: it learns, it repeats itself, it refuses nonsense, it survives divergence."""

from __future__ import annotations

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from kernelc import DataError, kfac
from kernelc.data import arrays, batch_indices, digits
from kernelc.training import evaluate, fit


@pytest.fixture(scope="module")
def data():
    return digits(flat=True)


@pytest.fixture(scope="module")
def mlp():
    return eqx.nn.MLP(64, 10, 32, 2, key=jax.random.key(0))


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


class Noisy(eqx.Module):
    """Batch norm and dropout, called on one example as Equinox does."""

    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    drop: eqx.nn.Dropout
    last: eqx.nn.Linear

    def __init__(self, key):
        one, two = jax.random.split(key)
        self.first = eqx.nn.Linear(64, 32, key=one)
        self.norm = eqx.nn.BatchNorm(32, axis_name="batch", mode="batch")
        self.drop = eqx.nn.Dropout(0.2)
        self.last = eqx.nn.Linear(32, 10, key=two)

    def __call__(self, x, state, *, key=None):
        x, state = self.norm(self.first(x), state)
        return self.last(self.drop(jax.nn.relu(x), key=key)), state


class Counting(eqx.Module):
    """The batched protocol: state, key, and an integer array that is not trained."""

    weight: jax.Array
    table: jax.Array
    calls: eqx.nn.StateIndex

    def __init__(self):
        self.weight = jnp.zeros((64, 10))
        self.table = jnp.arange(10)
        self.calls = eqx.nn.StateIndex(jnp.array(0.0))

    def batched(self, xs, state=None, *, key=None):
        assert xs.ndim == 2
        logits = xs @ self.weight + 0 * self.table
        if state is None:
            return logits
        return logits, state.set(self.calls, state.get(self.calls) + 1)


def test_a_small_net_learns_digits(data, mlp):
    result = fit(mlp, data, steps=300, progress=False)
    assert result.test.accuracy > 0.9
    assert result.train.accuracy > 0.95
    assert not result.diverged
    assert result.steps == len(result.losses) == 300
    assert [record.step for record in result.history] == list(range(30, 301, 30))
    assert result.history[-1].test_accuracy == result.test.accuracy
    assert result.train.count == 1498
    # the mean that a record gives is that of the steps since the one before
    assert result.history[1].loss == pytest.approx(result.losses[30:60].mean(), rel=1e-5)


def test_same_key_same_bits_and_the_given_model_is_untouched(data, mlp):
    before = [leaf.copy() for leaf in leaves(mlp)]
    runs = [fit(mlp, data, steps=40, key=key, progress=False) for key in (0, jax.random.key(0), 1)]
    assert same(runs[0].model, runs[1].model)
    assert np.array_equal(runs[0].losses, runs[1].losses)
    assert not same(runs[0].model, runs[2].model)
    assert same(before, mlp)


def test_seed_is_a_former_name_of_key_and_split_keys_give_runs_of_their_own(data, mlp):
    with pytest.warns(DeprecationWarning, match=r"fit\(key=\)"):
        old = fit(mlp, data, steps=2, seed=1, progress=False)
    keys = [jax.random.key(1), *jax.random.split(jax.random.key(1))]
    runs = [fit(mlp, data, steps=2, key=key, progress=False) for key in keys]
    assert same(old.model, runs[0].model)
    assert not same(runs[0].model, runs[1].model)
    assert not same(runs[1].model, runs[2].model)


def test_records_do_not_change_the_run(data, mlp):
    often = fit(mlp, data, steps=20, eval_every=3, progress=False)
    once = fit(mlp, data, steps=20, eval_every=20, progress=False)
    assert same(often.model, once.model)
    assert [record.step for record in often.history] == [3, 6, 9, 12, 15, 18, 20]


def test_steps_are_those_of_plain_optax(data):
    """Against a loop written out by hand, with the same batches."""
    net = eqx.nn.Linear(64, 10, key=jax.random.key(1))
    optimizer = optax.sgd(0.1, momentum=0.9)
    pair = (data.train_x, data.train_y)
    result = fit(net, pair, optimizer=optimizer, steps=5, batch_size=100, key=7, progress=False)

    def loss(params, x, y):
        logits = x @ params[0].T + params[1]
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(y)), y])

    params = (net.weight, net.bias)
    opt_state = optimizer.init(params)
    slope = jax.jit(jax.grad(loss))
    for step in range(5):
        rows = batch_indices(1498, 100, 7, step)
        grads = slope(params, data.train_x[rows], data.train_y[rows])
        updates, opt_state = optimizer.update(grads, opt_state)
        params = optax.apply_updates(params, updates)
    # float32, sums in another order
    np.testing.assert_allclose(result.model.weight, params[0], rtol=1e-4, atol=1e-6)


def test_batch_norm_and_dropout_of_a_foreign_model(data):
    model, state = eqx.nn.make_with_state(Noisy)(jax.random.key(0))
    pair = (data.train_x, data.train_y)
    result = fit(model, pair, state=state, steps=150, progress=False)
    assert evaluate(result.model, data.test_x, data.test_y, result.state).accuracy > 0.9
    again = fit(model, pair, state=state, steps=150, progress=False)
    assert same(result.model, again.model)
    assert same(result.state, again.state)
    assert not same(result.state, state)
    with pytest.raises(DataError, match="make_with_state"):
        fit(model, data, steps=1)


def test_the_batched_protocol_and_its_state(data):
    result = fit(
        Counting(), data, steps=12, optimizer=optax.adamw(1e-2, weight_decay=0.5), progress=False
    )
    assert result.state.get(result.model.calls) == 12
    assert result.losses[-1] < result.losses[0]
    assert same(result.model.table, jnp.arange(10))
    # weight decay leaves the initial value of a state alone
    assert result.model.calls.init == 0


def test_convolutions_train_and_repeat():
    images = digits()
    images = (images.train_x[:256], images.train_y[:256])

    class Net(eqx.Module):
        kernel: jax.Array
        weight: jax.Array

        def batched(self, xs, state=None, *, key=None):
            xs = jax.lax.conv_general_dilated(
                xs, self.kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            return jax.nn.relu(xs).reshape(len(xs), -1) @ self.weight

    one, two = jax.random.split(jax.random.key(0))
    net = Net(jax.random.normal(one, (3, 3, 1, 4)) / 3, jax.random.normal(two, (256, 10)) / 16)
    results = [fit(net, images, steps=25, progress=False) for _ in range(2)]
    assert results[0].train.accuracy > 0.6
    assert same(results[0].model, results[1].model)


def test_divergence_is_a_result(data, mlp):
    result = fit(mlp, data, optimizer=optax.sgd(1e9), steps=100, progress=False)
    assert result.diverged
    assert result.steps < 100
    assert "diverged" in result.message
    assert np.isfinite(result.losses[:-1]).all()
    assert not np.isfinite(result.losses[-1])
    # NaN logits are right about nothing, not about class 0
    assert result.test.accuracy == 0
    json.dumps(result.to_dict(), allow_nan=False)


def test_an_overflow_in_the_last_update_counts(data, mlp):
    result = fit(mlp, data, optimizer=optax.sgd(1e38), steps=1, progress=False)
    assert result.steps == 1
    assert np.isfinite(result.losses).all()
    assert result.diverged


def test_mesh_gives_the_same_training(data, mlp):
    pair = (data.train_x, data.train_y)
    plain = fit(mlp, pair, steps=20, progress=False)
    # make_mesh has axes of the explicit kind, the harder one for code inside jit
    result = fit(mlp, pair, steps=20, mesh=jax.make_mesh((1,), ("data",)), progress=False)
    # one device, but another compilation may order its sums otherwise
    np.testing.assert_allclose(result.losses, plain.losses, rtol=1e-4)


def test_squared_error_on_labels_and_on_targets(data, mlp):
    x, y = data.train_x[:200], data.train_y[:200]
    rows = np.eye(10, dtype=np.float32)[y]
    targets = fit(mlp, (x, rows), loss="squared_error", steps=20, progress=False)
    assert targets.train.accuracy is None
    assert targets.history[-1].train_accuracy is None
    assert targets.to_dict()["train"]["accuracy"] is None

    def halved(logits, y):
        return 0.5 * jnp.sum((logits - jax.nn.one_hot(y, 10)) ** 2, axis=-1)

    own = fit(mlp, (x, y), loss=halved, steps=20, progress=False)
    # float32, one loss written two ways
    np.testing.assert_allclose(own.losses, targets.losses, rtol=1e-5)
    named = evaluate(own.model, x, y, loss="squared_error")
    assert named.loss == pytest.approx(own.train.loss, rel=1e-5)
    assert 0 < named.accuracy <= 1


def test_callback_sees_records_keeps_models_and_ends_the_run(data, mlp):
    seen = []

    def callback(record, model, state):
        seen.append((record, model))
        return record.step >= 10

    result = fit(mlp, data, steps=50, eval_every=5, callback=callback, progress=False)
    assert [record.step for record, _ in seen] == [5, 10]
    assert result.steps == 10
    assert "callback" in result.message
    # the model of step 5 outlives the steps after it
    assert not same(seen[0][1], seen[1][1])
    assert same(seen[1][1], result.model)


def test_data_beyond_the_device_limit_gives_the_same_run(data, mlp, monkeypatch):
    resident = fit(mlp, data, steps=20, progress=False)
    monkeypatch.setattr("kernelc.training._source._RESIDENT", 1000)
    streamed = fit(mlp, data, steps=20, progress=False)
    np.testing.assert_allclose(streamed.losses, resident.losses, rtol=1e-5)
    assert streamed.test.accuracy == pytest.approx(resident.test.accuracy)


def test_a_pair_of_arrays_has_no_test_part(data, mlp):
    result = fit(mlp, (data.train_x, data.train_y), steps=3, progress=False)
    assert result.test is None
    assert result.history[-1].test_loss is result.history[-1].test_accuracy is None


@pytest.mark.parametrize("show", [True, False, None])
def test_progress_goes_to_stderr_when_asked(data, mlp, show, capsys):
    fit(mlp, data, steps=3, progress=show)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("loss" in captured.err and "accuracy" in captured.err) == bool(show)


def test_plot_writes_a_file(data, mlp, tmp_path):
    fit(mlp, data, steps=10, progress=False).plot(tmp_path / "run.png")
    assert (tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"steps": 2.5},
        {"steps": True},
        {"batch_size": 0},
        {"batch_size": 1499},
        {"eval_every": 0},
        {"key": -1},
        {"key": "0"},
        {"train_examples": 0},
        {"loss": "hinge"},
        {"loss": lambda logits, y: jnp.mean(logits)},
        {"optimizer": 0.1},
        {"optimizer": optax.adam(0.0)},
        {"optimizer": optax.sgd(-1e-3)},
        {"optimizer": optax.adam(float("nan"))},
        {"optimizer": optax.scale_by_adam()},  # goes uphill: its sign was forgotten
        {"optimizer": optax.MultiSteps(optax.sgd(0.0), 4).gradient_transformation()},
        {"optimizer": kfac(0.0)},
    ],
)
def test_bad_options_are_refused(data, mlp, options):
    with pytest.raises(DataError):
        fit(mlp, data, **options)


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.sgd(optax.linear_schedule(0.0, 0.1, 10)),
        optax.sgd(optax.join_schedules([optax.constant_schedule(0.0), lambda _: 0.1], [9])),
        optax.MultiSteps(optax.sgd(0.1), 6).gradient_transformation(),
        optax.polyak_sgd(),
    ],
    ids=["warm-up", "late", "accumulation", "polyak"],
)
def test_optimizers_that_begin_with_updates_of_zero_are_taken(data, optimizer):
    net = eqx.nn.Linear(64, 10, key=jax.random.key(1))
    result = fit(net, data, optimizer=optimizer, steps=12, progress=False)
    assert not same(result.model, net)


def test_data_that_does_not_fit_is_refused(data, mlp):
    x, y = np.zeros((20, 64)), np.arange(20) % 10
    hole = x.copy()
    hole[3, 3] = np.nan
    for bad in (
        (hole, y),
        (x, y + 1),
        (x, y - 1),
        (x[:5], y),
        (x[:, :63], y),
        (x, y, x[:, :63], y),
        (x, np.zeros((20, 9))),
        (x, y, x),
        x,
        "digits",
        arrays(x, y + 1, x, y),
    ):
        with pytest.raises(DataError):
            fit(mlp, bad, steps=1)


def test_models_that_cannot_train_are_refused(data):
    class Wide(eqx.Module):
        weight: jax.Array

        def __call__(self, x):
            return jnp.outer(x, self.weight)

    broken = eqx.nn.Linear(64, 10, key=jax.random.key(0))
    broken = eqx.tree_at(lambda net: net.bias, broken, jnp.full(10, jnp.nan))
    for bad in (lambda x: x[:10], 3, Wide(jnp.ones(3)), broken):
        with pytest.raises(DataError):
            fit(bad, data, steps=1)
