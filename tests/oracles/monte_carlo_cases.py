"""Networks whose derived kernels are compared with those of wide finite ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import kernelc as kc


WIDTH = 1024
SEEDS = 12
SIGMAS = 5.0
BIAS = 10.0
CHANNELS = 32


@dataclasses.dataclass(frozen=True)
class Case:
    """A block to put on an input of some shape, and the pair it is looked at with."""

    name: str
    block: Callable[[kc.Node], kc.Node]
    locations: tuple[int, ...] = ()
    c: float = 0.6
    s: float | None = None
    q: float = 1.3
    extra: dict[str, float] = dataclasses.field(default_factory=dict)
    seeds: int = SEEDS


def separable(case: Case) -> np.ndarray:
    """Two examples with the covariances of the model, on random orthonormal directions."""
    count = int(np.prod(case.locations, dtype=int))
    s = 0.0 if case.s is None else case.s
    examples = np.linalg.cholesky(equal(2, case.c))
    places = np.linalg.cholesky(equal(count, s))
    rng = np.random.default_rng(7)
    basis = np.linalg.qr(rng.normal(size=(CHANNELS, CHANNELS)))[0][: 2 * count]
    mixed = np.kron(examples, places) @ basis * np.sqrt(case.q * CHANNELS)
    return mixed.reshape(2, *case.locations, CHANNELS).astype(np.float32)


def equal(size: int, off: float) -> np.ndarray:
    """Ones on the diagonal, `off` elsewhere (a trace of jitter lets off be 1)."""
    return (1 - off) * np.eye(size) + off + 1e-12 * np.eye(size)


def act(name: str, **params: float) -> kc.Activation:
    return kc.Activation(name, **params)


def dense(**options: Any) -> kc.Dense:
    return kc.Dense(WIDTH, **options)


def conv(window: int = 3, **options: Any) -> kc.Conv:
    return kc.Conv(WIDTH, window, **options)


def local(window: int = 3, **options: Any) -> kc.LocalConv:
    return kc.LocalConv(WIDTH, window, **options)


def depthwise(window: int = 3, **options: Any) -> kc.Conv:
    return conv(window, groups=WIDTH, delta=False, padding="CIRCULAR", **options)


def joined(join: kc.Layer, *branches: Callable[[kc.Node], kc.Node]) -> Callable[[kc.Node], kc.Node]:
    return lambda node: join(*(branch(node) for branch in branches))


def forked(stem: Any, join: kc.Layer, *branches: Any) -> Callable[[kc.Node], kc.Node]:
    return lambda node: joined(join, *branches)(stem(node))


def same(node: kc.Node) -> kc.Node:
    return node


def excited(node: kc.Node) -> kc.Node:
    """Squeeze and excitation: the value times a gate made of its mean over locations."""
    squeeze = kc.chain(kc.GlobalMeanPool(), dense(weight_std=1.5), RELU)
    excite = kc.chain(dense(bias_std=0.5), act("sigmoid"), kc.Broadcast(LINE))
    return kc.Product()(node, excite(squeeze(node)))


def halves(node: kc.Node) -> tuple[kc.Node, kc.Node]:
    """Two halves of the channels of one layer."""
    both = kc.Dense(2 * WIDTH, bias_std=0.3)(node)
    first, second = kc.TakeChannels(0, WIDTH), kc.TakeChannels(WIDTH, 2 * WIDTH)
    return first(both), second(both)


def gated_half(node: kc.Node) -> kc.Node:
    value, gate = halves(node)
    return kc.Product()(value, act("sigmoid")(gate))


def between(node: kc.Node) -> kc.Node:
    """Channels of both parts of a concatenation."""
    side = kc.Concat()(dense(weight_std=3.0)(node), dense(weight_std=0.5)(node))
    return kc.TakeChannels(WIDTH // 4, WIDTH + WIDTH // 4)(side)


RELU = act("relu")
TANH = act("tanh")
LINE = (6,)

VECTORS = [
    Case("dense", dense(weight_std=1.2)),
    Case("dense bias", dense(weight_std=0.8, bias_std=0.7)),
    Case("relu", kc.chain(dense(bias_std=0.3), RELU)),
    Case("two layers", kc.chain(dense(), RELU, dense(weight_std=1.4, bias_std=0.2), TANH)),
    Case("layer norm after relu", kc.chain(dense(), RELU, kc.LayerNorm(), dense())),
    Case(
        "layer norm after relu, not centered", kc.chain(dense(), RELU, kc.LayerNorm(center=False))
    ),
    Case("layer norm then activation", kc.chain(dense(weight_std=2.0), kc.LayerNorm(), TANH)),
    Case(
        "sigmoid, layer norm, activation",
        kc.chain(dense(), act("sigmoid"), kc.LayerNorm(), dense(), TANH),
    ),
    Case("scale", kc.chain(dense(), kc.Scale(-0.6), TANH)),
    Case("channel scale", kc.chain(dense(), kc.ChannelScale(-0.6, bias=True), TANH)),
    Case("plain sum", kc.chain(dense(), kc.residual(kc.chain(RELU, dense())), TANH)),
    Case("normalized sum", kc.chain(dense(), kc.residual(kc.chain(RELU, dense()), 0.8), TANH)),
    Case(
        "sum of two images with means",
        joined(
            kc.WeightedSum((0.7, 0.9)),
            kc.chain(dense(), RELU),
            kc.chain(dense(weight_std=1.5), act("sigmoid")),
        ),
    ),
    Case("two reads of one layer", forked(dense(), kc.WeightedSum((1.0, 0.5)), same, TANH)),
    Case("two images of one layer", forked(dense(), kc.WeightedSum((1.0, -0.5)), RELU, TANH)),
    Case(
        "images of correlated sums",
        forked(
            dense(),
            kc.WeightedSum((1.0, 0.8)),
            RELU,
            lambda h: TANH(kc.WeightedSum((1.0, 1.0))(h, dense()(RELU(h)))),
        ),
    ),
    Case("concat", forked(dense(), kc.Concat(), kc.Dense(WIDTH // 2), kc.chain(RELU, dense()))),
    Case(
        "concat then activation",
        kc.chain(joined(kc.Concat(), kc.Dense(WIDTH // 2, weight_std=2.0), dense()), RELU, dense()),
    ),
    Case("value and gate of one layer", kc.chain(gated_half, dense(), TANH)),
    Case(
        "sum of a value and its image shuffled",
        forked(dense(), kc.WeightedSum((1.0, 0.8)), same, kc.chain(RELU, kc.ChannelShuffle(8))),
    ),
    Case("slice of a concatenation", kc.chain(between, RELU, dense())),
    Case("product", joined(kc.Product(), dense(), kc.chain(dense(), act("sigmoid")))),
    Case(
        "product then dense",
        kc.chain(joined(kc.Product(), kc.chain(dense(), RELU), kc.chain(dense(), TANH)), dense()),
    ),
    Case(
        # As few channels as the input has: each draw strays further.
        "input plus dense",
        joined(kc.WeightedSum((1.0, 1.0)), same, kc.Dense(CHANNELS)),
        seeds=4 * SEEDS,
    ),
    Case("pln one", kc.chain(kc.PLN("one"), dense(), TANH)),
    Case("pln off", kc.chain(kc.PLN("off"), dense(), TANH)),
    Case("dropout", kc.chain(dense(), RELU, kc.Dropout(0.4), dense(), TANH)),
    Case(
        "dropout, two masks of one input", kc.chain(dense(), RELU, kc.Dropout(0.4), dense()), c=1.0
    ),
    Case("dropout then layer norm", kc.chain(dense(), kc.Dropout(0.3), kc.LayerNorm(), dense())),
    Case("gaussian", kc.chain(dense(), TANH, dense(weight_std=1.5))),
    Case("suo", kc.chain(dense(init="suo"), TANH, dense(init="suo", weight_std=1.5))),
    Case("orthogonal", kc.chain(dense(init="orthogonal"), TANH, dense(init="orthogonal"))),
    Case(
        "transformed",
        kc.chain(
            dense(), kc.Activation("softplus", alpha=0.7, beta=0.4, gamma=1.5, delta=-0.8), dense()
        ),
    ),
    Case(
        "negative correlation",
        kc.chain(dense(), RELU, dense(), act("leaky_relu", negative_slope=0.3)),
        c=-0.7,
    ),
]
