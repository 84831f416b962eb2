"""Branches that share random weights: cross terms where they are known, refusals where not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import sympy

import kernelc as kc


D, A = kc.Dense, kc.Activation
RELU_MEAN = 1 / math.sqrt(2 * math.pi)
"""E max(u, 0) at q = 1."""


def network(build: Callable[[kc.Node], kc.Node], width: int = 8) -> kc.Network:
    x = kc.Input((width,))
    return kc.Network(x, build(x))


def at(build: Callable[[kc.Node], kc.Node], c: float = 0.3, q: float = 1.0):
    return kc.derive(network(build)).evaluate(c=c, q=q)


def gauss(f: Callable, g: Callable, c: float, spread: float = 1.0) -> float:
    """E f(u) g(v) for variances 1 and spread^2, correlation c."""
    x, w = np.polynomial.legendre.leggauss(400)
    x = 9 * x
    w = 9 * w * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    v = c * x[:, None] + math.sqrt(1 - c * c) * x[None, :]
    return float((w * f(x)) @ g(spread * v) @ w)


def test_a_value_added_to_itself_doubles() -> None:
    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((1.0, 1.0))(h, h)

    value = at(build, q=1.7)
    assert (value.q, value.nngp) == pytest.approx((4 * 1.7, 4 * 1.7 * 0.3), rel=1e-14)
    assert value.ntk == pytest.approx(4 * 1.7 * 0.3, rel=1e-14)


def test_the_input_added_to_itself_doubles() -> None:
    assert at(lambda x: kc.WeightedSum((1.0, 1.0))(x, x)).q == pytest.approx(4.0, rel=1e-14)


def test_a_value_taken_from_itself_is_nothing() -> None:
    def build(x):
        h = A("tanh")(D(8)(x))
        return D(3, bias_std=0.5)(kc.WeightedSum((1.0, -1.0))(h, h))

    value = at(build)
    assert (value.q, value.nngp) == pytest.approx((0.25, 0.25), abs=1e-15)


def test_value_plus_its_image() -> None:
    """E u relu(v) = E[u v] E relu'(v) = c / 2."""

    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((1.0, 0.8))(h, A("relu")(h))

    value = at(build)
    angle = math.acos(0.3)
    dual = (math.sin(angle) + (math.pi - angle) * 0.3) / (2 * math.pi)
    assert value.q == pytest.approx(1 + 0.64 / 2 + 1.6 / 2, rel=1e-12)
    assert value.nngp == pytest.approx(0.3 + 0.64 * dual + 1.6 * 0.15, rel=1e-12)


def test_two_images_of_one_layer() -> None:
    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((0.5, -2.0))(A("tanh")(h), A("sin")(h))

    value = at(build)
    for found, c in ((value.q, 1.0), (value.nngp, 0.3)):
        wanted = (
            0.25 * gauss(np.tanh, np.tanh, c)
            + 4 * gauss(np.sin, np.sin, c)
            - 2 * gauss(np.tanh, np.sin, c)
        )
        assert found == pytest.approx(wanted, rel=1e-10)


def test_one_image_applied_twice_is_one_value() -> None:
    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((1.0, 1.0))(A("relu")(h), A("relu")(h))

    assert at(build).q == pytest.approx(2.0, rel=1e-9)


def test_images_of_a_value_and_of_a_sum_with_it() -> None:
    """u and u + z have covariance 1, variances 1 and 2."""

    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((1.0, 1.0))(
            A("tanh")(h), A("sin")(kc.WeightedSum((1.0, 1.0))(h, D(8)(h)))
        )

    root = math.sqrt(2)
    wanted = (
        gauss(np.tanh, np.tanh, 1.0)
        + gauss(lambda u: np.sin(root * u), np.sin, 1.0, root)
        + 2 * gauss(np.tanh, np.sin, 1 / root, root)
    )
    assert at(build).q == pytest.approx(wanted, rel=1e-10)


def test_independent_images_with_means_add_the_product_of_means() -> None:
    def build(x):
        return kc.WeightedSum((1.0, 1.0))(A("relu")(D(8)(x)), A("relu")(D(8, weight_std=2.0)(x)))

    value = at(build)
    assert value.q == pytest.approx(0.5 + 2.0 + 2 * RELU_MEAN * 2 * RELU_MEAN, rel=1e-12)


def test_two_applications_of_one_spec_are_independent() -> None:
    spec = D(8)
    assert at(lambda x: kc.WeightedSum((1.0, 1.0))(spec(x), spec(x))).q == pytest.approx(2.0)


def test_input_times_fresh_weights() -> None:
    value = at(lambda x: kc.Product()(x, D(8)(x)), q=1.5)
    assert (value.q, value.nngp) == pytest.approx((2.25, (1.5 * 0.3) ** 2), rel=1e-14)


def test_images_survive_layer_norm_and_scales() -> None:
    """Centered and scaled to unit q, a relu added to its own argument keeps its cross term."""

    def build(x):
        h = D(8)(x)
        return kc.WeightedSum((1.0, 1.0))(h, kc.LayerNorm()(A("relu")(h)))

    spread = math.sqrt(0.5 - RELU_MEAN**2)
    assert at(build).q == pytest.approx(2 + 2 * 0.5 / spread, rel=1e-12)


DEPENDENT = {
    "product of a value with itself": lambda x: (lambda h: kc.Product()(h, h))(D(8)(x)),
    "product of a value and its image": lambda x: (lambda h: kc.Product()(h, A("tanh")(h)))(
        D(8)(x)
    ),
    "sum of a value and a product with it": lambda x: (
        lambda h: kc.WeightedSum((1.0, 1.0))(h, kc.Product()(h, D(8)(h)))
    )(D(8)(x)),
    "sum of a value and its dropped copy": lambda x: (
        lambda h: kc.WeightedSum((1.0, 1.0))(h, kc.Dropout(0.5)(h))
    )(D(8)(x)),
    "sum of the input and its normalized copy": lambda x: kc.WeightedSum((1.0, 1.0))(
        x, kc.PLN("off")(x)
    ),
    "sum of a value and its batch norm": lambda x: (
        lambda h: kc.WeightedSum((1.0, 1.0))(h, kc.BatchNorm()(h))
    )(D(8)(x)),
}


@pytest.mark.parametrize("name", DEPENDENT)
def test_unknown_dependence_is_refused(name: str) -> None:
    net = network(DEPENDENT[name])
    with pytest.raises(kc.DependenceError) as caught:
        kc.derive(net)
    assert caught.value.where == net.nodes[-1].name


UNSUPPORTED = {
    "activation of the input": lambda x: A("relu")(x),
    "activation of an activation": lambda x: A("tanh")(A("relu")(D(8)(x))),
    "activation of a dropped value": lambda x: A("tanh")(kc.Dropout(0.5)(D(8)(x))),
    "activation of a product": lambda x: A("tanh")(kc.Product()(D(8)(x), D(8)(x))),
    "activation of a value plus its image": lambda x: (
        lambda h: A("tanh")(kc.WeightedSum((1.0, 1.0))(h, A("relu")(h)))
    )(D(8)(x)),
    "input plus a relu": lambda x: kc.WeightedSum((1.0, 1.0))(x, A("relu")(D(8)(x))),
    "centered norm of the input": lambda x: kc.LayerNorm()(x),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_values_without_a_known_law_are_refused(name: str) -> None:
    net = network(UNSUPPORTED[name])
    with pytest.raises(kc.UnsupportedError) as caught:
        kc.derive(net)
    assert caught.value.where == net.nodes[-1].name


def test_input_plus_an_image_of_mean_zero_is_known() -> None:
    value = at(lambda x: kc.WeightedSum((1.0, 1.0))(x, A("sin")(D(8)(x))))
    assert value.q == pytest.approx(1 + gauss(np.sin, np.sin, 1.0), rel=1e-10)


REFUSED_BY_SHAPING = {
    "value plus its image": lambda x: (lambda h: kc.WeightedSum((0.6, 0.8))(h, A("tanh")(h)))(
        D(8)(x)
    ),
    "activation of the input": lambda x: A("tanh")(x),
    "activation of an activation": lambda x: A("tanh")(A("tanh")(D(8)(x))),
    "a value twice": lambda x: (lambda h: A("tanh")(kc.WeightedSum((0.6, 0.8))(h, h)))(D(8)(x)),
    "gated by itself": lambda x: (lambda h: kc.Product()(h, A("tanh")(h)))(D(8)(x)),
}


@pytest.mark.parametrize("rewrite", [False, True])
@pytest.mark.parametrize("name", REFUSED_BY_SHAPING)
def test_shaping_names_the_dependent_node(name: str, rewrite: bool) -> None:
    net = network(REFUSED_BY_SHAPING[name])
    culprit = next(
        node.name
        for node in reversed(net.nodes)
        if len(node.inputs) > 1
        or (node.layer.nonlinearity() is not None and name.startswith("act"))
    )
    with pytest.raises(kc.ShapingError, match=culprit):
        kc.shape(net, rewrite=rewrite)


def test_leaky_tat_refuses_sums_of_images_with_means() -> None:
    """A leaky ReLU tailored by TAT keeps its mean, so the sum of two would not have q = 1."""

    def build(x):
        leaky = A("leaky_relu")
        return D(3)(kc.WeightedSum((0.6, 0.8))(leaky(D(8)(x)), leaky(D(8)(x))))

    with pytest.raises(kc.ShapingError, match="weighted_sum_1"):
        kc.shape(network(build), kc.TAT(eta=0.2))


def test_dks_sums_images_of_mean_zero() -> None:
    def build(x):
        y = kc.WeightedSum((0.6, 0.8))(A("softplus")(D(8)(x)), A("softplus")(D(8)(x)))
        return A("softplus")(D(8)(y))

    value = kc.derive(kc.shape(network(build))).evaluate(c=0.0)
    assert (value.q, value.nngp) == pytest.approx((1.0, 0.0), abs=1e-10)


def test_a_symbolic_weight_of_a_user_stays_a_symbol() -> None:
    w = sympy.Symbol("w", positive=True)
    kernel = kc.derive(network(lambda x: kc.Scale(w)(D(8)(x))))
    assert kernel.evaluate(c=0.5, w=2.0).q == pytest.approx(4.0)
    with pytest.raises(kc.KernelcError, match="no value for w"):
        kernel.evaluate(c=0.5)


@pytest.mark.parametrize(
    "numbers",
    [
        {"c": 1.5},
        {"c": math.nan},
        {"c": "half"},
        {"c": 0.5, "q": 0.0},
        {"c": 0.5, "q": -1.0},
        {"c": 0.5, "q": math.inf},
    ],
)
def test_numbers_out_of_range_are_refused(numbers: dict) -> None:
    kernel = kc.derive(network(lambda x: A("relu")(D(8)(x))))
    with pytest.raises(kc.KernelcError):
        kernel.evaluate(**numbers)
