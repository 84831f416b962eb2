"""Predictions at infinite time, against dense formulas, scikit-learn and refits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from stub_kernels import ArcCosine, Features, Found, WithDiagonal, data

import kernelc as kc
from kernelc.prediction import KernelRegression, _regression, predict


# Condition numbers stay below 1e4 here: two ways through float64 agree to 1e-16 times that.
CLOSE = {"rtol": 1e-10, "atol": 1e-11}


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_posterior(ridge: float) -> None:
    x, y, z = data(20, 7)
    k = ArcCosine()
    found = predict(k, x, y, z, ridge=ridge, covariance=True)
    inverse = np.linalg.inv(k(x).nngp + ridge * np.eye(20))
    cross = k(z, x).nngp
    np.testing.assert_allclose(found.mean, cross @ inverse @ y, **CLOSE)
    expected = k(z).nngp - cross @ inverse @ cross.T
    np.testing.assert_allclose(found.covariance, expected, **CLOSE)
    np.testing.assert_allclose(found.variance, np.diag(expected), **CLOSE)


def test_scikit_learn() -> None:
    x, y, z = data(15, 6, outputs=1)
    rbf = RBF(0.7)
    reference = GaussianProcessRegressor(rbf, alpha=0.05, optimizer=None).fit(x, y[:, 0])
    mean, covariance = reference.predict(z, return_cov=True)
    found = predict(lambda a, b=None: Found(rbf(a, b)), x, y[:, 0], z, ridge=0.05, covariance=True)
    np.testing.assert_allclose(found.mean, mean, **CLOSE)
    np.testing.assert_allclose(found.covariance, covariance, **CLOSE)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_ensemble(ridge: float) -> None:
    x, y, z = data(20, 7)
    k = ArcCosine()
    found = predict(k, x, y, z, kernel="ntk", ridge=ridge, covariance=True)
    solved = np.linalg.solve(k(x).ntk + ridge * np.eye(20), k(x, z).ntk).T
    mixed = solved @ k(x, z).nngp
    expected = k(z).nngp + solved @ k(x).nngp @ solved.T - mixed - mixed.T
    np.testing.assert_allclose(found.mean, solved @ y, **CLOSE)
    np.testing.assert_allclose(found.covariance, expected, **CLOSE)


def test_ridge_is_weight_decay() -> None:
    x, y, z = data(9, 4)
    k = Features(6, 3)
    left = k.gradients(x)
    weights = np.linalg.solve(left.T @ left + 0.2 * np.eye(6), left.T @ y)
    found = predict(k, x, y, z, kernel="ntk", ridge=0.2, variance=False)
    np.testing.assert_allclose(found.mean, k.gradients(z) @ weights, **CLOSE)
    assert found.variance is None
    assert found.covariance is None


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_interpolates(kernel: str) -> None:
    x, y, _ = data(20, 1)
    found = predict(ArcCosine(), x, y, x, kernel=kernel)
    np.testing.assert_allclose(found.mean, y, **CLOSE)
    assert found.variance is not None
    # A variance is what is left of a prior of about 1, in float64.
    assert (found.variance >= 0).all()
    assert (found.variance < 1e-12).all()


def test_one_output_is_a_row() -> None:
    x, y, z = data(10, 4)
    alone = predict(ArcCosine(), x, y[:, 0], z).mean
    assert alone.shape == (4,)
    np.testing.assert_allclose(alone, predict(ArcCosine(), x, y, z).mean[:, 0], **CLOSE)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_blocks(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, z = data(10, 11)
    whole = predict(ArcCosine(), x, y, z, kernel=kernel, covariance=True)
    monkeypatch.setattr(_regression, "_ROWS", 4)
    k = ArcCosine()
    parts = predict(k, x, y, z, kernel=kernel, covariance=True)
    rows = predict(k, x, y, z, kernel=kernel)
    assert {call for call in k.calls if len(call) == 2} == {(4, 10)}
    np.testing.assert_allclose(parts.mean, whole.mean, **CLOSE)
    np.testing.assert_allclose(parts.covariance, whole.covariance, **CLOSE)
    np.testing.assert_allclose(rows.variance, whole.variance, **CLOSE)


def test_a_diagonal_saves_squares() -> None:
    x, y, z = data(10, 300)
    slow, fast = ArcCosine(), WithDiagonal()
    expected, found = predict(slow, x, y, z), predict(fast, x, y, z)
    assert max(call[0] for call in slow.calls if len(call) == 1) <= 256
    assert fast.calls == [(10,), (300, 10)]
    np.testing.assert_allclose(found.variance, expected.variance, **CLOSE)


def test_single_precision_kernels() -> None:
    x, y, z = data(20, 7)
    assert not jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]

    def k(a: np.ndarray, b: np.ndarray | None = None) -> Found:
        return Found(*(jnp.asarray(part) for part in ArcCosine(np.float32)(a, b)))

    for kernel in ("nngp", "ntk"):
        found = predict(k, x, y, z, kernel=kernel, ridge=0.1, covariance=True)
        exact = predict(ArcCosine(), x, y, z, kernel=kernel, ridge=0.1, covariance=True)
        for ours, theirs in zip(found, exact, strict=True):
            assert ours.dtype == np.float64
            # 6e-8 times the largest eigenvalue over the ridge, about 100.
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)
        at_training = predict(k, x, y, x, kernel=kernel, ridge=0.01)
        assert at_training.variance is not None
        assert (at_training.variance >= 0).all()


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_leave_one_out(kernel: str) -> None:
    x, y, _ = data(12, 1)
    ridges, expected = [0.0, 0.5], []
    for ridge in ridges:
        errors = []
        for i in range(12):
            rest = np.arange(12) != i
            one = predict(ArcCosine(), x[rest], y[rest], x[[i]], kernel=kernel, ridge=ridge)
            errors.append((one.mean - y[i]) ** 2)
        expected.append(np.mean(errors))
    found = KernelRegression(ArcCosine(), x, y, kernel=kernel).leave_one_out(ridges)
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_one_fit_for_many_ridges() -> None:
    x, y, z = data(12, 5)
    fitted = KernelRegression(ArcCosine(), x, y)
    before = fitted.predict(z, ridge=0.4)
    fitted.leave_one_out([0.4])
    # Now by the spectrum instead of Cholesky.
    after = fitted.predict(z, ridge=0.4)
    np.testing.assert_allclose(after.mean, before.mean, **CLOSE)
    np.testing.assert_allclose(after.variance, before.variance, **CLOSE)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_the_type_of_the_data_does_not_matter(kernel: str) -> None:
    # Condition 2e5: the ReLU NTK of float32 inputs, off by 8e-6, would leave no digit.
    x = kc.Input((1,))
    block = kc.chain(kc.Dense(9, 1.5, 0.05), kc.Activation("relu"))
    k = kc.kernel_fn(kc.Network(x, kc.chain(kc.repeat(block, 2), kc.Dense(1, 1.5, 0.05))(x)))
    z = np.linspace(-31.4, 31.4, 40, dtype=np.float32)[:, None]
    y, t = np.sin(3 * z[:, 0]), z[:-1] + np.float32(0.3)
    ridge = 1e-4 * np.trace(np.asarray(getattr(k(z), kernel))) / 40
    found = [
        predict(k, z.astype(dtype), y, t.astype(dtype), kernel=kernel, ridge=ridge)
        for dtype in (np.float32, np.float64)
    ]
    np.testing.assert_allclose(found[0].mean, found[1].mean, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[0].variance, found[1].variance, rtol=0, atol=1e-6)
