"""How well each node is known, and the assumptions that become nodes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.algebra import AnyLocation, FloatBackend, SecondMoments, probes
from kernelc.reading._answer import answered


def levels(x: kc.Node, output: kc.Node) -> dict[str, str]:
    network, answers = answered(kc.Network(x, output))
    assert list(answers) == [node.name for node in network]
    return {name: answer.level for name, answer in answers.items()}


def test_a_relu_on_a_sum_is_assumed_to_read_a_gaussian_value():
    """ResNet v1: the sum contains the output of another activation."""
    x = kc.Input((8,))
    start = kc.Activation("relu")(kc.Dense(8)(x))
    end = kc.Activation("relu")(kc.WeightedSum((1.0, 1.0))(start, kc.Dense(8)(start)))
    found = levels(x, kc.Dense(3)(end))
    assert found["activation_2_input"] == "assumed"
    assert set(found.values()) == {"exact", "assumed"}


def test_the_kernel_behind_an_assumption_has_the_second_moments_of_the_sum():
    x = kc.Input((8,))
    start = kc.Activation("relu")(kc.Dense(8, weight_std=np.sqrt(2))(x))
    total = kc.WeightedSum((1.0, 1.0))(start, kc.Dense(8)(start))
    net, _ = answered(kc.Network(x, kc.Activation("relu")(total)))
    # The sum has q = 2 q_in, and a ReLU halves it.
    assert float(kc.derive(net).evaluate(c=1.0, q=1.5).q) == pytest.approx(1.5)


def test_zero_padding_is_by_location_and_what_follows_is_exact():
    x = kc.Input((6, 6, 3))
    conv = kc.Conv(8, 3, delta=False)
    layers = kc.chain(conv, kc.Activation("tanh"), conv, kc.Flatten(), kc.Dense(2))
    found = levels(x, layers(x))
    assert [found[name] for name in ("conv_1", "activation_1", "conv_2", "dense_1")] == [
        "by location",
        "exact",
        "by location",
        "exact",
    ]


def test_layers_without_a_rule_are_measured_and_unread_operations_opaque():
    x = kc.Input((8, 8, 3))
    layers = kc.chain(kc.Conv(4, 3), kc.MaxPool(2), kc.Conv(4, 3), kc.Opaque("a sort", (5,)))
    found = levels(x, layers(x))
    assert found["max_pool_1"] == "measured"
    assert found["opaque_1"] == "opaque"
    assert found["conv_2"] == "exact"


def test_answers_need_no_integrals(monkeypatch):
    """A sharp activation that a model writes by hand would take minutes."""

    def integral(*_):
        raise AssertionError("an integral")

    monkeypatch.setattr("kernelc.gaussian.moments", integral, raising=False)
    monkeypatch.setattr("kernelc.algebra.FloatBackend.moments", integral)
    x = kc.Input((4,))
    u = sympy.Symbol("u", real=True)
    sharp = kc.Activation(1 / sympy.sqrt(sympy.Max(0, u) + 1e-5))
    assert set(levels(x, kc.chain(kc.Dense(4), sharp, kc.Dense(2))(x)).values()) == {"exact"}


def test_padded_means_are_read_like_means_inside():
    """A mean of tiling windows that the border cuts off is near one that it does not cut."""
    x = kc.Input((6, 6, 3))
    found = {}
    for padding in ("SAME", "VALID"):
        layers = kc.chain(kc.Conv(4, 1), kc.MeanPool(4, stride=4, padding=padding), kc.Flatten())
        network = kc.Network(x, layers(x))
        algebra = AnyLocation(FloatBackend(), probes(network))
        start = algebra.state_of(SecondMoments(1.0, (0.5, 0.3, 0.2), None), None)
        found[padding] = network.fold(algebra, start)[2].second.q
    assert found["SAME"] == found["VALID"]
    assert found["SAME"] == pytest.approx(1 / 16 + 15 / 16 * 0.3)
