"""Laws kernels of data keep on random networks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from strategies import networks

import kernelc as kc
from kernelc.numeric import _plan


# Each example compiles a program or two, which takes a second or so.
few = settings(max_examples=6, suppress_health_check=list(HealthCheck))

KINDS = (kc.Dense, kc.Activation, kc.WeightedSum, kc.Concat, kc.Product, kc.Scale, kc.LayerNorm)
seeds = st.integers(0, 2**32 - 1)


def inputs(net: kc.Network, seed: int, count: int, q: float | None = 1.3) -> np.ndarray:
    """Inputs of one q value at every location; of different q values if None."""
    x = np.random.default_rng(seed).normal(size=(count, *net.input_shape))
    if q is not None:
        x *= np.sqrt(q / (x**2).mean(-1, keepdims=True))
    return x


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Networks without a kernel are no examples; any other error fails the test."""
    try:
        yield
    except (kc.UnsupportedError, kc.DependenceError):
        assume(False)


@few
@given(networks(max_parts=4, kinds=KINDS, spatial=False), seeds)
def test_kernels_of_data_are_the_derived_kernel_at_each_pair(net: kc.Network, seed: int) -> None:
    """Shared randomness included: sums of a value with itself, with its image, of two images."""
    x = inputs(net, seed, 3)
    with refusals():
        kernel = kc.derive(net)
        found = kc.kernel_fn(net)(x)
    cosines = np.clip(x @ x.T / (1.3 * x.shape[1]), -1, 1)
    for i, j in ((0, 1), (0, 2), (1, 1)):
        value = kernel.evaluate(c=1.0 if i == j else float(cosines[i, j]), q=1.3)
        # `derive` promises ten digits of numeric duals, of which steep layers keep nine.
        scale = abs(float(value.q))
        assert found.nngp[i, j] == pytest.approx(float(value.nngp), rel=1e-9, abs=1e-9 * scale)
        steep = float(np.abs(found.ntk).max())
        assert found.ntk[i, j] == pytest.approx(float(value.ntk), rel=1e-8, abs=1e-8 * steep)


@few
@given(networks(max_parts=4), seeds)
def test_matrices_are_symmetric_and_positive(net: kc.Network, seed: int) -> None:
    x = inputs(net, seed, 4, None)
    x[3] = x[0]
    with refusals():
        found = kc.kernel_fn(net)(x)
    for matrix in found[:2]:
        matrix = np.moveaxis(matrix.reshape(4, 4, -1), -1, 0)
        largest = np.abs(matrix).max()
        # Rounding of some ten layers, in float64.
        np.testing.assert_allclose(matrix, np.swapaxes(matrix, 1, 2), rtol=0, atol=1e-13 * largest)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-11 * largest
    nngp = np.moveaxis(found.nngp.reshape(4, 4, -1), -1, 0)
    q = np.diagonal(nngp, axis1=1, axis2=2)
    bound = np.sqrt(q[:, :, None] * q[:, None])
    assert np.all(np.abs(nngp) <= bound + 1e-12 * np.abs(nngp).max())


@few
@given(networks(max_parts=3), seeds)
def test_an_entry_does_not_depend_on_the_rest_of_the_batch(net: kc.Network, seed: int) -> None:
    x, y = inputs(net, seed, 2, None), inputs(net, seed + 1, 3, None)
    # Larger and smaller company, which other programs serve.
    y[0], y[1] = 4 * y[0], y[1] / 8
    with refusals():
        k = kc.kernel_fn(net)
        alone, among = k(x[:1], x[1:]), k(np.concatenate([x[:1], y]), np.concatenate([x[1:], y]))
    for matrix, whole in zip(alone[:2], among[:2], strict=True):
        # Series for larger q values are longer, and as good as those for smaller ones.
        largest = np.abs(matrix).max()
        np.testing.assert_allclose(whole[:1, :1], matrix, rtol=1e-11, atol=1e-11 * largest)


@few
@given(networks(max_parts=4, kinds=(kc.Dense, kc.Activation, kc.WeightedSum), spatial=False), seeds)
def test_one_variable_is_enough_where_q_values_agree(net: kc.Network, seed: int) -> None:
    """The short series of a stretch against the same layers one by one."""
    x = kc.Input(net.input_shape)
    normal = kc.Network(x, kc.chain(kc.PLN("off"), kc.Dense(4), *body(net))(x))
    data = inputs(normal, seed, 3, None)
    with refusals():
        short = kc.kernel_fn(normal)(data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_plan.Planner, "_stretch", lambda *_: None)
            k = kc.kernel_fn(normal)
            assert not k.program.stretches
            full = k(data)
    for matrix, exact in zip(short[:2], full[:2], strict=True):
        # The bound series are fitted to in float64.
        np.testing.assert_allclose(matrix, exact, rtol=0, atol=1e-10 * np.abs(exact).max())


def body(net: kc.Network) -> list[kc.Layer]:
    """The layers of one path that go on from any width."""
    kept = [node.layer for node in net.nodes[1:] if len(node.inputs) == 1]
    return [layer for layer in kept if not isinstance(layer, kc.Activation)][:1] + [
        part
        for layer in kept
        if isinstance(layer, kc.Activation)
        for part in (layer, kc.Dense(3, bias_std=0.1))
    ]
