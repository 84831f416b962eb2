"""Streamed examples: checks of each batch, and random crops and mirrors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import Rows, Stream, arrays, augmented


def stream(make, count: int = 4) -> Rows:
    y = np.arange(count) % 2
    return Stream(make, y, shape=(2,), name="made", classes=2).train_x


def doubled(rows, draw):
    return np.stack([rows, 2 * rows], axis=1)


def test_examples_become_float32_in_the_order_asked() -> None:
    x = stream(doubled)
    taken = x.take(np.array([3, 1, 3]))
    assert taken.dtype == np.float32
    assert taken.tolist() == [[3, 6], [1, 2], [3, 6]]
    assert x.like(3).shape == (3, 2)


def bad_values(value):
    return lambda rows, draw: np.where(rows == 2, value, 0.0)[:, None] * np.ones(2)


def raises(rows, draw):
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (bad_values(np.nan), "example 2\nFound: NaN or infinity"),
        (bad_values(np.inf), "example 2"),
        (bad_values(1e39), "example 2"),  # beyond float32
        (lambda rows, draw: np.zeros((len(rows), 3)), r"shape \(4, 3\)"),
        (lambda rows, draw: np.zeros((1, 2)), r"shape \(1, 2\)"),
        (lambda rows, draw: np.zeros((len(rows), 2), complex), "complex"),
        (lambda rows, draw: [["a", "b"]] * len(rows), "dtype <U1"),
        (lambda rows, draw: None, "dtype object"),
        (raises, "OSError: the disk is gone"),
        (lambda rows: rows, "TypeError"),
    ],
)
def test_what_is_made_is_checked(make, told: str) -> None:
    with pytest.raises(DataError, match=told):
        stream(make).take(np.arange(4))


def test_large_values_are_no_infinities() -> None:
    # Their sum is one.
    x = stream(lambda rows, draw: np.full((len(rows), 2), 3e38))
    assert np.isfinite(x.take(np.arange(4))).all()


@pytest.mark.parametrize("rows", [[4], [-1], [0.5], [[0]], [], ["a"], [True]])
def test_rows_that_are_none_are_refused(rows) -> None:
    with pytest.raises(DataError, match="whole numbers from 0 to 3"):
        stream(doubled).take(np.array(rows))


@pytest.mark.parametrize("shape", [(), (0,), (2.0,), 2, [2], (-1, 3), None])
def test_shapes_that_are_none_are_refused(shape) -> None:
    with pytest.raises(DataError, match="shape"):
        Stream(doubled, np.arange(2), shape=shape, name="made", classes=2)


def test_labels_and_makers_are_checked() -> None:
    no_function: Any = np.zeros((2, 2))
    with pytest.raises(DataError, match="labels from 0 to 2"):
        Stream(doubled, np.arange(3), shape=(2,), name="made", classes=2)
    with pytest.raises(DataError, match="a function"):
        Stream(no_function, np.arange(2), shape=(2,), name="made", classes=2)


def images(size: int = 5, count: int = 64):
    x = 1 + np.arange(count * size * size * 2, dtype=np.float32).reshape(count, size, size, 2)
    return arrays(x, np.arange(count) % 2, x[:3], np.arange(3) % 2, name="images")


def test_augmented_images_are_windows_of_the_padded_ones_or_their_mirrors() -> None:
    data = images()
    made = augmented(data, pad=2).train_x.take(np.arange(64), np.random.default_rng(0))
    seen = set()
    for x, image in zip(data.train_x, made, strict=True):
        border = np.pad(x, ((2, 2), (2, 2), (0, 0)))
        found = [
            (top, left, flip)
            for top in range(5)
            for left in range(5)
            for flip in (1, -1)
            if np.array_equal(border[top : top + 5, left : left + 5][:, ::flip], image)
        ]
        assert len(found) == 1
        seen.add(found[0])
    # of the 50 kinds 64 draws miss a few, but no row, column or side
    for axis, values in enumerate((range(5), range(5), (1, -1))):
        assert {one[axis] for one in seen} == set(values)


def test_augmentation_is_of_the_generator_and_of_training_only() -> None:
    data, rows = images(), np.array([5, 2])
    made = augmented(data, pad=1)
    np.testing.assert_array_equal(made.train_x.take(rows), data.train_x[rows])
    np.testing.assert_array_equal(made.test_x.take(np.arange(3)), data.test_x)
    one, same, other = (made.train_x.take(rows, np.random.default_rng(n)) for n in (0, 0, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    plain = augmented(data, pad=0, flip=False).train_x
    np.testing.assert_array_equal(plain.take(rows, np.random.default_rng(0)), data.train_x[rows])


def test_what_is_no_image_or_no_border_is_refused() -> None:
    with pytest.raises(DataError, match="height, width, channels"):
        augmented(images().flat())
    borders: tuple[Any, ...] = (-1, 1.5, True)
    for pad in borders:
        with pytest.raises(DataError, match="pad"):
            augmented(images(), pad=pad)


def test_arguments_that_were_told_by_their_place_warn():
    def make(rows, draw):
        return np.stack([rows, rows], 1)

    y = np.arange(2)
    former: Any = Stream
    with pytest.warns(DeprecationWarning, match="keywords.*: test=, test_y=, shape=, name="):
        data = former(make, y, make, y, (2,), "made", 2)
    assert (data.shape, data.name, data.classes, len(data.test_x)) == ((2,), "made", 2, 2)
    with pytest.warns(match="keywords"), pytest.raises(TypeError, match="multiple values"):
        former(make, y, make, test=make, shape=(2,), name="made", classes=2)
