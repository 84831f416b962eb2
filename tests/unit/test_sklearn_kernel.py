"""The adapter to scikit-learn's Gaussian processes."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel

import kernelc as kc
from kernelc.numeric import _sensitivity
from kernelc.sklearn import NetworkKernel


def network(weight: float = 1.0, bias: float = 1.0) -> kc.Network:
    x = kc.Input((2,))
    first, last = kc.Dense(8, 1.3 * weight, 0.3 * bias), kc.Dense(1, weight, 0.1 * bias)
    return kc.Network(x, kc.chain(first, kc.Activation("relu"), last)(x))


X = np.random.default_rng(0).normal(size=(20, 2))
Y = np.sin(2 * X[:, 0])


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
def test_values_are_those_of_kernel_functions(kernel: str) -> None:
    ours = NetworkKernel(network(), kernel, weight_std=1.2, bias_std=0.7)
    exact = getattr(kc.kernel_fn(network(1.2, 0.7))(X), kernel)
    np.testing.assert_allclose(ours(X), exact, rtol=1e-12)
    np.testing.assert_allclose(ours(X[:7], X), exact[:7], rtol=1e-12)
    np.testing.assert_allclose(ours.diag(X), np.diag(exact), rtol=1e-12)
    np.testing.assert_array_equal(ours(X), ours(X).T)
    assert not ours.is_stationary()


@pytest.mark.parametrize("count", [1, 15, 16, 17, 20])
def test_inputs_that_are_filled_up_change_nothing(count: int) -> None:
    ours, exact = NetworkKernel(network(), "ntk"), kc.kernel_fn(network())(X).ntk
    value, slopes = ours(X[:count], eval_gradient=True)
    np.testing.assert_allclose(ours(X[:count]), exact[:count, :count], rtol=1e-12)
    np.testing.assert_allclose(value, exact[:count, :count], rtol=1e-12)
    np.testing.assert_allclose(ours(X[3:5], X[:count]), exact[3:5, :count], rtol=1e-12)
    whole = ours(X, eval_gradient=True)[1]
    np.testing.assert_allclose(slopes, whole[:count, :count], rtol=1e-12)


def test_one_program_serves_folds_of_many_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes, value = set(), _sensitivity._value

    def noted(plan, names, logs, x1, x2, row):
        shapes.add((x1.shape, x2.shape))
        return value(plan, names, logs, x1, x2, row)

    monkeypatch.setattr(_sensitivity, "_value", noted)
    ours = NetworkKernel(network())
    for count in (17, 18, 20):
        ours(X[:count])
        ours(X[count - 5 : count], X[:count])
    assert shapes == {((32, 2), (32, 2)), ((16, 2), (32, 2))}
    sizes = {_sensitivity._size(count) for count in range(1, 10_001)}
    assert len(sizes) < 64
    assert all(0 <= _sensitivity._size(n) - n <= max(15, n / 8) for n in range(1, 10_001))


def test_gradients_are_those_of_finite_differences() -> None:
    ours = NetworkKernel(network(), "ntk", bias_std_bounds=(0.1, 10.0))
    value, slopes = ours(X, eval_gradient=True)
    np.testing.assert_allclose(value, ours(X), rtol=1e-12)
    assert [h.name for h in ours.hyperparameters] == ["bias_std", "weight_std"]
    for j in range(2):
        h = 1e-5 * np.eye(2)[j]
        ahead, behind = (ours.clone_with_theta(ours.theta + s * h)(X) for s in (1, -1))
        # A second difference of 1e-10, relative to entries of some tens.
        np.testing.assert_allclose(slopes[:, :, j], (ahead - behind) / 2e-5, rtol=0, atol=1e-7)
    fixed = NetworkKernel(network(), weight_std_bounds="fixed")
    assert fixed(X, eval_gradient=True)[1].shape == (20, 20, 0)


def test_a_process_is_fitted_and_cloned() -> None:
    kernel = NetworkKernel(network()) + WhiteKernel(0.1)
    assert clone(kernel) == kernel
    process = GaussianProcessRegressor(kernel).fit(X, Y)
    assert process.log_marginal_likelihood_value_ > process.log_marginal_likelihood(kernel.theta)
    found = process.kernel_
    k = kc.kernel_fn(network(found.k1.weight_std))
    wanted = kc.predict(k, X, Y, X[:3] + 0.1, ridge=found.k2.noise_level)
    np.testing.assert_allclose(process.predict(X[:3] + 0.1), wanted.mean, rtol=0, atol=1e-7)


def test_refusals() -> None:
    x = kc.Input((4, 2))
    images = kc.Network(x, kc.chain(kc.Conv(4), kc.Flatten(), kc.Dense(1))(x))
    with pytest.raises(kc.ShapeError, match="rows of features"):
        NetworkKernel(images)(X)
    with pytest.raises(kc.UnsupportedError, match="'ntk'"):
        NetworkKernel(network(), "rbf")(X)
    with pytest.raises(kc.UnsupportedError, match="second set"):
        NetworkKernel(network())(X, X, eval_gradient=True)
    with pytest.raises(kc.KernelcError, match="takes a network"):
        NetworkKernel("relu")(X)


def test_kernelc_alone_loads_no_scikit_learn() -> None:
    code = (
        "import sys, kernelc, kernelc.prediction, kernelc.numeric; print('sklearn' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
