"""ReLU becomes leaky ReLU where the target needs a free slope; TAT(eta="largest")."""

from __future__ import annotations

import math

import pytest
import sympy

import kernelc as kc


X = sympy.Symbol("x")


def chain(*functions: object) -> kc.Network:
    x = kc.Input((16,))
    blocks = [kc.chain(kc.Dense(16), kc.Activation(f)) for f in functions]
    return kc.Network(x, kc.chain(kc.PLN(), *blocks, kc.Dense(2))(x))


@pytest.mark.parametrize("target", [kc.DKS(), kc.TAT(eta=0.5)])
@pytest.mark.parametrize("function", ["relu", sympy.Max(X, 0), 3 * sympy.Max(X, X / 10)])
def test_rewrite_turns_fixed_rectifiers_into_leaky_relu(target: object, function: object) -> None:
    net = chain(*[function] * 6)
    with pytest.raises(kc.KernelcError, match="rewrite=True"):
        kc.shape(net, target)
    shaped = kc.shape(net, target, rewrite=True)
    reference = kc.shape(chain(*["leaky_relu"] * 6), target, rewrite=True)
    assert shaped.transforms == reference.transforms
    assert sum("leaky_relu" in line for line in shaped.changes) == 6
    assert abs(shaped.largest_residual) < 1e-10


def test_targets_without_a_free_slope_leave_relu_alone() -> None:
    with pytest.raises(kc.UnreachableError, match="slope jumps"):
        kc.shape(chain("relu", "tanh"), kc.TAT(tau=0.3), rewrite=True)
    edge = kc.shape(chain("relu", "relu"), kc.EdgeOfChaos(), rewrite=True)
    assert not any("leaky_relu" in line for line in edge.changes)


def test_abs_is_no_leaky_relu() -> None:
    with pytest.raises(kc.UnreachableError, match="homogeneous"):
        kc.shape(chain("abs", "tanh"), kc.DKS(), rewrite=True)


def test_largest_eta_is_that_of_relu() -> None:
    net = chain("leaky_relu", "leaky_relu", "leaky_relu")
    with pytest.raises(kc.UnreachableError, match="eta='largest'"):
        kc.shape(net, kc.TAT(eta=0.9), rewrite=True)
    shaped = kc.shape(net, kc.TAT(eta="largest"), rewrite=True)
    found = shaped.transforms["leaky_relu"]
    assert found.negative_slope == 0
    assert math.isclose(found.gamma, math.sqrt(2))
    c = 1 / 17  # PLN adds a constant channel to the 16
    for _ in range(3):  # C of ReLU: (sqrt(1 - c^2) + c (pi - arccos c)) / pi (Cho & Saul 2009)
        c = (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / math.pi
    assert math.isclose(kc.derive(kc.shape(net, kc.TAT(eta="largest"))).evaluate(c=0.0).c, c)


@pytest.mark.parametrize("eta", ["biggest", 0.0, 1.0, float("nan")])
def test_other_words_are_refused(eta: object) -> None:
    with pytest.raises(kc.ShapingError):
        kc.TAT(eta=eta)  # pyright: ignore[reportArgumentType]


def test_transforms_keep_the_name_that_was_given() -> None:
    for name in ("silu", "swish"):
        shaped = kc.shape(chain(name, name), kc.DKS(), rewrite=True)
        assert list(shaped.transforms) == [name]
        assert repr(name) in shaped.network.nodes[-2].layer.text()
        again = kc.Network.from_json(shaped.network.to_json())
        assert again == shaped.network
