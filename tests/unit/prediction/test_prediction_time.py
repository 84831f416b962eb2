"""Predictions at finite time, against integrated flows of functions and of parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from stub_kernels import ArcCosine, Features, data

from kernelc.prediction import predict


CLOSE = {"rtol": 1e-9, "atol": 1e-10}
KERNELS = ["nngp", "ntk"]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("ridge", [0.0, 0.5])
def test_mean_against_a_flow_of_functions(kernel: str, ridge: float) -> None:
    n, rate, time = 8, 0.7, 6.0
    x, y, z = data(n, 3, outputs=1)
    k = ArcCosine()
    tangent = getattr(k(np.concatenate([x, z]), x), kernel)

    def slope(_: float, f: np.ndarray) -> np.ndarray:
        # (f - f0) is what weight decay pulls back, and f0 is 0 in the mean.
        return -rate / n * (tangent @ (f[:n] - y[:, 0]) + ridge * f)

    flow = solve_ivp(slope, (0, time), np.zeros(n + 3), method="DOP853", rtol=1e-11, atol=1e-12)
    found = predict(
        k, x, y, z, kernel=kernel, ridge=ridge, time=time, learning_rate=rate, variance=False
    )
    # The integrator keeps 1e-11 a step, for tens of steps.
    np.testing.assert_allclose(found.mean[:, 0], flow.y[n:, -1], rtol=0, atol=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("time", [0.3, 4.0, 60.0])
def test_all_layers_against_a_flow_of_parameters(ridge: float, time: float) -> None:
    n, rate = 5, 0.6
    x, y, z = data(n, 3)
    k = Features(11, 3)
    mean, covariance = _trained(k, x, y, z, k.spread, ridge, rate * time / n, 0.0)
    found = predict(
        k, x, y, z, kernel="ntk", ridge=ridge, time=time, learning_rate=rate, covariance=True
    )
    np.testing.assert_allclose(found.mean, mean, **CLOSE)
    np.testing.assert_allclose(found.covariance, covariance, **CLOSE)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("time", [0.3, 4.0, 60.0])
def test_the_last_layer_against_a_flow_of_parameters(ridge: float, time: float) -> None:
    n, rate = 5, 0.6
    x, y, z = data(n, 3)
    # Drawn from N(0, I), the parameters make the kernel that trains the NNGP itself.
    k = Features(11, 3)
    k.spread = np.ones(11)
    mean, covariance = _trained(k, x, y, z, k.spread, ridge, rate * time / n, ridge)
    found = predict(k, x, y, z, ridge=ridge, time=time, learning_rate=rate, covariance=True)
    np.testing.assert_allclose(found.mean, mean, **CLOSE)
    np.testing.assert_allclose(found.covariance, covariance, **CLOSE)


def _trained(
    k: Features,
    x: np.ndarray,
    y: np.ndarray,
    z: np.ndarray,
    spread: np.ndarray,
    ridge: float,
    pace: float,
    noise: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of J(z) θ for θ' = -Jᵀ(Jθ - y) - ridge (θ - θ0), by its propagator."""
    left, (n, p) = k.gradients(x), (len(x), len(spread))
    still = np.zeros((p + n, p + p + n))
    moves = np.hstack([-left.T @ left - ridge * np.eye(p), ridge * np.eye(p), left.T])
    propagator = expm(pace * np.vstack([moves, still]))[:p]
    # The state is (θ, θ0, y), and θ begins at θ0.
    from_start = k.gradients(z) @ (propagator[:, :p] + propagator[:, p : 2 * p])
    from_targets = k.gradients(z) @ propagator[:, 2 * p :]
    covariance = from_start * spread @ from_start.T + noise * from_targets @ from_targets.T
    return from_targets @ y, covariance


def test_a_drawn_ensemble() -> None:
    x, y, z = data(5, 2, outputs=1)
    k, pace = Features(7, 3), 0.02
    rng = np.random.default_rng(0)
    draws, steps = 4000, 60
    weights = start = rng.normal(size=(7, draws)) * np.sqrt(k.spread)[:, None]
    for _ in range(steps):
        pull = k.gradients(x).T @ (k.gradients(x) @ weights - y) + 0.3 * (weights - start)
        weights = weights - pace * pull
    outputs = k.gradients(z) @ weights
    # t / n is the step times the number of steps.
    found = predict(k, x, y, z, kernel="ntk", ridge=0.3, time=5 * pace * steps, covariance=True)
    assert found.variance is not None
    error = np.sqrt(found.variance / draws)
    # Four standard errors, and 2 % for steps that are not infinitely small.
    assert (abs(outputs.mean(axis=1) - found.mean[:, 0]) < 4 * error + 0.02).all()
    np.testing.assert_allclose(np.cov(outputs), found.covariance, rtol=0.1, atol=0.02)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("ridge", [0.0, 0.2])
def test_late_is_infinite(kernel: str, ridge: float) -> None:
    x, y, z = data(10, 4)
    late = predict(ArcCosine(), x, y, z, kernel=kernel, ridge=ridge, time=1e7, covariance=True)
    limit = predict(ArcCosine(), x, y, z, kernel=kernel, ridge=ridge, covariance=True)
    for ours, theirs in zip(late, limit, strict=True):
        np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize("kernel", KERNELS)
def test_time_zero_is_the_prior(kernel: str) -> None:
    x, y, z = data(10, 4)
    k = ArcCosine()
    found = predict(k, x, y, z, kernel=kernel, time=0.0, ridge=0.1, covariance=True)
    assert (found.mean == 0).all()
    np.testing.assert_allclose(found.covariance, k(z).nngp, rtol=1e-14)


def test_only_the_product_of_rate_and_time_counts() -> None:
    x, y, z = data(10, 4)
    one = predict(ArcCosine(), x, y, z, time=3.0, learning_rate=2.0)
    other = predict(ArcCosine(), x, y, z, time=6.0)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-14)


def test_twins_train_for_a_while() -> None:
    x, y, z = data(6, 4)
    twins = np.concatenate([x, x[:1]]), np.concatenate([y, y[:1]])
    # A singular matrix has no inverse, yet the flow is well defined at every time.
    found = predict(ArcCosine(), *twins, z, kernel="ntk", time=50.0)
    assert np.isfinite(found.mean).all()
