"""A step for loops of one's own: the same bits as `fit`, and errors before anything is compiled."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc


RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > X[:, 1]).astype(int)
INPUT = kc.Input((4,))


def lowered(*layers):
    return kc.lower(kc.Network(INPUT, kc.chain(*layers, kc.Dense(2))(INPUT)), key=0)


def batches(count):
    for number in range(count):
        rows = kc.data.batch_indices(64, 16, seed=0, step=number)
        yield X[rows], Y[rows]


@pytest.mark.parametrize("make", [lambda: optax.adam(1e-2), kc.kfac], ids=["optax", "kfac"])
def test_a_loop_of_its_own_gives_the_bits_of_fit(make):
    model, optimizer = lowered(kc.Dense(8), kc.Activation("tanh"), kc.BatchNorm()), make()
    step = kc.make_step(model, optimizer)
    carry, losses = step.start(X[:16], Y[:16]), []
    for x, y in batches(4):
        carry, loss = step(carry, x, y)
        losses.append(loss)
    run = kc.fit(model, (X, Y), optimizer=optimizer, steps=4, batch_size=16, progress=False)
    assert losses == run.losses.tolist()
    assert int(carry.step) == 4
    assert eqx.tree_equal((step.model(carry), carry.state), (run.model, run.state))


def test_a_model_that_was_taken_out_stays_as_it_was():
    model = lowered()
    step = kc.make_step(model, optax.sgd(0.1), "squared_error")
    first = step.start(jnp.asarray(X), np.eye(2, dtype=np.float32)[Y])
    taken = step.model(first)
    carry, _ = step(first, X, Y)
    assert eqx.tree_equal(taken, model)
    assert not eqx.tree_equal(step.model(carry), model)
    with pytest.raises(kc.KernelcError, match="deleted"):
        step(first, X, Y)


def test_dropout_follows_from_key_and_step():
    model = lowered(kc.Dense(64), kc.Dropout(0.5))

    def losses(key):
        step = kc.make_step(model, optax.sgd(1e-9), key=key)
        carry, found = step.start(X, Y), []
        for _ in range(2):
            carry, loss = step(carry, X, Y)
            found.append(loss)
        return found

    one = losses(3)
    assert one == losses(jax.random.key(3)) != losses(4)
    assert one[0] != one[1]


def test_what_fit_refuses_is_refused():
    model = lowered()
    with pytest.raises(kc.DataError, match="loss"):
        kc.make_step(model, optax.sgd(0.1), "entropy")  # pyright: ignore[reportArgumentType]
    with pytest.raises(kc.KernelcError, match="make_step: key"):
        kc.make_step(model, optax.sgd(0.1), key="0")  # pyright: ignore[reportArgumentType]
    with pytest.raises(kc.DataError, match="optimizer"):
        kc.make_step(model, optax.sgd(0.0)).start(X, Y)
    step = kc.make_step(model, optax.sgd(0.1))
    with pytest.raises(kc.DataError, match="logits"):
        step.start(X, Y + 2)
    carry = step.start(X, Y)
    with pytest.raises(kc.DataError, match="shape"):
        step(carry, X[:, :3], Y)
