"""Depthwise convolutions: an exact covariance, of a value that is not Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.shaping._independence import DependenceReading


LINE = (6, 4)
RELU = kc.Activation("relu")


def network(*blocks: kc.Layer, shape: tuple[int, ...] = LINE) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


def depthwise(channels: int = 8, padding: str = "CIRCULAR", **fields: object) -> kc.Conv:
    return kc.Conv(channels, groups=channels, padding=padding, delta=False, **fields)


def test_the_covariance_is_that_of_weights_shared_over_channels() -> None:
    between = depthwise(weight_std=1.3, bias_std=0.2)
    full = kc.Conv(8, padding="CIRCULAR", delta=False, weight_std=1.3, bias_std=0.2)
    nets = (network(kc.Dense(8), RELU, conv, kc.Dense(8), RELU) for conv in (between, full))
    found, wanted = (kc.derive(net).evaluate(c=0.4, q=1.5) for net in nets)
    assert found == wanted


def test_a_nonlinearity_may_not_read_it_and_shape_says_so() -> None:
    net = network(kc.Dense(8), RELU, depthwise(), RELU, kc.Dense(2))
    with pytest.raises(kc.UnsupportedError, match="not Gaussian") as caught:
        kc.derive(net)
    assert caught.value.where == "activation_2"
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kc.kernel_fn(net)(np.ones((1, *LINE)))
    with pytest.raises(kc.ShapingError, match="does not make its input Gaussian"):
        kc.shape(net, rewrite=True)
    assert "activation_2" in str(kc.diagnose(net))


def test_groups_of_more_channels_are_gaussian_as_before() -> None:
    assert kc.derive(network(kc.Dense(8), RELU, kc.Conv(8, groups=4), RELU)).q_map is not None
    # Equal fields, and other rules: 4 groups of two channels, and then of one.
    two = network(kc.Dense(8), kc.Conv(4, groups=4), kc.Conv(4, groups=4), RELU)
    with pytest.raises(kc.UnsupportedError, match="not Gaussian"):
        kc.derive(two)


@pytest.mark.parametrize("mate", [depthwise(), kc.Scale(0.5)])
def test_sums_with_what_it_reads_add_variances(mate: kc.Layer) -> None:
    x = kc.Input(LINE)
    h = RELU(kc.Dense(8)(x))
    total = kc.WeightedSum((0.6, 0.8))(mate(h), depthwise()(h))
    q = sympy.Symbol("q", positive=True)
    scale = sympy.Rational(1, 4) if isinstance(mate, kc.Scale) else 1
    found = kc.derive(kc.Network(x, kc.Dense(8)(total))).q_map
    wanted = q / 2 * (sympy.Rational("0.36") * scale + sympy.Rational("0.64"))
    assert abs(sympy.N((found - wanted).subs(q, 1))) < 1e-12


def test_a_product_with_what_it_reads_is_refused() -> None:
    x = kc.Input(LINE)
    h = kc.Dense(8)(x)
    with pytest.raises(kc.DependenceError, match="share random weights"):
        kc.derive(kc.Network(x, kc.Product()(h, depthwise()(h))))
    gate = kc.Activation("sigmoid")(kc.Dense(8)(x))
    assert kc.derive(kc.Network(x, kc.Product()(gate, depthwise()(h)))).q_map is not None


def test_it_stands_in_blocks_of_a_symbolic_depth() -> None:
    depth = sympy.Symbol("n", integer=True, positive=True)
    gelu = kc.Activation("gelu")
    block = kc.residual(kc.chain(depthwise(), kc.LayerNorm(), kc.Dense(8), gelu, kc.Dense(8)))
    some = network(kc.Dense(8), kc.repeat(block, depth))
    three = network(kc.Dense(8), kc.repeat(block, 3))
    found = kc.derive(some).subs({depth: 3}).evaluate(c=0.3, q=1.2)
    wanted = kc.derive(three).evaluate(c=0.3, q=1.2)
    assert found.nngp == pytest.approx(wanted.nngp, rel=1e-12)
    assert found.ntk == pytest.approx(wanted.ntk, rel=1e-12)


def test_what_shaping_reads_of_it() -> None:
    reading = DependenceReading()
    network(kc.Dense(8), depthwise(), RELU).fold(reading, reading.start())
    assert [violation.node for violation in reading.violations] == ["activation_1"]
