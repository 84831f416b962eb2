"""Log marginal likelihoods against formulas, scikit-learn and finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from stub_kernels import ArcCosine, data

import kernelc as kc
from kernelc.prediction import KernelRegression, predict


X, Y, Z = data(12, 4)


def network(stds: list[float]) -> kc.Network:
    x = kc.Input((3,))
    first, second = kc.Dense(8, stds[0], stds[1]), kc.Dense(1, stds[2], stds[3])
    return kc.Network(x, kc.chain(first, kc.Activation("relu"), second)(x))


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_value(kernel: str) -> None:
    k = ArcCosine()
    found = KernelRegression(k, X, Y, kernel=kernel).log_marginal_likelihood(0.3)
    covariance = getattr(k(X), kernel) + 0.3 * np.eye(12)
    wanted = sum(multivariate_normal(cov=covariance).logpdf(y) for y in Y.T)
    np.testing.assert_allclose(found.value, wanted, rtol=1e-12)
    assert found[1:] == (None, None, None)


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_gradients_are_those_of_finite_differences(kernel: str) -> None:
    stds, ridge, h = [1.3, 0.4, 0.9, 0.2], 0.1, 1e-5

    def value(stds: list[float], ridge: float) -> float:
        k = kc.kernel_fn(network(stds))
        return KernelRegression(k, X, Y, kernel=kernel).log_marginal_likelihood(ridge).value

    def slope(change: Callable[[float], float]) -> float:
        return (change(h) - change(-h)) / (2 * h)

    k = kc.kernel_fn(network(stds))
    fitted = KernelRegression(k, X, Y, kernel=kernel)
    found = fitted.log_marginal_likelihood(ridge, gradient=True)
    assert found.weight_std is not None
    assert found.bias_std is not None
    exact = [found.ridge, *(s[n] for n in ("dense_1", "dense_2") for s in found[2:])]
    wanted = [slope(lambda t: value(stds, ridge + t))]
    for i in range(4):
        wanted.append(slope(lambda t, i=i: value([*stds[:i], stds[i] + t, *stds[i + 1 :]], ridge)))
    # A second difference of 1e-10 and rounding of 1e-13 over the step, relative to some tens.
    np.testing.assert_allclose(exact, wanted, rtol=1e-6, atol=1e-6)


def test_a_std_of_zero_is_where_its_slope_is_zero() -> None:
    fitted = KernelRegression(kc.kernel_fn(network([1.3, 0.0, 0.9, 0.2])), X, Y)
    found = fitted.log_marginal_likelihood(0.1, gradient=True)
    assert found.bias_std is not None
    assert found.bias_std["dense_1"] == 0


def test_gradients_need_a_network() -> None:
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        KernelRegression(ArcCosine(), X, Y).log_marginal_likelihood(0.1, gradient=True)


def test_a_matrix_without_digits_has_no_likelihood() -> None:
    fitted = KernelRegression(ArcCosine(), np.concatenate([X, X]), np.concatenate([Y, Y]))
    with pytest.raises(kc.DataError, match="condition number"):
        fitted.log_marginal_likelihood(0.0)


def test_observation_noise_is_added_to_variances() -> None:
    plain = predict(ArcCosine(), X, Y, Z, ridge=0.3, covariance=True)
    noisy = predict(ArcCosine(), X, Y, Z, ridge=0.3, covariance=True, observation_noise=True)
    np.testing.assert_allclose(noisy.variance, np.asarray(plain.variance) + 0.3, rtol=1e-14)
    np.testing.assert_allclose(noisy.covariance, plain.covariance + 0.3 * np.eye(4), rtol=1e-12)
    rows = predict(ArcCosine(), X, Y, Z, ridge=0.3, observation_noise=True)
    np.testing.assert_allclose(rows.variance, noisy.variance, rtol=1e-10)
    with pytest.raises(kc.UnsupportedError, match="weight decay"):
        predict(ArcCosine(), X, Y, Z, kernel="ntk", ridge=0.3, observation_noise=True)
