"""Networks with the initializations of frameworks, on tables and bits.

Activations, data and initializations differ from those that the rule of `kernelc.diagnose` was
fitted to.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import random
from collections.abc import Callable, Iterator
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import kernelc as kc


_ACTIVATIONS = ("tanh", "sigmoid", "relu", "mish", "sin", "softsign", "hard_swish", "relu6", "celu")
_ACTIVATIONS += ("atan", "gelu_tanh", "hard_tanh")
_DEPTHS = (1, 2, 4, 8, 12, 16)
_WIDTHS = (32, 64, 128)


@dataclasses.dataclass(frozen=True)
class Start:
    """How a framework draws weights and biases.

    Arguments:
        weight_std: sigma_w of a layer, from its fan-in and fan-out.
        bias_std: sigma_b of a layer, from its fan-in.
        uniform: whether weights and biases are uniform; Gaussian otherwise.
    """

    weight_std: Callable[[int, int], float]
    bias_std: Callable[[int], float] = lambda fan_in: 0.0
    uniform: bool = True


STARTS = {
    # torch.nn.Linear and eqx.nn.Linear: weights and biases uniform up to 1/sqrt(fan_in).
    "torch-equinox": Start(lambda a, b: 3**-0.5, lambda fan_in: (3 * fan_in) ** -0.5),
    # keras.layers.Dense: glorot_uniform, biases zero.
    "keras": Start(lambda a, b: math.sqrt(2 * a / (a + b))),
    # flax.linen.Dense: lecun_normal, biases zero.
    "flax": Start(lambda a, b: 1.0, uniform=False),
    "he": Start(lambda a, b: 2**0.5, uniform=False),
}


@dataclasses.dataclass(frozen=True)
class Default:
    """One network of the draw.

    Arguments:
        data: a key of `DATA`.
        start: a key of `STARTS`.
        activation: a registered name.
        depth, width: hidden layers and their width.
    """

    data: str
    start: str
    activation: str
    depth: int
    width: int

    @property
    def name(self) -> str:
        """Its name in logs and tables."""
        return f"{self.data}-{self.start}-{self.activation}-{self.depth}x{self.width}"

    def build(self) -> kc.Network:
        """The network, its weights described by their variances."""
        task = DATA[self.data]()
        shape, out = task.x.shape[1:], task.outputs
        x = kc.Input(shape)
        node: Any = kc.Flatten()(x) if len(shape) > 1 else x
        fan_in = math.prod(shape)
        for _ in range(self.depth):
            node = kc.Activation(self.activation)(self._dense(fan_in, self.width)(node))
            fan_in = self.width
        return kc.Network(x, self._dense(fan_in, out)(node), name=self.name)

    def model(self, network: kc.Network, key: jax.Array) -> Any:
        """The network with weights as the framework draws them."""
        model = kc.lower(network, key=key, layers="scan")
        if not STARTS[self.start].uniform:
            return model
        is_dense = lambda node: isinstance(node, kc.layers.DenseModule)  # noqa: E731
        return jax.tree.map(
            lambda node: jax.tree.map(_uniform, node) if is_dense(node) else node,
            model,
            is_leaf=is_dense,
        )

    def _dense(self, fan_in: int, fan_out: int) -> kc.Dense:
        start = STARTS[self.start]
        return kc.Dense(
            fan_out,
            weight_std=start.weight_std(fan_in, fan_out),
            bias_std=start.bias_std(fan_in),
        )


def _uniform(values: Any) -> Any:
    """Uniform numbers with the order and variance of an array; other leaves unchanged."""
    if not eqx.is_inexact_array(values):
        return values
    ranks = jnp.argsort(jnp.argsort(values.ravel())).reshape(values.shape)
    even = (ranks + 0.5) / values.size
    return jnp.sqrt(jnp.mean(values**2)) * 3**0.5 * (2 * even - 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """Inputs and targets of a task.

    Arguments:
        x: inputs.
        y: labels, or numbers of shape (n, 1).
    """

    x: np.ndarray
    y: np.ndarray

    @property
    def loss(self) -> Literal["cross_entropy", "squared_error"]:
        """The name of the loss for the targets."""
        return "cross_entropy" if self.y.dtype.kind == "i" else "squared_error"

    @property
    def outputs(self) -> int:
        """The number of outputs: the classes, or 1."""
        return int(self.y.max()) + 1 if self.y.dtype.kind == "i" else 1

    @property
    def guessing(self) -> float:
        """The loss of the best constant."""
        if self.y.dtype.kind == "i":
            share = np.bincount(self.y) / len(self.y)
            return float(-np.sum(share * np.log(share)))
        return float(np.var(self.y)) / 2


def _table(name: str, scaled: bool = True) -> Task:
    from sklearn import datasets

    found: Any = getattr(datasets, f"load_{name}")()
    x, y = np.asarray(found.data, np.float64), np.asarray(found.target)
    if scaled:
        spread = x.std(axis=0)
        x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if name == "diabetes":
        return Task(x.astype(np.float32), ((y - y.mean()) / y.std())[:, None].astype(np.float32))
    return Task(x.astype(np.float32), y.astype(np.int32))


def _bits(classes: bool) -> Task:
    """sin(w.x) of 30 bits, as a number or as its sign."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (2000, 30)).astype(np.float32)
    y = np.sin(x @ rng.normal(size=30))
    return Task(x, (y > 0).astype(np.int32) if classes else y[:, None].astype(np.float32))


def _spirals() -> Task:
    """Two arms of one turn and a half in the plane."""
    turn = np.random.default_rng(0).uniform(0.1, 1.0, 1000)
    label = np.arange(1000) % 2
    angle = 3 * np.pi * turn + np.pi * label
    x = 2 * turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Task(x.astype(np.float32), label.astype(np.int32))


DATA: dict[str, Callable[[], Task]] = {
    "bits-sine": functools.cache(lambda: _bits(classes=False)),
    "bits-sign": functools.cache(lambda: _bits(classes=True)),
    "cancer": functools.cache(lambda: _table("breast_cancer")),
    "wine": functools.cache(lambda: _table("wine")),
    "wine-raw": functools.cache(lambda: _table("wine", scaled=False)),
    "digits-raw": functools.cache(lambda: _table("digits", scaled=False)),
    "diabetes": functools.cache(lambda: _table("diabetes")),
    "spirals": functools.cache(_spirals),
}


def draw_defaults(count: int, seed: int) -> Iterator[Default]:
    """`count` different networks: data and starts in turn, everything else at random."""
    chosen = random.Random(seed)
    for i in range(count):
        yield Default(
            list(DATA)[i % len(DATA)],
            list(STARTS)[(i + i // len(DATA)) % len(STARTS)],
            chosen.choice(_ACTIVATIONS),
            chosen.choice(_DEPTHS),
            chosen.choice(_WIDTHS),
        )
