"""learning_rate_sweep: the runs of fit, compiled once."""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

from kernelc import DataError, kfac
from kernelc.data import digits
from kernelc.training import fit, learning_rate_sweep


DIGITS = digits(flat=True)
DATA = (DIGITS.train_x[:300], DIGITS.train_y[:300])


def net():
    return eqx.nn.MLP(64, 10, 16, 1, key=jax.random.key(0))


def test_every_rate_is_the_run_of_fit():
    results = learning_rate_sweep(net(), DATA, [1e-3, 0.1, 1e9], steps=30, progress=False)
    assert list(results) == [1e-3, 0.1, 1e9]
    alone = fit(net(), DATA, optimizer=optax.sgd(0.1), steps=30, progress=False)
    # the rate is a number in the state there and a constant here
    np.testing.assert_allclose(results[0.1].losses, alone.losses, rtol=1e-4)
    assert results[1e9].diverged
    assert not results[0.1].diverged


def test_rates_share_one_compilation():
    traces = []

    class Traced(eqx.Module):
        weight: jax.Array

        def batched(self, xs, state=None, *, key=None):
            traces.append(1)
            return xs @ self.weight

    model = Traced(np.zeros((64, 10), np.float32))

    def count(rates):
        traces.clear()
        learning_rate_sweep(
            model, DATA, rates, lambda lr: optax.sgd(lr, momentum=0.9), steps=2, progress=False
        )
        return len(traces)

    one = count([0.1])
    # besides one check for each run nothing is traced again
    assert count([0.1, 0.2, 0.3]) <= one + 2


@pytest.mark.parametrize("rates", [[], [0.0], [-1.0], [float("nan")], [float("inf")]])
def test_bad_rates_are_refused(rates):
    with pytest.raises(DataError):
        learning_rate_sweep(net(), DATA, rates, steps=1)


@pytest.mark.parametrize("rates", [0.1, "0.1", None, ["a"]])
def test_what_are_no_rates_is_refused(rates):
    with pytest.raises(DataError, match="rates"):
        learning_rate_sweep(net(), DATA, rates, steps=1)


@pytest.mark.parametrize("maker", [optax.adam(0.1), kfac(0.1), "adam", None])
def test_an_optimizer_in_place_of_its_maker_is_refused(maker):
    with pytest.raises(DataError, match=r"optax\.adam or"):
        learning_rate_sweep(net(), DATA, [0.1], maker, steps=1)
