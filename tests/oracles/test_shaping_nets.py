"""Shaped networks judged by a quadrature of the test's own."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest

import kernelc as kc
import nets
from kernelc.gaussian import moments as moments_of


TOLERANCE = 1e-10
D, A = kc.Dense, kc.Activation
SMOOTH = (
    "tanh",
    "softplus",
    "sigmoid",
    "erf",
    "swish",
    "gelu",
    "atan",
    "asinh",
    "softsign",
    "bentid",
    "sin",
    "cos",
    "elu",
    "selu",
)


def chain(name: str, depth: int) -> kc.Network:
    x = kc.Input((8,))
    return kc.Network(x, kc.chain(kc.repeat(kc.chain(D(8), A(name)), depth), D(3))(x))


def moments(layer: kc.Activation) -> tuple[float, float, float]:
    """E f, E f^2 and E f'^2 by Gauss-Legendre panels split where elu, selu and relu kink."""
    kink = -layer.beta / layer.alpha
    # Features of size 1 / alpha around the kink: panels shrink towards it.
    near = [kink + sign * 2.0**j for sign in (-1, 1) for j in range(-12, 4)]
    edges = sorted({-12.0, 12.0, *(min(max(e, -12.0), 12.0) for e in (kink, *near))})
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = np.zeros(3)
    for a, b in itertools.pairwise(edges):
        x = (b - a) / 2 * nodes + (a + b) / 2
        w = (b - a) / 2 * weights * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        u = layer.alpha * x + layer.beta
        f = layer.gamma * (np.asarray(layer.function.numpy()(u)) + layer.delta)
        df = layer.gamma * layer.alpha * np.asarray(layer.function.numpy(1)(u))
        total += [w @ f, w @ f**2, w @ df**2]
    return tuple(total)  # type: ignore[return-value]


def shaped_layers(shaped: kc.ShapedNetwork) -> list[kc.Activation]:
    layers = {node.layer for node in shaped.network if isinstance(node.layer, kc.Activation)}
    return list(layers)


@pytest.mark.parametrize("depth", [3, 100])
@pytest.mark.parametrize("name", SMOOTH)
def test_chains_meet_the_conditions(name: str, depth: int) -> None:
    shaped = kc.shape(chain(name, depth))
    assert shaped.largest_residual <= TOLERANCE
    assert shaped.psi is not None
    assert shaped.psi**depth == pytest.approx(1.5, abs=1e-9)
    (layer,) = shaped_layers(shaped)
    mean, second, slope = moments(layer)
    assert (mean**2, second, slope) == pytest.approx((0.0, 1.0, shaped.psi), abs=1e-9)
    if abs(layer.alpha) < 50:
        value = kc.derive(shaped).evaluate(c=0.0)
        assert (value.q, value.nngp) == pytest.approx((1.0, 0.0), abs=1e-9)


def test_steeply_compressed_activations_keep_q() -> None:
    # One layer's worth of moments: the tensor rule of a dual takes minutes at alpha = 239.
    shaped = kc.shape(chain("bentid", 3))
    layer = next(n.layer for n in shaped.network if n.layer.nonlinearity() is not None)
    assert layer.scalar.numpy(0)(0.0) != 0
    found = moments_of(layer.scalar)
    assert found.second == pytest.approx(1.0, abs=1e-11)
    assert found.mean == pytest.approx(0.0, abs=1e-11)


@pytest.mark.parametrize("form", ["vanilla", "weighted"])
@pytest.mark.parametrize(("depth", "layers"), [(50, 49), (101, 100), (152, 151)])
def test_residual_nets(depth: int, layers: int, form: str) -> None:
    net = nets.resnet(depth, activation="tanh", form=form)
    shaped = kc.shape(net)
    assert shaped.largest_residual <= TOLERANCE
    if form == "vanilla":
        assert shaped.psi == pytest.approx(1.5 ** (1 / layers), abs=1e-12)
    tailored = kc.shape(nets.resnet(depth, activation="leaky_relu", form=form), kc.TAT(eta=0.8))
    assert tailored.largest_residual <= TOLERANCE


def test_several_activations_are_solved_together() -> None:
    x = kc.Input((8,))
    names = ("tanh", "softplus", "sin", "leaky_relu")
    net = kc.Network(x, kc.chain(*(b for n in names * 5 for b in (D(8), A(n))), D(3))(x))
    shaped = kc.shape(net)
    assert set(shaped.transforms) == set(names)
    assert shaped.largest_residual <= TOLERANCE
    assert abs(kc.derive(shaped).evaluate(c=0.0).nngp) < TOLERANCE


INFEASIBLE = {
    "step": lambda: kc.shape(chain("step", 20)),
    "sign": lambda: kc.shape(chain("sign", 20)),
    "square": lambda: kc.shape(chain("square", 20)),
    "exp": lambda: kc.shape(chain("exp", 2)),
    "leaky relu, one layer": lambda: kc.shape(chain("leaky_relu", 1), kc.DKS(zeta=4.0)),
    "eta on a shallow net": lambda: kc.shape(chain("leaky_relu", 2), kc.TAT(eta=0.95)),
    "tau on leaky relu": lambda: kc.shape(chain("leaky_relu", 20), kc.TAT(tau=0.3)),
    "eta on tanh": lambda: kc.shape(chain("tanh", 20), kc.TAT(eta=0.9)),
    "zeta 1": lambda: kc.DKS(zeta=1.0),
    "zeta nan": lambda: kc.DKS(zeta=math.nan),
    "tau nan": lambda: kc.TAT(tau=math.nan),
    "eta 1": lambda: kc.TAT(eta=1.0),
    "no target": lambda: kc.TAT(),
}


@pytest.mark.parametrize("name", INFEASIBLE)
def test_infeasible_targets_are_refused_at_once(name: str) -> None:
    start = time.process_time()
    with pytest.raises(kc.ShapingError) as caught:
        INFEASIBLE[name]()
    assert time.process_time() - start < 1.0
    assert caught.value.law
    assert caught.value.remedy


def test_a_rewrite_meets_every_requirement_and_says_what_it_did() -> None:
    net = nets.resnet(
        50, activation="tanh", form="standard", stem="imagenet", input_shape=(64, 64, 3)
    )
    with pytest.raises(kc.ShapingError):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True)
    assert shaped.largest_residual <= TOLERANCE
    assert any("batch_norm" in line.lower() or "BatchNorm" in line for line in shaped.changes)
    again = kc.shape(shaped.network)
    assert again.changes == ()
    assert again.psi == pytest.approx(shaped.psi, abs=1e-14)


@pytest.mark.parametrize("name", [*SMOOTH, "leaky_relu"])
def test_a_thousand_layers_certify_as_a_network(name: str) -> None:
    # The network's condition multiplies the error of a local slope by 1,500.
    for depth in (3, 30, 300, 1000):
        assert kc.shape(chain(name, depth)).largest_residual <= 1e-12
