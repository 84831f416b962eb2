"""Data sets: checks, the built-in digits, and transformations."""

from __future__ import annotations

import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import Dataset, arrays, digits


def parts(**changes):
    given = dict(
        train_x=np.zeros((4, 3)),
        train_y=np.array([0, 1, 2, 0]),
        test_x=np.ones((2, 3)),
        test_y=np.array([2, 1]),
    )
    return given | changes


def test_arrays_counts_classes_and_keeps_the_callers_arrays_writable():
    given = parts()
    data = arrays(**given)
    assert data.classes == 3
    assert not data.train_x.flags.writeable
    assert given["train_x"].flags.writeable
    assert data.train_x.dtype == np.float64
    assert data.train_y.dtype == np.int32


def test_integers_become_float32():
    assert arrays(**parts(train_x=np.ones((4, 3), np.uint8))).train_x.dtype == np.float32


@pytest.mark.parametrize(
    "changes",
    [
        {"train_x": np.zeros((3, 3))},
        {"test_x": np.zeros((2, 4))},
        {"train_x": np.full((4, 3), np.nan)},
        {"test_x": np.full((2, 3), np.inf)},
        {"train_x": np.zeros((0, 3)), "train_y": np.zeros(0, int)},
        {"train_x": np.array([["a"] * 3] * 4)},
        {"train_x": np.zeros((4, 3), complex)},
        {"train_y": np.array([0, 1, 2, 3])},
        {"train_y": np.array([0, -1, 2, 0])},
        {"train_y": np.array([0.0, 1, 2, 0])},
        {"train_y": np.eye(4, dtype=int)},
        # 2**32 is 0 once it is squeezed into 32 bits
        {"train_y": np.array([0, 1, 2, 2**32])},
    ],
)
def test_bad_parts_are_refused(changes):
    with pytest.raises(DataError) as caught:
        Dataset(**parts(**changes), name="mine", classes=3)
    assert caught.value.where.startswith("mine")
    assert caught.value.remedy


def test_a_bad_row_is_named():
    x = np.zeros((4, 3))
    x[2, 1] = np.nan
    with pytest.raises(DataError, match="1 of 4 examples, first 2"):
        arrays(**parts(train_x=x))


def test_digits_split_is_stratified_repeatable_and_complete():
    data, again, other = digits(), digits(), digits(seed=1)
    assert data.train_x.shape[1:] == (8, 8, 1)
    assert len(data.train_x) + len(data.test_x) == 1797
    np.testing.assert_array_equal(data.train_x, again.train_x)
    assert not np.array_equal(data.train_y, other.train_y)
    totals = np.bincount(np.concatenate([data.train_y, data.test_y]))
    # rounding moves at most half an example of a class
    assert np.abs(np.bincount(data.test_y) - totals / 6).max() <= 0.5


def test_digits_have_no_example_in_both_parts():
    data = digits(flat=True, standardize=False)
    assert data.train_x.shape[1:] == (64,)
    assert data.train_x.min() == 0
    assert data.train_x.max() == 1
    train = {row.tobytes() for row in data.train_x}
    assert not train & {row.tobytes() for row in data.test_x}


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1e-6, 0.9999, float("nan")])
def test_digits_refuses_an_empty_part(fraction):
    with pytest.raises(DataError):
        digits(fraction)


def test_standardized_uses_the_training_part_and_survives_constant_features():
    rng = np.random.default_rng(0)
    train = rng.normal(3.0, 2.0, (50, 3))
    train[:, 1] = 0.1  # its mean rounds
    test = rng.normal(3.0, 2.0, (20, 3))
    data = arrays(train, np.arange(50) % 2, test, np.arange(20) % 2).standardized()
    # float64 sums of 50 numbers
    np.testing.assert_allclose(data.train_x.mean(0), 0, atol=1e-14)
    np.testing.assert_allclose(data.train_x.std(0), [1, 0, 1], atol=1e-14)
    np.testing.assert_allclose(
        data.test_x[:, 0], (test[:, 0] - train[:, 0].mean()) / train[:, 0].std(), atol=1e-14
    )


def test_centered_takes_off_the_mean_example_and_keeps_the_ratio_of_features():
    rng = np.random.default_rng(0)
    train = rng.normal((3.0, -1.0), (2.0, 0.5), (50, 2))
    test = rng.normal(3.0, 2.0, (20, 2))
    data = arrays(train, np.arange(50) % 2, test, np.arange(20) % 2).centered()
    # float64 sums of 100 numbers
    np.testing.assert_allclose(data.train_x.mean(0), 0, atol=1e-14)
    assert np.mean(data.train_x**2) == pytest.approx(1, rel=1e-14)
    stds = train.std(0)
    np.testing.assert_allclose(data.train_x.std(0)[0] / data.train_x.std(0)[1], stds[0] / stds[1])
    rms = np.sqrt(np.mean((train - train.mean(0)) ** 2))
    np.testing.assert_allclose(data.test_x, (test - train.mean(0)) / rms, atol=1e-14)


def test_centered_examples_that_are_all_alike_are_zero():
    train = np.full((30, 3), 0.1)  # their mean rounds
    data = arrays(train, np.arange(30) % 2, train[:5] + 1, np.arange(5) % 2).centered()
    np.testing.assert_allclose(data.train_x, 0, atol=1e-15)
    np.testing.assert_allclose(data.test_x, 1, atol=1e-15)


def test_subset_and_flat_and_pln():
    data = digits().subset(100, test=7).pln().flat()
    assert data.train_x.shape == (100, 128)
    assert data.test_x.shape == (7, 128)
    assert data.classes == 10
    for bad in (0, 1499):
        with pytest.raises(DataError):
            digits().subset(bad)
