"""Models of every layer kind come back from a file as they were."""

from __future__ import annotations

import equinox as eqx
import jax
import pytest
from cases import CASES, network

import kernelc as kc


@pytest.mark.parametrize("name", CASES)
def test_a_model_with_this_layer_comes_back_from_its_file(name, tmp_path):
    net = network(CASES[name])
    model = kc.lower(net, key=jax.random.key(0))
    state = eqx.nn.State(model) if name == "BatchNorm" else None
    kc.save(tmp_path / "model", model, state)
    again, its_state = kc.load(tmp_path / "model", network=net)
    assert jax.tree.structure(again) == jax.tree.structure(model)
    assert eqx.tree_equal((again, its_state), (model, state))
