"""Optimizers on loops: those that use the axes of a weight are refused, others train."""

from __future__ import annotations

import jax
import numpy as np
import optax
import optax.contrib
import pytest

import kernelc as kc
from kernelc.training._call import split
from kernelc.training._optimizers import check_forms


X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32), np.arange(40) % 2


@pytest.fixture(scope="module")
def looped():
    x = kc.Input((4,))
    block = kc.chain(kc.Dense(4), kc.Activation("tanh"))
    net = kc.Network(x, kc.chain(kc.repeat(block, 5), kc.Dense(2))(x))
    return kc.lower(net, key=jax.random.key(0), layers="scan")


@pytest.mark.parametrize(
    "optimizer", [optax.contrib.muon(1e-2), optax.chain(optax.contrib.muon(1e-2)), optax.sm3(1e-2)]
)
def test_those_with_a_state_by_axes_are_refused_on_a_loop_and_served_one_by_one(looped, optimizer):
    with pytest.raises(
        kc.UnsupportedError, match=r"second block of the loops(?s:.*)kernelc\.unrolled\(model\)"
    ):
        kc.fit(looped, (X, Y), optimizer=optimizer, steps=1, progress=False)
    check_forms(optimizer, split(kc.unrolled(looped))[0])


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adamw(1e-2),
        optax.sgd(1e-2, momentum=0.9),
        optax.lbfgs(),
        optax.contrib.sophia(1e-2),
        optax.chain(optax.clip_by_global_norm(1.0), optax.inject_hyperparams(optax.adam)(1e-2)),
    ],
)
def test_those_that_do_the_same_in_both_forms_are_not(looped, optimizer):
    check_forms(optimizer, split(looped)[0])


def test_masks_have_the_structure_of_the_model(looped):
    params = split(looped)[0]
    matrices = jax.tree.map(lambda leaf: leaf.ndim > 1, params)
    check_forms(optax.masked(optax.adam(1e-2), matrices), params)
    with pytest.raises(kc.UnsupportedError):
        check_forms(optax.masked(optax.contrib.muon(1e-2), matrices), params)


def test_what_needs_the_values_of_the_parameters_does_not_show(looped):
    def init(params):
        return float(sum(leaf.sum() for leaf in jax.tree.leaves(params)))

    check_forms(optax.GradientTransformation(init, optax.identity().update), split(looped)[0])


def test_models_of_others_have_no_loops_that_would_be_known():
    check_forms(optax.contrib.muon(1e-2), lambda x: x)
