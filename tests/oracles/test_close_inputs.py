"""Almost equal inputs in float32: gaps far below the rounding of a cosine."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import kernelc as kc


GAPS = 10.0 ** -np.arange(2, 11)
CHANNELS = 64
RELU = kc.Activation("relu")


def rectified(depth: int) -> kc.Network:
    x = kc.Input((CHANNELS,))
    block = kc.chain(kc.Dense(16, weight_std=math.sqrt(2)), RELU)
    return kc.Network(x, kc.chain(*(block for _ in range(depth)))(x))


def shaped() -> kc.ShapedNetwork:
    """100 tanh layers behind a PLN without a constant, shaped by DKS."""
    x = kc.Input((CHANNELS,))
    block = kc.chain(kc.Dense(16), kc.Activation("tanh"))
    return kc.shape(kc.Network(x, kc.chain(kc.PLN("off"), *(block for _ in range(100)))(x)))


def close_pairs() -> np.ndarray:
    """(1 + gaps, channels): one input, and others turned away from it by each gap."""
    rng = np.random.default_rng(8)
    u, v = np.linalg.qr(rng.normal(size=(CHANNELS, 2)))[0].T
    c = 1 - GAPS[:, None]
    x = np.vstack([u[None], c * u + np.sqrt(GAPS * (2 - GAPS))[:, None] * v])
    return (x * math.sqrt(CHANNELS)).astype(np.float32)


def exact_gaps(x: np.ndarray) -> list[mpmath.mpf]:
    """1 - c of the float32 numbers as they are, to 40 digits."""
    found = []
    first = [mpmath.mpf(float(v)) for v in x[0]]
    for row in x[1:]:
        other = [mpmath.mpf(float(v)) for v in row]
        product = mpmath.fdot(first, other)
        norms = mpmath.sqrt(mpmath.fdot(first, first) * mpmath.fdot(other, other))
        found.append(1 - product / norms)
    return found


def relu_gap(gap: mpmath.mpf, depth: int) -> float:
    """Depth times c <- (sin θ + (pi - θ) cos θ) / pi, to 40 digits."""
    c = 1 - gap
    for _ in range(depth):
        theta = mpmath.acos(c)
        c = (mpmath.sin(theta) + (mpmath.pi - theta) * c) / mpmath.pi
    return float(1 - c)


def plain_float32(x: np.ndarray, depth: int) -> np.ndarray:
    """The usual form of the same recursion, in float32."""
    units = x / np.sqrt((x * x).sum(1, keepdims=True, dtype=np.float32))
    c = np.minimum(units[1:] @ units[0], np.float32(1))
    for _ in range(depth):
        theta = np.arccos(c)
        c = (np.sin(theta) + (np.float32(np.pi) - theta) * np.cos(theta)) / np.float32(np.pi)
        c = np.minimum(c, np.float32(1))
    return 1 - c


@pytest.mark.parametrize("depth", [100, 1000])
def test_gaps_of_deep_rectified_networks_keep_their_digits(depth: int) -> None:
    x = close_pairs()
    found = np.asarray(kc.kernel_fn(rectified(depth))(x[:1], x[1:], get="gap").gap)[0]
    assert found.dtype == np.float32
    with mpmath.workdps(40):
        exact = np.array([relu_gap(gap, depth) for gap in exact_gaps(x)])
    # The requirement: some 80 roundings of 6e-8 at most.
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    lost = np.abs(plain_float32(x, depth) - exact) / exact
    # Cosines in float32 end at gaps of 6e-8; of smaller ones not one digit is left.
    assert np.all(lost[GAPS < 1e-8] > 0.9)
    assert np.all(lost[GAPS < 1e-6] > 1e-3)


def test_gaps_of_a_shaped_tanh_network_keep_their_digits() -> None:
    net, x = shaped(), close_pairs()
    k = kc.kernel_fn(net)
    found = np.asarray(k(x[:1], x[1:], get="gap").gap)[0]
    assert found.dtype == np.float32
    with mpmath.workdps(40):
        gaps = np.array([float(gap) for gap in exact_gaps(x)])
    exact = derived_gaps(net, gaps)
    # The requirement: some 80 roundings of 6e-8 at most.
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    # And the function itself in float64, on the same numbers.
    double = np.asarray(k(x[:1].astype(float), x[1:].astype(float), get="gap").gap)[0]
    np.testing.assert_allclose(double, exact, rtol=1e-9)


def derived_gaps(net: kc.ShapedNetwork, gaps: np.ndarray) -> np.ndarray:
    """Layer by layer through the Hermite coefficients of the shaped activation, in 40 digits.

    At q = 1 a layer is c -> sum_j a_j^2 c^j, which is gap -> sum_j a_j^2 (1 - c^j).
    """
    (layer,) = {node.layer for node in net.network if isinstance(node.layer, kc.Activation)}
    z, weights = np.polynomial.hermite_e.hermegauss(90)
    weights = weights / weights.sum()
    values = layer.gamma * (np.tanh(layer.alpha * z + layer.beta) + layer.delta)
    rows = [np.ones_like(z), z]
    for j in range(1, 40):
        rows.append((z * rows[j] - math.sqrt(j) * rows[j - 1]) / math.sqrt(j + 1))
    squares = np.array([(weights * row) @ values for row in rows]) ** 2
    total = squares.sum()
    j = np.arange(len(squares))
    for _ in range(100):
        # 1 - c^j without cancellation.
        gaps = -np.expm1(np.log1p(-gaps)[:, None] * j) @ (squares / total)
    return gaps


def erf_gap(gap: mpmath.mpf, depth: int, w: float, b: float) -> float:
    """Depth times k <- (2/pi) asin(2 k'/(1 + 2 q')), k' = w k + b, to 60 digits (Williams 1998)."""
    q, k = mpmath.mpf(1), 1 - gap
    for _ in range(depth):
        p, c = w * q + b, w * k + b
        q, k = (2 / mpmath.pi * mpmath.asin(2 * x / (1 + 2 * p)) for x in (p, c))
    return float(1 - k / q)


def test_gaps_keep_their_digits_layer_by_layer() -> None:
    x, depth = close_pairs(), 5
    inputs = kc.Input((CHANNELS,))
    block = kc.chain(kc.Dense(16, weight_std=1.25, bias_std=0.5), kc.Activation("erf"))
    k = kc.kernel_fn(kc.Network(inputs, kc.repeat(block, depth)(inputs)))
    # Rounded to float32, q values of one length differ: nothing is a function of one variable.
    found = np.asarray(k(x[:1], x[1:], get="gap").gap)[0]
    assert found.dtype == np.float32
    with mpmath.workdps(60):
        exact = np.array([erf_gap(gap, depth, 1.25**2, 0.5**2) for gap in exact_gaps(x)])
    # The requirement. Norms that differ by rounding add its square, 1e-15, to gaps of 1e-10.
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=4e-15)
