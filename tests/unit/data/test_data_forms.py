"""Data of scikit-learn, pandas and Keras users: lists, frames, columns, floats, one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from kernelc import DataError
from kernelc.data import Dataset, Rows, Stream, arrays, as_dataset, augmented, digits, parts, split


class Frame:
    """A data frame: named columns, and an array of all values."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = list(columns)
        self._values = list(columns.values())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        kinds = {type(column[0]) for column in self._values}
        values = np.array(self._values, object if len(kinds) > 1 else None).T
        return values if dtype is None else values.astype(dtype)


X = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("y", "classes", "kept"),
    [
        ([0, 2, 1], 3, np.array([0, 2, 1], np.int32)),
        ([True, False, True], 2, np.array([1, 0, 1], np.int32)),
        # A column of whole numbers, as cifar10.load_data of Keras gives it.
        ([[0], [2], [1]], 3, np.array([0, 2, 1], np.int32)),
        (np.array([0, 2, 1], object), 3, np.array([0, 2, 1], np.int32)),
        ([0.5, 1.0, -2.0], None, np.array([0.5, 1.0, -2.0])),
        ([[0.5], [1.0], [-2.0]], None, np.array([[0.5], [1.0], [-2.0]])),
        ([[0, 1], [1, 1], [0, 0]], None, np.array([[0, 1], [1, 1], [0, 0]], np.int32)),
        ([-1, 1, 1], None, np.array([-1, 1, 1], np.int32)),
        ([2**40, 1, 1], None, np.array([2.0**40, 1, 1])),
        (np.zeros((3, 2, 2, 1), np.float32), None, np.zeros((3, 2, 2, 1), np.float32)),
    ],
)
def test_targets_keep_their_meaning(y: Any, classes: int | None, kept: np.ndarray) -> None:
    data = as_dataset((X, y))
    assert data.classes == classes
    assert data.train_y.dtype == kept.dtype
    np.testing.assert_array_equal(data.train_y, kept)
    assert data.part("test") is data.part("validation") is None


def test_a_frame_of_numbers_is_read_by_its_values() -> None:
    frame = Frame(age=[31, 45], tall=[True, False], weight=[70.5, 80.0])
    data = as_dataset((frame, [0, 1]))
    np.testing.assert_array_equal(data.train_x, [[31, 1, 70.5], [45, 0, 80]])


@pytest.mark.parametrize(
    ("x", "told"),
    [
        (Frame(age=[31, 45, 2], city=["Bern", "Rome", "Oslo"]), "'Bern', in the columns 'city'"),
        (Frame(age=[31.0, np.nan, 1.0], size=[1.0, 2.0, 3.0]), "first 1, in the columns 'age'"),
        (Frame(age=[31, None, 4], size=[1.0, 2.0, 3.0]), "None, in the columns 'age'"),
        (scipy.sparse.eye_array(3), "sparse"),
        (scipy.sparse.csr_matrix(np.eye(3)), "toarray"),
        (np.ma.masked_equal(np.eye(3), 1), "masked"),
        ([[1.0], [1.0, 2.0], [3.0]], "rows of one length"),
        ([["a"], ["b"], ["c"]], "text"),
        (np.array(["2020-01-01"] * 3, "datetime64[D]"), "datetime64"),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_what_holds_no_numbers_is_told(x: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        as_dataset((x, [0, 1, 0]))


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (["cat", "dog", "cat"], "return_inverse"),
        ([0, 1], "3 examples and 2 targets"),
        ([0.0, np.nan, 1.0], "first 1"),
        ([], "non-empty"),
        (None, "numbers"),
    ],
)
def test_bad_targets_are_told(y: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        as_dataset((X, y))


@pytest.mark.parametrize(
    ("y", "told"),
    [(np.eye(3), r"numpy\.argmax"), ([0.0, 1.0, 2.0], r"y\.astype\(int\)")],
)
def test_labels_in_another_form_are_told_as_such(y: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        arrays(X, y, classes=3)


@pytest.mark.parametrize("data", [X, np.eye(3), (X,), (X, [0, 1, 1], X), "digits", None, 3])
def test_what_is_no_data_is_told(data: Any) -> None:
    with pytest.raises(DataError, match=r"Data is a Dataset|targets"):
        as_dataset(data)


def test_six_arrays_are_three_parts_and_all_are_prepared_alike() -> None:
    x = np.random.default_rng(0).normal(3, 2, (20, 4))
    y = x.sum(axis=1)
    data = as_dataset((x[:10], y[:10], x[10:14], y[10:14], x[14:], y[14:]))
    assert [len(part.y) for part in parts(data) if part is not None] == [10, 4, 6]
    scaled = data.standardized()
    mean, std = x[:10].mean(0), x[:10].std(0)
    # float64 sums of ten numbers
    np.testing.assert_allclose(scaled.validation_x, (x[10:14] - mean) / std, atol=1e-13)
    np.testing.assert_allclose(scaled.test_x, (x[14:] - mean) / std, atol=1e-13)
    assert data.flat().pln().subset(5).validation_x.shape == (4, 5)


def test_a_data_set_without_test_part_can_be_prepared() -> None:
    data = as_dataset((np.random.default_rng(0).normal(size=(6, 2, 2, 1)), [0, 1, 2, 0, 1, 2]))
    for changed in (data.pln(), data.flat(), data.standardized(), data.centered(), data.subset(3)):
        assert changed.part("test") is None
        assert changed.test_x.shape == (0, *changed.train_x.shape[1:])
    stream = augmented(data, pad=1)
    assert stream.part("test") is stream.part("validation") is None
    assert len(stream.test_x) == 0


def test_parts_of_unlike_targets_are_refused() -> None:
    with pytest.raises(DataError, match="one type"):
        as_dataset((X, [0, 1, 1], X, [0.5, 1.0, 1.0]))
    with pytest.raises(DataError, match="one shape"):
        Dataset(np.eye(3), np.eye(3), np.eye(3), np.zeros(3))


def test_streams_are_parts_and_no_data_set() -> None:
    def make(rows: np.ndarray, draw: Any) -> np.ndarray:
        return rows[:, None] / 2

    stream = Stream(make, [0.5, 1.0], shape=(1,), name="halves", classes=None)
    assert parts(stream).test is None
    with pytest.raises(DataError, match="take"):
        as_dataset(stream)
    with pytest.raises(DataError, match="take"):
        as_dataset((Rows(make, (2, 1), "halves"), [0, 1]))


def test_a_share_is_held_out_once_and_for_all() -> None:
    data = parts(digits(flat=True)).train
    kept, held = split(data, 0.2, seed=3)
    assert (len(kept.y), len(held.y)) == (1198, 300)
    rows = {row.tobytes() for row in data.x}
    assert {row.tobytes() for row in kept.x} | {row.tobytes() for row in held.x} == rows
    np.testing.assert_array_equal(split(data, 0.2, seed=3)[1].x, held.x)
    assert not np.array_equal(split(data, 0.2, seed=4)[1].x, held.x)
    for bad in (0, 1, -0.1, 1e-9, float("nan")):
        with pytest.raises(DataError):
            split(data, bad, seed=0)
    made = split(parts(augmented(digits(), pad=1)).train, 0.2, seed=3)[1]
    np.testing.assert_array_equal(made.x.take(np.arange(5)).reshape(5, -1), held.x[:5])
    np.testing.assert_array_equal(made.y, held.y)


def test_pairs_as_keras_loads_them_are_parts() -> None:
    x, y = np.ones((4, 2, 2)), np.array([0, 1, 0, 1])
    data = as_dataset(((x, y), (x[:2], y[:2])))
    assert data.train_x.shape == (4, 2, 2)
    assert data.test_x.shape == (2, 2, 2)
    assert as_dataset(((x, y), (x, y), (x[:1], y[:1]))).validation_x.shape == (4, 2, 2)
    assert as_dataset([(x, y), [x[:2], y[:2]]]).test_x.shape == (2, 2, 2)
    # Tuples of two rows are examples and targets as before.
    assert as_dataset((((0.0, 1.0), (1.0, 0.0)), (0, 1))).train_x.shape == (2, 2)


@pytest.mark.parametrize("counts", [(4, 2), (2, 2)])
def test_the_order_of_train_test_split_is_told(counts: tuple[int, int]) -> None:
    x, y = np.ones((6, 3)), np.arange(6) % 2
    first, second = counts
    split = (x[:first], x[:second], y[:first], y[:second])
    with pytest.raises(DataError, match=r"\(data\[0\], data\[2\], data\[1\], data\[3\]\)"):
        as_dataset(split)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"x": X, "y": [0, 1, 0]}, r"\(data\['x'\], data\['y'\]\)"),
        ("data.npz", r"numpy\.load"),
        ((Frame(city=["a", "b"], age=[1, 2]), [0, 1]), "get_dummies"),
        ((X, np.array(["a", "b", "a"], object)), "return_inverse"),
        ((X, np.array(["a", None, "a"], object)), "without a class"),
    ],
)
def test_what_is_no_array_is_answered_with_how_to_read_it(data: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        as_dataset(data)


def test_augmented_takes_any_form() -> None:
    images = np.ones((4, 6, 6, 1))
    stream = augmented((images, [0, 1, 0, 1]), pad=1)
    assert stream.train_x.take(np.arange(2), np.random.default_rng(0)).shape == (2, 6, 6, 1)
