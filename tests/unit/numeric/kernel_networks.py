"""Small networks that kernel functions take each of their ways through, and inputs for them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

import kernelc as kc


D, A = kc.Dense, kc.Activation
RELU, TANH, ERF = A("relu"), A("tanh"), A("erf")
Build = Callable[[kc.Node], kc.Node]


def network(build: Build, shape: tuple[int, ...] = (6,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, build(x))


def conv(window: int = 3, padding: str = "SAME", delta: bool = False, stride: int = 1) -> kc.Conv:
    return kc.Conv(8, window, stride, padding, bias_std=0.2, delta=delta)


def images_of_one_layer(x: kc.Node) -> kc.Node:
    h = D(8, bias_std=0.2)(x)
    return RELU(D(8)(kc.WeightedSum((1.0, 0.7))(RELU(h), A("abs")(h))))


def value_and_image(x: kc.Node) -> kc.Node:
    h = D(8)(x)
    return RELU(D(8)(kc.WeightedSum((1.0, 0.5))(h, RELU(h))))


NETWORKS: dict[str, tuple[tuple[int, ...], Build]] = {
    "rectified": ((6,), kc.chain(D(8), RELU, D(8), RELU, D(8), RELU, D(3))),
    "rectified, biases": ((6,), kc.chain(D(8, bias_std=0.3), RELU, D(8, bias_std=0.2), RELU, D(3))),
    "one q value": ((6,), kc.chain(kc.PLN(), D(8), TANH, D(8), RELU, D(8), TANH, D(3))),
    "closed form": ((6,), kc.chain(D(8, bias_std=0.3), ERF, D(8), RELU, D(3))),
    "series": ((6,), kc.chain(D(8, bias_std=0.3), A("sin"), D(8), RELU, D(3))),
    "norm": ((6,), kc.chain(D(8, bias_std=0.3), RELU, kc.LayerNorm(), D(8), RELU, D(3))),
    "images of one layer": ((6,), images_of_one_layer),
    "value and image": ((6,), value_and_image),
    "delta": ((5, 3), kc.chain(conv(delta=True), RELU, conv(delta=True, stride=2), RELU)),
    "spread": ((5, 3), kc.chain(conv(), RELU, conv(), RELU, kc.Flatten(), D(2))),
    "pools": (
        (5, 3),
        kc.chain(conv(), RELU, kc.MeanPool(2, 1), D(8), RELU, kc.GlobalMeanPool(), D(2)),
    ),
}
VECTORS = [name for name, (shape, _) in NETWORKS.items() if len(shape) == 1]


def named(name: str) -> kc.Network:
    shape, build = NETWORKS[name]
    return network(build, shape)


def data(name: str, count: int = 5, dtype: type = np.float64) -> np.ndarray:
    """Inputs of different q values, which also differ between locations."""
    shape = NETWORKS[name][0]
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, *shape)) * rng.uniform(0.4, 1.6, size=(count, *shape[:-1], 1))
    return x.astype(dtype)


@functools.cache
def function(name: str) -> kc.KernelFunction:
    """One function for all tests, so that equal shapes share a compiled program."""
    return kc.kernel_fn(named(name))
