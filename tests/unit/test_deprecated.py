"""Deprecated public names work, and warn with the new name."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import kernelc as kc
from kernelc._deprecated import FORMER_NAMES


X = np.eye(3, 4)


def network() -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.StandardizedDense(2)(kc.Activation("relu")(kc.Dense(8)(x))))


@pytest.mark.parametrize(("former", "name"), FORMER_NAMES.items())
def test_former_names_of_the_package(former: str, name: str):
    with pytest.warns(DeprecationWarning, match=f"kernelc.{name}"):
        assert getattr(kc, former) is getattr(kc, name)


def test_former_arguments_reach_kernels():
    x = kc.Input((4,))
    net = kc.Network(x, kc.Dense(8, bias_std=0.5)(x))
    with pytest.warns(DeprecationWarning, match=r"kernel_fn\(parameterization=\)"):
        kernel = kc.kernel_fn(net, parametrisation="standard")  # pyright: ignore[reportCallIssue]
    # NTKs of one layer: a bias has derivative 1, the inputs of a weight are not divided by 4.
    np.testing.assert_allclose(kernel(X).ntk, X @ X.T + 1, rtol=1e-6)
    model = kc.lower(net, key=jax.random.key(0))
    with pytest.warns(DeprecationWarning, match=r"empirical_kernel\(parameterization=\)"):
        kc.empirical_kernel(model, X, parametrisation="standard")  # pyright: ignore[reportCallIssue]


def test_former_methods_of_data():
    data = kc.data.as_dataset((np.arange(12.0).reshape(6, 2), np.arange(6)))
    for former, name in (("standardised", "standardized"), ("centred", "centered")):
        with pytest.warns(DeprecationWarning, match=f"Dataset.{name}"):
            old = getattr(data, former)()
        np.testing.assert_array_equal(old.train_x, getattr(data, name)().train_x)
    with pytest.warns(DeprecationWarning, match=r"digits\(standardize=\)"):
        kc.data.digits(standardise=False)  # pyright: ignore[reportCallIssue]


def test_former_attributes_of_layers():
    with pytest.warns(DeprecationWarning, match=r"WeightedSum\.normalized"):
        assert kc.WeightedSum((0.6, 0.8)).normalised


def test_files_with_former_kinds_are_read_and_written_anew():
    text = network().to_json()
    assert "StandardizedDense" in text
    former = text.replace("StandardizedDense", "StandardisedDense")
    assert kc.Network.from_json(former) == network()
    kinds = [node["kind"] for node in json.loads(kc.Network.from_json(former).to_json())["nodes"]]
    assert "StandardisedDense" not in kinds
