"""Errors of kernel functions, and the node that they name."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from kernel_networks import RELU, TANH, D, data, function, named, network

import kernelc as kc


def message(error: kc.KernelcError) -> str:
    assert all((error.where, error.found, error.law, error.remedy))
    return str(error)


@pytest.mark.parametrize(
    ("x", "kind", "said"),
    [
        (np.ones((3, 5)), kc.ShapeError, "(3, 5)"),
        (np.ones(6), kc.ShapeError, "(6,)"),
        (np.ones((2, 3, 6)), kc.ShapeError, "(2, 3, 6)"),
        (np.ones((0, 6)), kc.ShapeError, "(0, 6)"),
        (np.float64(1.0), kc.ShapeError, "()"),
        ([[1.0] * 6, [1.0] * 5], kc.DataError, "unlike length"),
        (["a", "b"], kc.DataError, "type"),
        (np.ones((2, 6), complex), kc.DataError, "complex"),
        (np.ones((2, 6), bool), kc.DataError, "bool"),
        (None, kc.DataError, "type"),
        (np.array([[np.nan] * 6]), kc.DataError, "finite"),
        (np.array([[np.inf] * 6]), kc.DataError, "finite"),
    ],
)
def test_inputs_that_are_refused(x, kind: type[kc.KernelcError], said: str) -> None:
    k = function("rectified")
    for call in (k, k.diagonal):
        with pytest.raises(kind) as caught:
            call(x)
        assert said in message(caught.value)
        assert "x1" in caught.value.where
    if x is not None:
        with pytest.raises(kind) as caught:
            k(data("rectified"), x)
        assert "x2" in caught.value.where


@pytest.mark.parametrize("get", [(), ("nngp", "cov"), "kernel"])
def test_matrices_there_are_none_of(get) -> None:
    with pytest.raises(kc.KernelcError, match="nngp, ntk, gap"):
        function("rectified")(data("rectified"), get=get)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "one", True])
def test_q_values_that_are_none(value) -> None:
    for name in ("q", "largest_q"):
        with pytest.raises(kc.KernelcError, match=name):
            kc.kernel_fn(named("rectified"), **{name: value})


def test_something_else_than_a_network() -> None:
    for thing in (None, RELU, "net", lambda x: x):
        with pytest.raises(kc.KernelcError, match="takes a network"):
            kc.kernel_fn(thing)


WEIGHT = sympy.Symbol("w", positive=True)
BUILDS = {
    "max_pool": (kc.chain(kc.Conv(4, 3), kc.MaxPool(2), D(2)), (4, 3)),
    "batch_norm": (kc.chain(D(4), kc.BatchNorm(), RELU), (6,)),
    "relu": (kc.chain(RELU, D(2)), (6,)),
    "tanh": (kc.chain(D(4), RELU, TANH), (6,)),
}


@pytest.mark.parametrize("name", BUILDS)
def test_networks_without_a_kernel_name_the_node(name: str) -> None:
    build, shape = BUILDS[name]
    net = network(build, shape)
    culprit = next(
        node.name
        for node in reversed(net.nodes)
        if name.replace("_", "") in type(node.layer).__name__.lower()
        or getattr(node.layer.nonlinearity(), "name", None) == name
    )
    with pytest.raises(kc.UnsupportedError) as caught:
        kc.kernel_fn(net)
    assert caught.value.where == culprit


def test_dependent_branches_name_the_node() -> None:
    def build(x: kc.Node) -> kc.Node:
        h = D(8)(x)
        return kc.Product()(h, TANH(h))

    net = network(build)
    with pytest.raises(kc.DependenceError) as caught:
        kc.kernel_fn(net)
    assert caught.value.where == net.nodes[-1].name


def test_symbols_left_in_a_network_are_named() -> None:
    net = network(lambda x: kc.Scale(WEIGHT)(D(8)(x)))
    with pytest.raises(kc.KernelcError, match="w"):
        kc.kernel_fn(net)
    found = kc.kernel_fn(net.subs({WEIGHT: 2}))(data("rectified")).nngp
    plain = kc.kernel_fn(network(D(8)))(data("rectified")).nngp
    np.testing.assert_allclose(found, 4 * np.asarray(plain), rtol=1e-14)


@pytest.mark.parametrize(
    ("shape", "told"),
    [((4, 4, 3), r"x\[None\]"), ((2, 3, 4, 4), r"transpose\(0, 2, 3, 1\)"), ((2, 48), "reshape")],
)
def test_inputs_of_another_shape_are_told_how_to_turn(shape: tuple[int, ...], told: str) -> None:
    x = kc.Input((4, 4, 3))
    k = kc.kernel_fn(kc.Network(x, kc.chain(kc.Flatten(), kc.Dense(2))(x)))
    with pytest.raises(kc.ShapeError, match=told):
        k(np.ones(shape))
