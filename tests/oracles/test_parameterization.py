"""The standard parameterization: against loops over all pairs of locations, and finite networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import brute_force as bf
import jax
import numpy as np
import pytest

import kernelc as kc


RELU = (kc.Activation("relu"), (bf.relu,))
ERF = (kc.Activation("erf"), (bf.erf,))
GLOBAL = (kc.GlobalMeanPool(), (bf.everywhere(),))
FLAT = (kc.Flatten(), (bf.flatten(),))
WIDTH = 128
STDS = {"weight_std": 1.3, "bias_std": 0.2}
Block = tuple[kc.Layer, Sequence[bf.Step]]


def same(state: bf.Kernels) -> bf.Kernels:
    return state


def dense(fan_in: int, width: int = WIDTH, **options: Any) -> Block:
    stds = STDS if options.get("bias", True) else {"weight_std": 1.3}
    step = bf.standard(same, same, fan_in, **stds, **options)
    return kc.Dense(width, **stds, **options), (step,)


def conv(
    kind: type[kc.Conv | kc.LocalConv],
    channels: int,
    size: int = 3,
    padding: str = "SAME",
    stride: int = 1,
    **options: Any,
) -> Block:
    """A layer of windows; of a Delta convolution all taps train, the center alone is drawn."""
    layer = kind(WIDTH, size, stride, padding, **STDS, **options)
    geometry = (size,), (stride,), padding
    read = bf.spread(*geometry)
    drawn = bf.center(*geometry) if options.get("delta", kind is kc.Conv) else read
    fan_in = size * channels // options.get("groups", 1)
    steps = (bf.standard(drawn, read, fan_in, **STDS),)
    return layer, steps if kind is kc.Conv else (*steps, bf.unshared)


VECTOR, LINE = (6,), (5, 4)
CASES: dict[str, tuple[tuple[int, ...], Sequence[Block]]] = {
    "dense": (VECTOR, (dense(6), RELU, dense(WIDTH, 32), ERF, dense(32))),
    "no biases": (VECTOR, (dense(6, bias=False), RELU, dense(WIDTH, bias=False))),
    "spread": (
        LINE,
        (conv(kc.Conv, 4, delta=False), RELU, conv(kc.Conv, WIDTH, 2, "VALID", 2, delta=False)),
    ),
    "delta": (LINE, (conv(kc.Conv, 4), RELU, conv(kc.Conv, WIDTH, stride=2), ERF)),
    "delta, circular, pool": (
        LINE,
        (conv(kc.Conv, 4, padding="CIRCULAR"), RELU, GLOBAL, dense(WIDTH)),
    ),
    "groups, pool": (
        LINE,
        (conv(kc.Conv, 4, delta=False), ERF, conv(kc.Conv, WIDTH, groups=2, delta=False), GLOBAL),
    ),
    "local": (
        LINE,
        (conv(kc.LocalConv, 4), RELU, conv(kc.LocalConv, WIDTH, 2, "VALID"), RELU, GLOBAL),
    ),
    "flat": (LINE, (conv(kc.Conv, 4), RELU, FLAT, dense(5 * WIDTH))),
}


def network(name: str) -> kc.Network:
    shape, blocks = CASES[name]
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*(layer for layer, _ in blocks))(x), name=name)


def data(shape: tuple[int, ...], count: int = 3) -> np.ndarray:
    """Inputs of different q values, at every location."""
    rng = np.random.default_rng(12)
    scales = rng.uniform(0.5, 1.6, size=(count, *shape[:-1], 1))
    return rng.normal(size=(count, *shape)) * scales


def recursion(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, n, *locations): NNGP and NTK."""
    state = bf.Kernels.of(x if x.ndim > 2 else x[:, None])
    for _, steps in CASES[name][1]:
        for step in steps:
            state = step(state)
    shape = network(name).output_shape[:-1]
    nngp, ntk = (m.reshape(*m.shape[:2], *shape) for m in state.diagonal)
    return nngp, ntk


@pytest.mark.parametrize("name", CASES)
def test_ntk_is_that_of_the_recursion(name: str) -> None:
    x = data(CASES[name][0])
    found = kc.kernel_fn(network(name), parameterization="standard")(x)
    for matrix, exact in zip(found, recursion(name, x), strict=False):
        # Roundings of both, magnified by the root in the angle of close inputs.
        np.testing.assert_allclose(matrix, exact, rtol=1e-12)


MODELS = 24
SIGMAS = 5.0


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("dense", "flat")])
def test_finite_networks_have_these_ntks(name: str) -> None:
    """The plain gradients of lowered networks, in the mean over draws."""
    x = data(CASES[name][0]).astype(np.float32)
    net = network(name)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(MODELS)]
    measured, deviation = (
        np.asarray(matrices.ntk)
        for matrices in kc.empirical_kernel(
            models,
            x,
            get="ntk",
            parameterization="standard",
            outputs=range(0, WIDTH, WIDTH // 4),
            standard_error=True,
        )
    )
    matrix = np.asarray(kc.kernel_fn(net, parameterization="standard")(x).ntk)
    scale = np.abs(matrix).max()
    # Five standard errors of the mean over models, and a bias of order 1 / width.
    assert np.all(np.abs(measured - matrix) <= SIGMAS * deviation + 8 / WIDTH * scale)
    # A tolerance that lets any rule pass would test nothing.
    assert np.median(SIGMAS * deviation) <= 0.2 * scale


def test_a_trained_bias_adds_what_it_adds_in_a_finite_network() -> None:
    """Of equal weights, the NTKs with and without biases differ by the gradients along biases."""
    x, inputs, width, outputs = data(VECTOR).astype(np.float32), kc.Input(VECTOR), 4096, 16
    with_bias, without = (
        kc.Network(
            inputs,
            kc.chain(
                kc.Dense(width, bias=bias), kc.Activation("relu"), kc.Dense(outputs, bias=bias)
            )(inputs),
        )
        for bias in (True, False)
    )
    options: Any = {"get": "ntk", "parameterization": "standard"}
    models = [kc.lower(net, key=jax.random.key(3)) for net in (with_bias, without)]
    first, second = (np.asarray(kc.empirical_kernel(m, x, **options).ntk) for m in models)
    limits = [
        kc.kernel_fn(net, parameterization="standard")(x.astype(np.float64), get="ntk").ntk
        for net in (with_bias, without)
    ]
    exact = np.asarray(limits[0]) - np.asarray(limits[1])
    # 1 + E relu' relu', the second a mean over 4,096 units and 16 outputs: five errors of that,
    # and the last digits of NTKs of about 4,096 in float32.
    allowed = 5 * math.sqrt(3 / (width * outputs)) + 16 * np.finfo(np.float32).eps * width
    np.testing.assert_allclose(first - second, exact, rtol=0, atol=allowed)
    assert np.all(exact > 1)


def test_functions_of_one_variable_are_found_where_they_are_exact() -> None:
    """Homogeneous layers without biases, biases at one q value, and neither."""
    shape, layers, steps = (6,), [], []
    for i in range(3):
        block = dense(6 if i == 0 else WIDTH, bias=False), RELU
        layers += [layer for layer, _ in block]
        steps += [step for _, found in block for step in found]
    x = data(shape, 5)
    inputs = kc.Input(shape)
    net = kc.Network(inputs, kc.chain(*layers)(inputs))
    k = kc.kernel_fn(net, parameterization="standard")
    found = k(x)
    assert "one variable (homogeneous of degree 1)" in k.explain()
    assert "standard parameterization" in k.explain()
    state = bf.Kernels.of(x[:, None])
    for step in steps:
        state = step(state)
    # Certified to 1e-13 of the largest; see `explain`.
    np.testing.assert_allclose(found.ntk, state.t, rtol=1e-11)

    biased = kc.Network(inputs, network("dense").nodes[-1].layer(kc.chain(*layers)(inputs)))
    assert "one variable" in kc.kernel_fn(biased, parameterization="standard").explain()
    trained = [kc.Dense(WIDTH), kc.Activation("relu")] * 3
    net = kc.Network(inputs, kc.chain(*trained)(inputs))
    assert "one variable" in kc.kernel_fn(net).explain()
    general = kc.kernel_fn(net, parameterization="standard")
    assert "one variable" not in general.explain()
    unit = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True))
    short = kc.kernel_fn(net, parameterization="standard", q=1.0)
    assert "one variable" in short.explain()
    np.testing.assert_allclose(short(unit).ntk, general(unit).ntk, rtol=1e-11)


def test_a_head_that_starts_at_zero_learns_from_what_it_reads() -> None:
    """Theta <- fan-in K_in + 1 there, and the layers before are one function all the same."""
    x, body = kc.Input(VECTOR), kc.chain(*[kc.Dense(9, bias=False), kc.Activation("relu")] * 2)
    reads = kc.kernel_fn(kc.Network(x, body(x)))(data(VECTOR), get="nngp").nngp
    net = kc.Network(x, kc.Dense(3, weight_std=0)(body(x)))
    k = kc.kernel_fn(net, parameterization="standard")
    found = k(data(VECTOR))
    assert "one variable" in k.explain()
    assert not np.any(found.nngp)
    np.testing.assert_allclose(found.ntk, 9 * np.asarray(reads) + 1, rtol=1e-12)


def test_windows_of_delta_convolutions_see_locations() -> None:
    """In the standard parameterization their other taps train: no function of one cosine."""
    x = kc.Input((5, 3))
    block = kc.chain(kc.PLN(), *[kc.Conv(WIDTH, 3), kc.Activation("tanh")] * 3)
    net = kc.Network(x, block(x))
    assert "one variable" in kc.kernel_fn(net).explain()
    standard = kc.kernel_fn(net, parameterization="standard").explain()
    # What is left is the last activation by itself.
    assert "activation_3 to activation_3: a function of one variable" in standard
    assert standard.count("one variable") == 1
    assert "spread weights" in standard


def test_the_nngp_knows_no_parameterization() -> None:
    net, x = network("delta"), data(LINE)
    nngp = (kc.kernel_fn(net, parameterization=p)(x, get="nngp").nngp for p in ("ntk", "standard"))
    np.testing.assert_array_equal(*nngp)


@pytest.mark.parametrize("other", ["mup", "NTK", "", None, 1, ["ntk"], np.zeros(2)])
def test_other_parameterizations_are_refused(other: Any) -> None:
    with pytest.raises(kc.KernelcError, match="parameterization"):
        kc.kernel_fn(network("dense"), parameterization=other)
