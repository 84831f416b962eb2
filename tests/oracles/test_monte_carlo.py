"""Derived kernels against wide networks with random weights.

Inputs follow the model the formulas are written for: example e at location l is a vector of
q value q, and cov(e, l; e', l') = q C_ex(e, e') C_loc(l, l') exactly. Every comparison is of
means over seeds, at each location by itself, within `SIGMAS` standard errors estimated from
the same seeds (t with SEEDS - 1 degrees of freedom: p about 1e-4 each) and a bias of
`BIAS` / width: corrections in the width are of first order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

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

IMAGES = [
    Case("pln avg_q", kc.chain(kc.PLN("avg_q"), conv(1), TANH), LINE, s=0.3),
    Case("conv delta", kc.chain(conv(), RELU, conv(bias_std=0.4)), LINE, s=0.3),
    Case(
        "conv delta valid stride",
        kc.chain(conv(padding="VALID"), TANH, conv(stride=2)),
        LINE,
        s=0.3,
    ),
    Case(
        "conv spread circular",
        kc.chain(
            conv(delta=False, padding="CIRCULAR"), RELU, conv(delta=False, padding="CIRCULAR")
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "conv spread valid",
        kc.chain(
            conv(delta=False, padding="VALID"),
            RELU,
            conv(delta=False, padding="VALID", bias_std=0.3),
        ),
        LINE,
        s=0.3,
    ),
    Case("conv groups", kc.chain(conv(), RELU, conv(groups=2), TANH), LINE, s=0.3),
    Case("conv groups suo", kc.chain(conv(1), RELU, conv(groups=4, init="suo")), LINE, s=0.3),
    Case(
        "depthwise, pointwise",
        kc.chain(conv(), RELU, depthwise(weight_std=1.2, bias_std=0.3), conv(1), TANH),
        LINE,
        s=0.3,
    ),
    Case("depthwise delta", kc.chain(conv(), RELU, conv(groups=WIDTH, stride=2)), LINE, s=0.3),
    Case(
        "depthwise, several outputs of a channel",
        kc.chain(kc.Conv(WIDTH // 2), TANH, conv(groups=WIDTH // 2), conv(1), RELU),
        LINE,
        s=0.3,
    ),
    Case(
        "depthwise, layer norm, pointwise, in a sum",
        kc.chain(
            conv(),
            kc.residual(kc.chain(depthwise(5), kc.LayerNorm(), conv(1), act("gelu"), conv(1))),
            TANH,
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "sums with depthwise values",
        kc.chain(
            conv(),
            RELU,
            kc.residual(kc.chain(depthwise(), kc.Dropout(0.2))),
            joined(kc.WeightedSum((1.0, 0.7)), depthwise(5), depthwise()),
            conv(1),
            RELU,
        ),
        LINE,
        s=0.3,
        seeds=2 * SEEDS,
    ),
    Case(
        "depthwise of a concatenation",
        kc.chain(
            conv(),
            joined(kc.Concat(), kc.chain(kc.Conv(WIDTH // 2), RELU), kc.Conv(WIDTH // 2)),
            kc.residual(depthwise()),
            conv(1),
            TANH,
        ),
        LINE,
        s=0.3,
    ),
    Case(
        "depthwise, pool",
        kc.chain(conv(), RELU, depthwise(), kc.MeanPool(2), conv(1), TANH, kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case("conv suo", kc.chain(conv(init="suo"), TANH, conv(init="suo", stride=2)), LINE, s=0.3),
    Case(
        "conv in two axes",
        kc.chain(
            kc.Conv(WIDTH, (3, 1)), RELU, kc.Conv(WIDTH, (1, 3), delta=False, padding="CIRCULAR")
        ),
        (2, 3),
        s=0.3,
    ),
    Case("local conv", kc.chain(local(padding="VALID"), RELU, conv(bias_std=0.4)), LINE, s=0.3),
    Case(
        "local conv, pool",
        kc.chain(local(2, padding="CIRCULAR", bias_std=0.4), RELU, kc.MeanPool(2), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case("mean pool", kc.chain(conv(), RELU, kc.MeanPool(2)), LINE, s=0.4),
    Case(
        "mean pool then layers", kc.chain(conv(), RELU, kc.MeanPool(2), conv(1), TANH), LINE, s=0.4
    ),
    Case(
        "two mean pools",
        kc.chain(conv(), RELU, kc.MeanPool(2), conv(1), TANH, kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case(
        "mean pool overlapping",
        kc.chain(conv(), RELU, kc.MeanPool(3, stride=1), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case("mean pool of the input", kc.chain(kc.MeanPool(3), conv(1), TANH), LINE, s=0.4),
    Case("mean pool before activation", kc.chain(conv(), kc.MeanPool(2), RELU), LINE, s=0.4),
    Case(
        "mean pool after sum",
        kc.chain(conv(), kc.residual(kc.chain(RELU, conv())), kc.MeanPool(2), conv(1), RELU),
        LINE,
        s=0.4,
    ),
    Case(
        "global mean pool", kc.chain(conv(), RELU, kc.GlobalMeanPool(), dense(), TANH), LINE, s=0.4
    ),
    Case(
        "global mean pool, locations independent",
        kc.chain(conv(), TANH, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.0,
    ),
    Case(
        "pool, spread conv",
        kc.chain(conv(delta=False, padding="VALID"), RELU, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after pln",
        kc.chain(kc.PLN(), conv(), RELU, kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after concat",
        kc.chain(
            conv(), joined(kc.Concat(), same, kc.chain(RELU, conv())), TANH, kc.GlobalMeanPool()
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after product",
        kc.chain(
            joined(kc.Product(), conv(), kc.chain(conv(), act("sigmoid"))),
            kc.GlobalMeanPool(),
            dense(),
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "pool after dropout",
        kc.chain(conv(), RELU, kc.Dropout(0.3), kc.GlobalMeanPool(), dense()),
        LINE,
        s=0.4,
    ),
    Case(
        "layer norm after pool",
        kc.chain(conv(), RELU, kc.MeanPool(2), kc.LayerNorm(), conv(1), TANH),
        LINE,
        s=0.4,
    ),
    Case(
        "layer norm over all axes",
        kc.chain(conv(), RELU, kc.LayerNorm(axis="all"), conv(), TANH),
        LINE,
        s=0.4,
    ),
    Case("group norm", kc.chain(conv(), RELU, kc.GroupNorm(8), conv(1), TANH), LINE, s=0.4),
    Case(
        "group norm of channels that differ",
        kc.chain(
            joined(
                kc.Concat(),
                kc.Conv(WIDTH // 2, weight_std=3.0),
                kc.chain(kc.Conv(WIDTH // 2), RELU),
            ),
            kc.GroupNorm(4),
            conv(1),
            TANH,
        ),
        LINE,
        s=0.4,
    ),
    Case(
        "squeeze and excitation",
        kc.chain(conv(), kc.residual(kc.chain(RELU, conv(), excited)), kc.GlobalMeanPool()),
        LINE,
        s=0.4,
    ),
    Case(
        "weighted mean pool",
        kc.chain(conv(), RELU, kc.WeightedMeanPool(3, stride=2), conv(1)),
        LINE,
        s=0.4,
    ),
    Case("flatten", kc.chain(conv(), RELU, kc.Flatten(), dense(), TANH), LINE, s=0.4),
    Case("flatten of the input", kc.chain(kc.Flatten(), dense(), TANH), LINE, s=0.4),
]


def network(case: Case) -> kc.Network:
    x = kc.Input((*case.locations, CHANNELS))
    return kc.Network(x, case.block(x), name=case.name)


def measured(net: kc.Network, xs: np.ndarray, seeds: int) -> np.ndarray:
    """(seeds, 3, *locations): q of each example and the covariance of the first two."""

    def run(key: jax.Array) -> np.ndarray:
        weights, masks = jax.random.split(key)
        model = kc.lower(net, key=weights)
        y = model.batched(xs, key=masks)
        return np.stack([np.asarray((y[i] * y[j]).mean(-1)) for i, j in ((0, 0), (1, 1), (0, 1))])

    return np.stack([run(jax.random.key(seed)) for seed in range(seeds)])


def assert_close(found: np.ndarray, wanted: tuple[float, float, float], bias: float) -> None:
    scale = abs(wanted[0])
    mean = found.mean(0)
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    for entry, value in enumerate(wanted):
        allowed = SIGMAS * error[entry] + bias * scale
        assert np.all(np.abs(mean[entry] - value) <= allowed), (entry, value, mean[entry], allowed)
    # A tolerance that lets any rule pass would test nothing.
    assert np.all(SIGMAS * error <= 0.25 * scale)


@pytest.mark.parametrize("case", [*VECTORS, *IMAGES], ids=lambda case: case.name)
def test_wide_networks_have_the_derived_kernel(case: Case) -> None:
    net = network(case)
    symbols = dict(case.extra)
    if case.s is not None:
        symbols["s"] = case.s
    kernel = kc.derive(net)
    used = {str(symbol) for symbol in kernel.nngp.free_symbols | kernel.q_map.free_symbols}
    value = kernel.evaluate(c=case.c, q=case.q, **{k: v for k, v in symbols.items() if k in used})
    found = measured(net, separable(case), case.seeds)
    assert_close(found, (value.q, value.q, value.nngp), BIAS / WIDTH)
    assert value.c == pytest.approx(value.nngp / value.q)


BATCH = 384


def batch(c: float, c_b: float, q: float, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Examples of one typical cosine c_b, but for the first two, whose cosine is c."""
    channels = 512
    covariance = equal(BATCH, c_b)
    covariance[0, 1] = covariance[1, 0] = c
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.normal(size=(channels, BATCH)))[0].T
    return (np.linalg.cholesky(covariance) @ basis * np.sqrt(q * channels)).astype(np.float32)


BATCH_NORMS = [
    Case("batch norm", kc.chain(dense(weight_std=1.3), kc.BatchNorm(), dense())),
    Case("batch norm then activation", kc.chain(dense(), kc.BatchNorm(), RELU, dense())),
    Case("two batch norms", kc.chain(dense(), kc.BatchNorm(), RELU, dense(), kc.BatchNorm(), TANH)),
    Case(
        "batch norm after layers",
        kc.chain(dense(), RELU, dense(bias_std=0.4), kc.BatchNorm(), TANH),
    ),
    Case(
        "batch norm of a residual sum",
        kc.chain(
            dense(), kc.BatchNorm(), kc.residual(kc.chain(RELU, dense())), kc.BatchNorm(), TANH
        ),
    ),
]


@pytest.mark.parametrize("case", BATCH_NORMS, ids=lambda case: case.name)
def test_batch_norm_in_training_on_a_large_batch(case: Case) -> None:
    c, c_b, seeds = 0.7, 0.2, 6
    x = kc.Input((512,))
    net = kc.Network(x, case.block(x))
    value = kc.derive(net).evaluate(c=c, q=case.q, c_b=c_b)
    xs = batch(c, c_b, case.q)
    rows = []
    for seed in range(seeds):
        model = kc.lower(net, key=jax.random.key(seed))
        y, _ = model.batched(xs, eqx.nn.State(model))
        y = np.asarray(y)
        rows.append([(y[i] * y[j]).mean(-1) for i, j in ((0, 0), (1, 1), (0, 1))])
    # Statistics of a finite batch are off by terms of order 1 / batch.
    assert_close(np.array(rows), (value.q, value.q, value.nngp), BIAS / WIDTH + 4 / BATCH)
