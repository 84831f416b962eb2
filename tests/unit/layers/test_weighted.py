"""The same layer with other deviations, which likelihood gradients and `EdgeOfChaos` ask for."""

from __future__ import annotations

from typing import Any

import pytest

import kernelc as kc


LAYERS = [
    kc.Dense(4),
    kc.Conv(4),
    kc.LocalConv(4),
    kc.LooksLinear(4),
    kc.StandardizedDense(4),
    kc.StandardizedConv(4),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers_of_weights_take_other_deviations(layer: Any) -> None:
    changed = layer.with_weights(2.0, 0.5, "suo")
    assert (changed.weight_std, changed.bias_std) == (2.0, 0.5)
    assert getattr(changed, "init", "suo") == "suo"
    assert layer.with_weights() == layer
    assert layer.with_weights() is not layer


def test_standardized_weights_behind_the_last_nonlinearity_keep_their_deviations() -> None:
    x = kc.Input((8,))
    last = kc.StandardizedDense(3, weight_std=1.5)
    net = kc.Network(x, kc.chain(kc.Dense(16), kc.Activation("tanh"), kc.Dense(16), last)(x))
    assert kc.shape(net, kc.EdgeOfChaos()).network.nodes[-1].layer == last
