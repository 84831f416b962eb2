"""Convolutions and pools of data: against loops over all pairs of locations, and wide networks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import brute_force as bf
import jax
import numpy as np
import pytest

import kernelc as kc


RELU, ERF = kc.Activation("relu"), kc.Activation("erf")
Blocks = Sequence[tuple[kc.Layer, Sequence[bf.Step]]]


def conv(
    size: int | tuple[int, ...],
    padding: bf.Padding,
    stride: int = 1,
    delta: bool = False,
    rank: int = 1,
    dilation: int = 1,
) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """A convolution and its rule; the stds differ, so that the test sees both."""
    sizes = (size,) * rank if isinstance(size, int) else size
    fields = {"weight_std": 1.3, "bias_std": 0.2, "delta": delta, "dilation": dilation}
    layer = kc.Conv(256, sizes, stride, padding, **fields)
    window = bf.center if delta else bf.spread
    strides, apart = (stride,) * len(sizes), (dilation,) * len(sizes)
    steps = (window(sizes, strides, padding, apart), bf.fresh(1.3, 0.2))
    return layer, steps


def pool(
    size: int, padding: bf.Padding, stride: int | None = None, rank: int = 1, counted: bool = False
) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """A mean pool and its rule."""
    strides = (size if stride is None else stride,) * rank
    layer = kc.MeanPool(size, stride, padding, count_padding=counted)
    return layer, (bf.pool((size,) * rank, strides, padding, counted),)


def local(
    size: int, padding: str, stride: int = 1, rank: int = 1
) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """A locally connected layer and its rule."""
    layer = kc.LocalConv(256, size, stride, padding, weight_std=1.3, bias_std=0.2)
    sizes, strides = (size,) * rank, (stride,) * rank
    return layer, (bf.spread(sizes, strides, padding), bf.fresh(1.3, 0.2), bf.unshared)


def padded(before: int, after: int, size: int) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """Locations of zeros on both sides, and the rule."""
    matrix = np.pad(np.eye(size), ((before, after), (0, 0)))
    steps = (bf.mixed(matrix[None], (before + size + after,)),)
    return kc.PadLocations(((before, after),)), steps


def depthwise(size: int, padding: bf.Padding) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """A convolution of each channel by itself, and its rule."""
    fields = {"weight_std": 1.3, "bias_std": 0.2, "delta": False, "groups": 256}
    steps = bf.spread((size,), (1,), padding), bf.fresh(1.3, 0.2)
    return kc.Conv(256, size, 1, padding, **fields), steps


def transposed(
    size: int, step: int, pads: tuple[int, int], count: int
) -> tuple[kc.Layer, Sequence[bf.Step]]:
    """A transposed convolution and its rule: zeros between, then weights over windows."""
    layer = kc.ConvTranspose(256, size, step, (pads,), weight_std=1.3, bias_std=0.2)
    matrix = np.repeat(np.eye(count), step, 0)[: (count - 1) * step + 1]
    matrix[[i for i in range(len(matrix)) if i % step]] = 0
    between = bf.mixed(matrix[None], matrix.shape[:1])
    return layer, (between, bf.spread((size,), (1,), (pads,)), bf.fresh(1.3, 0.2))


RELU_PAIR, ERF_PAIR = (RELU, (bf.relu,)), (ERF, (bf.erf,))
GLOBAL = (kc.GlobalMeanPool(), (bf.everywhere(),))
FLAT = (kc.Flatten(), (bf.flatten(),))
DENSE = (kc.Dense(256, weight_std=1.1, bias_std=0.1), (bf.fresh(1.1, 0.1),))
NORM = (kc.LayerNorm(axis="all"), (bf.normalized,))
EACH_NORM = (kc.LayerNorm(), (bf.normalized_each,))
LINE, PLANE, CUBE = (5, 3), (4, 3, 3), (3, 2, 2, 3)

CASES: dict[str, tuple[tuple[int, ...], Blocks]] = {
    "same": (LINE, (conv(3, "SAME"), RELU_PAIR, conv(3, "SAME"), ERF_PAIR)),
    "same, even window, stride": (LINE, (conv(2, "SAME", 2), RELU_PAIR, conv(3, "SAME"))),
    "circular": (LINE, (conv(3, "CIRCULAR"), ERF_PAIR, conv(2, "CIRCULAR", 2), RELU_PAIR)),
    "valid, stride": (LINE, (conv(2, "VALID"), RELU_PAIR, conv(2, "VALID", 2), ERF_PAIR)),
    "delta, stride": (
        LINE,
        (conv(3, "SAME", 2, True), RELU_PAIR, conv(3, "VALID", 1, True), ERF_PAIR),
    ),
    "delta, circular stride": (LINE, (conv(3, "CIRCULAR", 3, True), RELU_PAIR, GLOBAL)),
    "pool of the input": (LINE, (pool(2, "SAME", 1), conv(3, "SAME"), RELU_PAIR)),
    "pool same": (LINE, (conv(3, "SAME"), RELU_PAIR, pool(3, "SAME", 2), DENSE, RELU_PAIR)),
    "pool valid": (LINE, (conv(3, "SAME"), ERF_PAIR, pool(2, "VALID"), conv(2, "SAME"), RELU_PAIR)),
    "pool circular": (
        LINE,
        (conv(3, "CIRCULAR"), RELU_PAIR, pool(3, "CIRCULAR", 1), DENSE, ERF_PAIR),
    ),
    "pool before the activation": (LINE, (conv(3, "SAME"), pool(2, "SAME", 1), RELU_PAIR, DENSE)),
    "two pools": (
        LINE,
        (conv(3, "SAME"), pool(2, "VALID", 1), ERF_PAIR, DENSE, pool(2, "SAME"), RELU_PAIR, GLOBAL),
    ),
    "global, then layers": (LINE, (conv(3, "SAME"), RELU_PAIR, GLOBAL, DENSE, RELU_PAIR, DENSE)),
    "flatten, then layers": (LINE, (conv(3, "SAME"), RELU_PAIR, FLAT, DENSE, RELU_PAIR, DENSE)),
    "flatten of a pool": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, pool(2, "SAME"), FLAT, DENSE, RELU_PAIR),
    ),
    "norm over locations": (LINE, (conv(3, "SAME"), NORM, RELU_PAIR, conv(3, "SAME"), ERF_PAIR)),
    "norm over locations, pool": (LINE, (conv(3, "SAME"), NORM, RELU_PAIR, GLOBAL)),
    "norm of each location, zeros at the border, pool": (
        LINE,
        (DENSE, EACH_NORM, conv(3, "SAME"), RELU_PAIR, GLOBAL),
    ),
    "norm of each location, empty locations, pool": (
        LINE,
        (DENSE, EACH_NORM, padded(1, 2, 5), DENSE, RELU_PAIR, GLOBAL),
    ),
    "plane": (
        PLANE,
        (conv((3, 2), "SAME"), RELU_PAIR, pool(2, "SAME", 1, 2), conv(2, "CIRCULAR", 1, rank=2)),
    ),
    "plane, pool before the activation": (
        PLANE,
        (conv((2, 3), "SAME", 1), pool(2, "VALID", 1, 2), RELU_PAIR, GLOBAL),
    ),
    "local": (LINE, (local(3, "SAME"), RELU_PAIR, local(2, "VALID", 2), ERF_PAIR)),
    "local, pool": (LINE, (local(3, "SAME"), RELU_PAIR, pool(2, "SAME", 1), DENSE)),
    "local among others": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, local(2, "CIRCULAR"), ERF_PAIR, conv(3, "SAME"), GLOBAL),
    ),
    "local at one location": (LINE, (conv(3, "SAME"), pool(5, "VALID"), local(1, "SAME"))),
    "local plane": (PLANE, (local(2, "SAME", 1, 2), RELU_PAIR, local(2, "VALID", 1, 2), GLOBAL)),
    "explicit padding": (
        LINE,
        (conv(3, ((1, 1),), 2), RELU_PAIR, conv(2, ((1, 0),)), ERF_PAIR, DENSE),
    ),
    "explicit padding that moves": (LINE, (conv(3, ((2, 0),)), RELU_PAIR, conv(1, ((0, 0),)))),
    "dilation": (
        (7, 3),
        (conv(3, ((2, 2),), dilation=2), RELU_PAIR, conv(2, "SAME", dilation=3), ERF_PAIR),
    ),
    "dilation, circular": (LINE, (conv(3, "CIRCULAR", dilation=3), RELU_PAIR, pool(2, "VALID"))),
    "delta, dilation": (
        (6, 3),
        (conv(3, ((1, 1),), 2, True), RELU_PAIR, conv(3, ((1, 2),), 1, True, 1, 2), ERF_PAIR),
    ),
    "pool with padding": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, pool(3, ((1, 1),), 2), DENSE, ERF_PAIR),
    ),
    "pool that counts padding": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, pool(3, ((1, 1),), 2, counted=True), DENSE, ERF_PAIR, GLOBAL),
    ),
    "plane, pool that counts padding": (
        PLANE,
        (
            conv(3, ((1, 0), (1, 1)), rank=2),
            RELU_PAIR,
            pool(2, ((1, 1), (0, 1)), 1, 2, True),
        ),
    ),
    "depthwise": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, depthwise(3, ((1, 1),)), conv(1, "SAME"), ERF_PAIR, DENSE),
    ),
    "transposed": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, transposed(3, 2, (1, 2), 5), ERF_PAIR, conv(1, "SAME")),
    ),
    "transposed, pool": (
        LINE,
        (conv(3, "SAME"), RELU_PAIR, transposed(2, 2, (1, 1), 5), pool(3, "VALID", 1), DENSE),
    ),
    "cube, pool": (
        CUBE,
        (conv((3, 1, 2), "SAME"), RELU_PAIR, pool(2, "CIRCULAR", 1, 3), DENSE, RELU_PAIR),
    ),
}


def network(name: str) -> kc.Network:
    shape, blocks = CASES[name]
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*(layer for layer, _ in blocks))(x), name=name)


@functools.cache
def function(name: str) -> kc.KernelFunction:
    """One function for all tests, so that equal shapes share a compiled program."""
    return kc.kernel_fn(network(name))


def data(shape: tuple[int, ...], count: int = 3) -> np.ndarray:
    """Inputs of different q values, at every location."""
    rng = np.random.default_rng(11)
    scales = rng.uniform(0.5, 1.6, size=(count, *shape[:-1], 1))
    return rng.normal(size=(count, *shape)) * scales


def recursion(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, n, *locations): NNGP and NTK."""
    state = bf.Kernels.of(x)
    for _, steps in CASES[name][1]:
        for step in steps:
            state = step(state)
    shape = network(name).output_shape[:-1]
    nngp, ntk = (m.reshape(len(x), len(x), *shape) for m in state.diagonal)
    return nngp, ntk


@pytest.mark.parametrize("name", CASES)
def test_kernels_of_locations_agree_with_loops_over_all_pairs(name: str) -> None:
    x = data(CASES[name][0])
    found = function(name)(x)
    for matrix, wanted in zip(found[:2], recursion(name, x), strict=True):
        # Some ten layers of rounding of 1e-16; the arccos of the loops amplifies it close to
        # c = 1, where pools push neighboring locations: angles of 0.1 lose one digit more.
        np.testing.assert_allclose(matrix, wanted, rtol=2e-13, atol=2e-14)


def test_rows_and_diagonals_of_locations_are_those_of_the_whole() -> None:
    """In the plane; on a line, `test_kernel_fn` does."""
    x, k = data(PLANE), function("plane")
    whole, rows, own = k(x), k(x[:1], x), k.diagonal(x)
    index = np.arange(len(x))
    for all_pairs, some, one in zip(whole[:2], rows[:2], own[:2], strict=True):
        # The same sums, compiled in other shapes: a few roundings.
        np.testing.assert_allclose(some, all_pairs[:1], rtol=1e-14)
        np.testing.assert_allclose(one, all_pairs[index, index], rtol=1e-14)


MEASURED = (
    "same",
    "pool before the activation",
    "dilation",
    "depthwise",
    "transposed",
    "pool that counts padding",
    "norm over locations",
    "local, pool",
)
MODELS = 24
SIGMAS = 5.0


def wide(name: str) -> list[Any]:
    net = network(name)
    return [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]


@pytest.mark.parametrize("name", MEASURED)
def test_wide_networks_have_the_kernels_of_locations(name: str) -> None:
    x = data(CASES[name][0]).astype(np.float32)
    models, found = wide(name), function(name)(x)
    # The NTK of an output costs a backward pass, and is an average over channels in itself.
    for kind, outputs in (("nngp", None), ("ntk", range(4))):
        measured, deviation = (
            np.asarray(getattr(matrices, kind))
            for matrices in kc.empirical_kernel(
                models, x, get=(kind,), outputs=outputs, standard_error=True
            )
        )
        matrix = np.asarray(getattr(found, kind))
        scale = np.abs(matrix).max()
        # Five standard errors of the mean over models, and a bias of order 1 / width.
        assert np.all(np.abs(measured - matrix) <= SIGMAS * deviation + 8 / 256 * scale)
        # A tolerance that lets any rule pass would test nothing.
        assert np.median(SIGMAS * deviation) <= 0.2 * scale
