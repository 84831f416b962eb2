"""Optimizers of Optax that ask for more than the gradient get it."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import optax
import optax.contrib
import pytest

from kernelc.data import digits
from kernelc.training import fit


DIGITS = digits(flat=True)
DATA = (DIGITS.train_x[:300], DIGITS.train_y[:300])


class Normed(eqx.Module):
    """A model with a state, which may be changed only once in each evaluation of the loss."""

    first: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    last: eqx.nn.Linear

    def __init__(self):
        one, two = jax.random.split(jax.random.key(0))
        self.first = eqx.nn.Linear(64, 16, key=one)
        self.norm = eqx.nn.BatchNorm(16, axis_name="batch", mode="batch")
        self.last = eqx.nn.Linear(16, 10, key=two)

    def __call__(self, x, state):
        x, state = self.norm(self.first(x), state)
        return self.last(jax.nn.tanh(x)), state


@pytest.mark.parametrize(
    "optimizer",
    [
        # Hutchinson's estimate of the Hessian's diagonal takes the loss as a function
        optax.contrib.sophia(1e-2),
        # a line search takes loss, gradient and the loss as a function
        optax.lbfgs(),
        # a rate from the value of the loss
        optax.polyak_sgd(),
        optax.contrib.muon(2e-2),
    ],
    ids=["sophia", "lbfgs", "polyak_sgd", "muon"],
)
def test_second_order_optimizers_and_line_searches_train(optimizer):
    model, state = eqx.nn.make_with_state(Normed)()
    result = fit(
        model, DATA, optimizer=optimizer, state=state, steps=40, batch_size=100, progress=False
    )
    assert np.isfinite(result.losses).all()
    # chance is log 10 = 2.3
    assert result.losses[-1] < 1
