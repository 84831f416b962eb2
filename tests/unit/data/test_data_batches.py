"""The order of batches."""

from __future__ import annotations

import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import arrays, batch_indices


def test_an_epoch_takes_no_example_twice_and_drops_the_rest():
    rows = np.concatenate([batch_indices(10, 3, 0, step) for step in range(3)])
    assert len(set(rows.tolist())) == 9
    later = np.concatenate([batch_indices(10, 3, 0, step) for step in range(3, 6)])
    assert not np.array_equal(rows, later)


def test_every_example_comes_up_over_the_epochs():
    rows = np.concatenate([batch_indices(10, 3, 0, step) for step in range(60)])
    assert set(rows.tolist()) == set(range(10))


def test_order_depends_on_seed_and_step_alone():
    ahead = batch_indices(50, 7, 3, 1000)
    for step in range(20):
        batch_indices(50, 7, 3, step)
    np.testing.assert_array_equal(ahead, batch_indices(50, 7, 3, 1000))
    assert not np.array_equal(ahead, batch_indices(50, 7, 4, 1000))


@pytest.mark.parametrize("bad", [(5, 6, 0, 0), (5, 0, 0, 0), (5, 1, -1, 0), (5, 1, 0, -1)])
def test_bad_numbers_are_refused(bad):
    with pytest.raises(DataError):
        batch_indices(*bad)


@pytest.mark.parametrize("wrong", ["10", 10.0, None])
def test_what_is_no_whole_number_is_refused(wrong):
    with pytest.raises(DataError, match="whole number"):
        batch_indices(wrong, 2, seed=0, step=0)
    with pytest.raises(DataError, match="whole number"):
        arrays(np.ones((3, 2)), [0, 1, 0]).subset(wrong)


def test_whole_numbers_may_be_those_of_numpy():
    ours = batch_indices(np.int64(10), np.int64(2), seed=np.int64(0), step=np.int64(1))
    np.testing.assert_array_equal(ours, batch_indices(10, 2, seed=0, step=1))
