"""Errors of predictions, which come at once and have a remedy."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from stub_kernels import ArcCosine, Found, data

from kernelc._errors import DataError, KernelcError, ShapeError, UnsupportedError
from kernelc.prediction import KernelRegression, predict


X, Y, Z = data(8, 3)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"k": "relu"}, KernelcError, "kernel_fn"),
        ({"kernel": "tangent"}, UnsupportedError, "'nngp' .* and 'ntk'"),
        ({"y": np.arange(8)}, DataError, "one-hot"),
        ({"y": np.ones((8, 2), bool)}, DataError, "one-hot"),
        ({"y": np.ones((8, 2, 2))}, DataError, "outputs"),
        ({"y": np.ones(0)}, DataError, "outputs"),
        ({"y": np.where(np.arange(8) == 5, np.nan, 1.0)}, DataError, "1 of 8 rows, first 5"),
        ({"y": Y[:7]}, DataError, "8 examples and 7"),
        ({"x": X * np.nan}, DataError, "x_train"),
        ({"z": Z * np.inf}, DataError, "x_test"),
        ({"z": Z[:, :2]}, DataError, r"\(3,\).*\(2,\)"),
        ({"ridge": -0.1}, DataError, "ridge is a finite number 0 or more"),
        ({"ridge": "small"}, DataError, "ridge is"),
        ({"time": -1}, DataError, "None for infinite time"),
        ({"time": np.inf}, DataError, "None for infinite time"),
        ({"time": np.nan}, DataError, "time is"),
        ({"learning_rate": 0}, DataError, "learning_rate is a finite number above 0"),
        ({"learning_rate": True}, DataError, "learning_rate is"),
    ],
)
def test_arguments(changes: dict[str, Any], error: type[KernelcError], message: str) -> None:
    given = {"k": ArcCosine(), "x": X, "y": Y, "z": Z} | changes
    positional = [given.pop(name) for name in "kxyz"]
    with pytest.raises(error, match=message):
        predict(*positional, **given)


def _where(condition: Any, part: str) -> Any:
    """A kernel function whose NNGP is changed where it is of training or test inputs."""

    def k(a: np.ndarray, b: np.ndarray | None = None) -> Found:
        found = ArcCosine()(a, b)
        return found._replace(**{part: condition(found.nngp, a, b)})

    return k


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [
        (_where(lambda k, a, b: None, "nngp"), UnsupportedError, "nngp\nFound: nothing"),
        (_where(lambda k, a, b: k[:, :, None], "nngp"), ShapeError, "Flatten"),
        (_where(lambda k, a, b: k * np.nan, "nngp"), DataError, "finite reals"),
        (_where(lambda k, a, b: k.astype(int), "nngp"), DataError, "int64"),
        (_where(lambda k, a, b: k + np.tri(*k.shape), "nngp"), DataError, "transpose by 1"),
        # Test inputs more alike to training inputs than to themselves.
        (_where(lambda k, a, b: k if b is None else 3 * k, "nngp"), DataError, "a variance of -"),
    ],
)
def test_kernels(k: Any, error: type[KernelcError], message: str) -> None:
    with pytest.raises(error, match=message):
        predict(k, X, Y, Z)


def test_the_mean_alone_needs_no_nngp() -> None:
    k = _where(lambda k, a, b: None, "nngp")
    found = predict(k, X, Y, Z, kernel="ntk", variance=False)
    np.testing.assert_array_equal(found.mean, predict(ArcCosine(), X, Y, Z, kernel="ntk").mean)
    with pytest.raises(UnsupportedError, match="variance=False"):
        predict(k, X, Y, Z, kernel="ntk")
    with pytest.raises(UnsupportedError, match="ntk\nFound: nothing"):
        predict(lambda a, b=None: Found(ArcCosine()(a, b).nngp), X, Y, Z, kernel="ntk")


def _near_twins(apart: float) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([X, X[:1] + apart]), np.concatenate([Y, Y[:1]])


def _indefinite(a: np.ndarray, b: np.ndarray | None = None) -> Found:
    found = ArcCosine()(a, b).nngp
    return Found(found - 0.2 * np.eye(*found.shape) if b is None and len(a) > 3 else found)


@pytest.mark.parametrize(
    ("k", "apart"),
    [(ArcCosine(), 0.0), (ArcCosine(), 1e-10), (ArcCosine(np.float32), 1e-5), (_indefinite, 0.0)],
)
def test_ill_conditioned_matrices(k: Any, apart: float) -> None:
    x, y = _near_twins(apart)
    with pytest.raises(DataError, match="condition number") as caught:
        predict(k, x, y, Z)
    assert "eigenvalues from" in caught.value.found
    ridge = re.search(r"ridge=(\S+) or more", caught.value.remedy)
    assert ridge is not None
    # What the message says to do works, and far less does not.
    found = predict(k, x, y, Z, ridge=float(ridge[1]), variance=k is not _indefinite)
    assert np.isfinite(found.mean).all()
    for change in ({"ridge": 0.1 * float(ridge[1])}, {"time": 1e30}):
        with pytest.raises(DataError, match="condition number"):
            predict(k, x, y, Z, **change)
    with pytest.raises(DataError, match="condition number"):
        KernelRegression(k, x, y).leave_one_out([0.0])


def test_an_indefinite_kernel_has_no_flow() -> None:
    with pytest.raises(DataError, match="indefinite"):
        predict(_indefinite, *_near_twins(0.0), Z, time=0.1)


def test_single_precision_is_named() -> None:
    with pytest.raises(DataError, match="in float64"):
        predict(ArcCosine(np.float32), *_near_twins(0.0), Z)
    with pytest.raises(DataError) as caught:
        predict(ArcCosine(), *_near_twins(0.0), Z)
    assert "float64" not in caught.value.remedy


def test_a_kernel_of_zeros() -> None:
    def zeros(a: np.ndarray, b: np.ndarray | None = None) -> Found:
        return Found(np.zeros((len(a), len(a if b is None else b))))

    with pytest.raises(DataError, match="condition number inf"):
        predict(zeros, X, Y, Z)
    assert (predict(zeros, X, Y, Z, ridge=1.0).mean == 0).all()


def test_two_ways_of_rounding_are_no_contradiction() -> None:
    # Half the digits are left between k(x) and k(x, z), as for kernels near equal inputs.
    k = _where(lambda k, a, b: k if b is None else (1 + 1e-9) * k, "nngp")
    found = predict(k, X, Y, X)
    assert found.variance is not None
    assert (found.variance >= 0).all()
    assert (found.variance < 1e-8).all()


@pytest.mark.parametrize("ridges", [0.1, "0.1", [], None, [-1.0]])
def test_ridges_are_a_list(ridges: Any) -> None:
    with pytest.raises(DataError, match="ridges"):
        KernelRegression(ArcCosine(), X, Y).leave_one_out(ridges)


def test_names_of_classes_are_told_how_to_be_numbered() -> None:
    with pytest.raises(DataError, match="return_inverse"):
        predict(ArcCosine(), X, np.where(Y > 0, "a", "b"), Z)
