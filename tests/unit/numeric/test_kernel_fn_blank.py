"""Inputs with zero locations, through normalizations and jumps."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from kernel_networks import RELU, TANH, A, D, conv, network

import kernelc as kc


def images() -> np.ndarray:
    """Three images of 4 by 4 by 2: without, with some, and with nothing but blank pixels."""
    x = np.random.default_rng(2).normal(size=(3, 4, 4, 2))
    x[1, 1] = 0
    x[2] = 0
    return x


def by_hand(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """NNGP and NTK of Conv, a norm of each location, ReLU, Flatten, Dense; blank stays blank."""
    q = (x**2).mean(-1)
    size = np.sqrt(q[:, None] * q[None])
    covariance = np.einsum("nijc,mijc->nmij", x, x) / x.shape[-1]
    cosine = np.clip(covariance / np.where(size > 0, size, 1), -1, 1)
    angle = np.arccos(cosine)
    angle[[0, 1], [0, 1]] = 0
    slope = (np.pi - angle) / (2 * np.pi)
    image = np.where(size > 0, np.sin(angle) / (2 * np.pi) + cosine * slope, 0)
    nngp = image.mean((2, 3))
    return nngp, nngp + (cosine * slope).mean((2, 3))


NORMS = [kc.LayerNorm(), kc.LayerNorm(center=False)]


@pytest.mark.parametrize("norm", NORMS, ids=["layer", "rms"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_blank_pixel_stays_blank(norm: kc.Layer, dtype: Any) -> None:
    x = images().astype(dtype)
    net = network(kc.chain(kc.Conv(8), norm, RELU, kc.Flatten(), D(2)), (4, 4, 2))
    found = kc.kernel_fn(net)(x)
    # The root of a gap of rounding at equal locations: half the digits, of one entry in three.
    allowed = 1e-7 if dtype == np.float64 else 1e-3
    for matrix, wanted in zip(found[:2], by_hand(images()), strict=False):
        np.testing.assert_allclose(matrix, wanted, rtol=0, atol=allowed)
        np.testing.assert_allclose(matrix[2], 0, atol=1e-7)


BLANKS = {
    "before weights": kc.chain(kc.LayerNorm(center=False), D(8), RELU, D(2)),
    "behind a rectifier": kc.chain(D(8), RELU, D(8), kc.LayerNorm(), RELU, D(2)),
    "centered rectifier": kc.chain(D(8), RELU, kc.LayerNorm(), D(8), TANH, D(2)),
    "series": kc.chain(D(8), TANH, D(8), kc.LayerNorm(), A("erf"), D(2)),
    "one constant": kc.chain(D(8), A("cos"), kc.LayerNorm(), D(8), RELU, D(2)),
    "repeated": kc.chain(kc.repeat(kc.chain(D(8), kc.LayerNorm(), RELU), 4), D(2)),
}


@pytest.mark.parametrize("name", BLANKS)
def test_an_input_of_zeros(name: str) -> None:
    """All that is left of it is zero, and it changes nothing for the others."""
    x = np.random.default_rng(1).normal(size=(4, 6))
    x[2] = 0
    k = kc.kernel_fn(network(BLANKS[name]))
    found, rest = k(x), k(np.delete(x, 2, axis=0))
    for matrix, other in zip(found[:2], rest[:2], strict=True):
        np.testing.assert_allclose(matrix[2], 0, atol=1e-14)
        kept = np.delete(np.delete(matrix, 2, axis=0), 2, axis=1)
        np.testing.assert_allclose(kept, other, rtol=1e-12)
    np.testing.assert_allclose(k(x[2:3], x).nngp, found.nngp[2:3], atol=1e-14)
    np.testing.assert_allclose(k.diagonal(x).ntk, np.diag(found.ntk), rtol=1e-12, atol=1e-14)
    single = k(x.astype(np.float32)).nngp
    np.testing.assert_allclose(single, found.nngp, atol=3e-6)


def test_finite_layers_agree() -> None:
    x = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    x[1] = 0
    model = kc.lower(network(BLANKS["behind a rectifier"]), key=jax.random.key(0))
    assert not np.asarray(model.batched(x))[1].any()


def test_biases_keep_a_norm_from_zeros() -> None:
    x = np.random.default_rng(1).normal(size=(3, 6))
    x[1] = 0
    k = kc.kernel_fn(network(kc.chain(D(8, bias_std=0.3), kc.LayerNorm(), RELU, D(2))))
    np.testing.assert_allclose(np.diag(k(x).nngp), 0.5, rtol=1e-14)


def test_a_norm_over_a_whole_image() -> None:
    x = images()
    build = kc.chain(conv(padding="CIRCULAR"), kc.LayerNorm(axis="all"), RELU, kc.Flatten(), D(2))
    whole = kc.kernel_fn(network(kc.chain(kc.Conv(8), build), (4, 4, 2)))(x).nngp
    assert np.isfinite(whole).all()
    bare = kc.chain(kc.Conv(8), kc.LayerNorm(axis="all"), RELU, kc.Flatten(), D(2))
    found = kc.kernel_fn(network(bare, (4, 4, 2)))(x).nngp
    np.testing.assert_allclose(found[2], 0, atol=1e-14)
    np.testing.assert_allclose(np.diag(found)[:2], 0.5, rtol=1e-14)


@pytest.mark.parametrize("depth", [1, 3])
def test_a_jump_has_a_value_of_its_own_at_zero(depth: int) -> None:
    x = np.random.default_rng(1).normal(size=(3, 6))
    x[1] = 0
    k = kc.kernel_fn(network(kc.chain(kc.repeat(kc.chain(D(8), A("sign")), depth), D(2))))
    value = float(A("sign").function.jax(0.0))
    found = k(x)
    assert found.nngp[1, 1] == value**2
    # E sign(u) = 0, and no weight moves the value of an input of zeros.
    np.testing.assert_allclose(found.nngp[1, [0, 2]], 0, atol=1e-14)
    if depth == 1:
        np.testing.assert_allclose(found.ntk[1], found.nngp[1], atol=1e-14)
    assert np.isposinf(np.diag(found.ntk)[[0, 2]]).all()


@pytest.mark.parametrize("mode", ["off", "avg_q"])
def test_a_direction_of_nothing_is_refused(mode: Any) -> None:
    net = network(kc.chain(kc.PLN(mode), kc.Conv(8), RELU, kc.Flatten(), D(2)), (4, 4, 2))
    x = images()
    k = kc.kernel_fn(net)
    with pytest.raises(kc.DataError, match="example 2, zero") as caught:
        k(x) if mode == "avg_q" else k(x[[0, 0, 2]])
    assert caught.value.where == "pln_1"
    assert np.isfinite(k(x[:1]).nngp).all()


def test_under_jit_zeros_are_nan_and_no_wrong_numbers() -> None:
    x = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    x[1] = 0
    for build in (BLANKS["behind a rectifier"], BLANKS["series"]):
        k = kc.kernel_fn(network(build), largest_q=9.0)
        found = np.asarray(jax.jit(lambda x, k=k: k(x).nngp)(x))
        assert np.isnan(found[1, [0, 2]]).all()
        kept = np.ix_([0, 2], [0, 2])
        np.testing.assert_allclose(found[kept], np.asarray(k(x).nngp)[kept], rtol=1e-5)


def test_a_value_that_is_always_zero_has_no_norm() -> None:
    net = network(kc.chain(D(8, weight_std=0.0), kc.LayerNorm(), RELU, D(2)))
    with pytest.raises(kc.UnsupportedError, match="zero for all inputs") as caught:
        kc.kernel_fn(net)
    assert caught.value.where == "layer_norm_1"


def test_two_odd_jumps_add_their_values_at_zero() -> None:
    """sign(0) is the value from the left, -1, in finite layers too: 0.6 + 0.8 of it is -1.4."""
    x = kc.Input((2,))

    def of_weights(std: float) -> kc.Network:
        branches = [kc.chain(kc.Dense(9, std), kc.Activation("sign"))(x) for _ in range(2)]
        return kc.Network(x, kc.WeightedSum((0.6, 0.8))(*branches))

    net = of_weights(1.0)
    found = kc.kernel_fn(net)(np.array([[1.0, 2.0], [0.0, 0.0]])).nngp
    np.testing.assert_allclose(found, [[1, 0], [0, 1.4**2]], rtol=1e-12)
    model = kc.lower(net, key=jax.random.key(0))
    np.testing.assert_allclose(model(np.zeros(2, np.float32)), -1.4, rtol=1e-6)
    for dps in (15, 20):
        assert float(kc.derive(of_weights(0.0)).evaluate(0.3, dps=dps).q) == pytest.approx(
            1.4**2, rel=1e-14
        )
