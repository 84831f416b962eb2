"""Derived kernels against wide networks with random weights.

Inputs follow the model the formulas are written for: example e at location l is a vector of
q value q, and cov(e, l; e', l') = q C_ex(e, e') C_loc(l, l') exactly. Every comparison is of
means over seeds, at each location by itself, within `SIGMAS` standard errors estimated from
the same seeds (t with SEEDS - 1 degrees of freedom: p about 1e-4 each) and a bias of
`BIAS` / width: corrections in the width are of first order.
"""

from __future__ import annotations

import equinox as eqx
import jax
import numpy as np
import pytest
from monte_carlo_cases import (
    BIAS,
    CHANNELS,
    RELU,
    SIGMAS,
    TANH,
    VECTORS,
    WIDTH,
    Case,
    dense,
    equal,
    separable,
)
from monte_carlo_images import IMAGES

import kernelc as kc


def network(case: Case) -> kc.Network:
    x = kc.Input((*case.locations, CHANNELS))
    return kc.Network(x, case.block(x), name=case.name)


def measured(net: kc.Network, xs: np.ndarray, seeds: int) -> np.ndarray:
    """(seeds, 3, *locations): q of each example and the covariance of the first two."""

    def run(key: jax.Array) -> np.ndarray:
        weights, masks = jax.random.split(key)
        model = kc.lower(net, key=weights)
        y = model.batched(xs, key=masks)
        return np.stack([np.asarray((y[i] * y[j]).mean(-1)) for i, j in ((0, 0), (1, 1), (0, 1))])

    return np.stack([run(jax.random.key(seed)) for seed in range(seeds)])


def assert_close(found: np.ndarray, wanted: tuple[float, float, float], bias: float) -> None:
    scale = abs(wanted[0])
    mean = found.mean(0)
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    for entry, value in enumerate(wanted):
        allowed = SIGMAS * error[entry] + bias * scale
        assert np.all(np.abs(mean[entry] - value) <= allowed), (entry, value, mean[entry], allowed)
    # A tolerance that lets any rule pass would test nothing.
    assert np.all(SIGMAS * error <= 0.25 * scale)


@pytest.mark.parametrize("case", [*VECTORS, *IMAGES], ids=lambda case: case.name)
def test_wide_networks_have_the_derived_kernel(case: Case) -> None:
    net = network(case)
    symbols = dict(case.extra)
    if case.s is not None:
        symbols["s"] = case.s
    kernel = kc.derive(net)
    used = {str(symbol) for symbol in kernel.nngp.free_symbols | kernel.q_map.free_symbols}
    value = kernel.evaluate(c=case.c, q=case.q, **{k: v for k, v in symbols.items() if k in used})
    found = measured(net, separable(case), case.seeds)
    assert_close(found, (value.q, value.q, value.nngp), BIAS / WIDTH)
    assert value.c == pytest.approx(value.nngp / value.q)


BATCH = 384


def batch(c: float, c_b: float, q: float, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Examples of one typical cosine c_b, but for the first two, whose cosine is c."""
    channels = 512
    covariance = equal(BATCH, c_b)
    covariance[0, 1] = covariance[1, 0] = c
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.normal(size=(channels, BATCH)))[0].T
    return (np.linalg.cholesky(covariance) @ basis * np.sqrt(q * channels)).astype(np.float32)


BATCH_NORMS = [
    Case("batch norm", kc.chain(dense(weight_std=1.3), kc.BatchNorm(), dense())),
    Case("batch norm then activation", kc.chain(dense(), kc.BatchNorm(), RELU, dense())),
    Case("two batch norms", kc.chain(dense(), kc.BatchNorm(), RELU, dense(), kc.BatchNorm(), TANH)),
    Case(
        "batch norm after layers",
        kc.chain(dense(), RELU, dense(bias_std=0.4), kc.BatchNorm(), TANH),
    ),
    Case(
        "batch norm of a residual sum",
        kc.chain(
            dense(), kc.BatchNorm(), kc.residual(kc.chain(RELU, dense())), kc.BatchNorm(), TANH
        ),
    ),
]


@pytest.mark.parametrize("case", BATCH_NORMS, ids=lambda case: case.name)
def test_batch_norm_in_training_on_a_large_batch(case: Case) -> None:
    c, c_b, seeds = 0.7, 0.2, 6
    x = kc.Input((512,))
    net = kc.Network(x, case.block(x))
    value = kc.derive(net).evaluate(c=c, q=case.q, c_b=c_b)
    xs = batch(c, c_b, case.q)
    rows = []
    for seed in range(seeds):
        model = kc.lower(net, key=jax.random.key(seed))
        y, _ = model.batched(xs, eqx.nn.State(model))
        y = np.asarray(y)
        rows.append([(y[i] * y[j]).mean(-1) for i, j in ((0, 0), (1, 1), (0, 1))])
    # Statistics of a finite batch are off by terms of order 1 / batch.
    assert_close(np.array(rows), (value.q, value.q, value.nngp), BIAS / WIDTH + 4 / BATCH)
