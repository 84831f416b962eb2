"""The accelerators' cells at full size: made, lowered and differentiated on paper."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import pytest

import kernelc as kc
from kernelc.modules import first_state


HERE = Path(__file__).parents[1] / "examples/experiments"
# Millions of parameters as published, ImageNet's: He et al. 2016 by way of the usual model zoos,
# 28-10: Zagoruyko & Komodakis 2016, table 5. Nets without norms have fewer by their gains and
# more by biases, well within a percent.
PUBLISHED = {("resnet", 50): 25.6, ("resnet", 101): 44.5, ("wide_resnet", 28): 36.5}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


def step(cell: Any, network: Any, layers: Any) -> tuple[Any, Any]:
    """(parameters, logits) of a training step on a full batch, and the gradient's shapes."""

    def whole(key: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
        model = kc.lower(network, key=key, layers=layers)
        params, rest = eqx.partition(model, eqx.is_inexact_array)
        state = first_state(model)

        def loss(params: Any) -> tuple[Any, Any]:
            trained = eqx.combine(params, rest)
            logits = trained.batched(x) if state is None else trained.batched(x, state)[0]
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, y)
            return jnp.mean(losses), logits

        gradient, logits = jax.grad(loss, has_aux=True)(params)
        return params, logits, gradient

    body = cell.body()
    x = jax.ShapeDtypeStruct((cell.batch, *body.input_shape), jnp.float32)
    y = jax.ShapeDtypeStruct((cell.batch,), jnp.int32)
    params, logits, gradient = eqx.filter_eval_shape(whole, jax.random.key(0), x, y)
    assert logits.shape == (cell.batch, body.classes)
    return params, gradient


def test_every_cell_takes_a_full_batch_on_paper():
    settings, training = (importlib.import_module(name) for name in ("settings", "training"))
    found = list(settings.cells(HERE / "accelerators.json"))
    assert {cell.optimizer for cell in found} == {"sgd", "kfac-fixed"}
    for cell in found:
        network = training.network(cell)
        params, gradient = step(cell, network, training.layers(cell))
        sizes = [math.prod(leaf.shape) for leaf in jax.tree.leaves(params)]
        published = PUBLISHED[cell.family, cell.depth]
        if cell.arm == "bn-skip":
            assert sum(sizes) / 1e6 == pytest.approx(published, rel=0.005), cell.name
        else:  # projections of skips are gone
            assert 0.85 * published < sum(sizes) / 1e6 < 1.01 * published, cell.name
        assert [leaf.shape for leaf in jax.tree.leaves(gradient)] == [
            leaf.shape for leaf in jax.tree.leaves(params)
        ]
