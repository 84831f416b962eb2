"""Per-location normalization against its formula, and at its edges."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kernelc import DataError
from kernelc.data import pln


IMAGES = np.random.default_rng(0).normal(2.0, 3.0, (5, 4, 4, 3))


def formula(x, h):
    x = np.concatenate([x, np.broadcast_to(h, (*x.shape[:-1], 1))], axis=-1)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True))


def test_modes_follow_their_formula():
    rms = np.sqrt((IMAGES**2).mean(axis=(1, 2, 3), keepdims=True))
    # float64, a handful of operations
    np.testing.assert_allclose(pln(IMAGES), formula(IMAGES, 1.0), rtol=1e-14)
    np.testing.assert_allclose(pln(IMAGES, "avg_q"), formula(IMAGES, rms), rtol=1e-14)
    off = IMAGES / np.sqrt((IMAGES**2).mean(axis=-1, keepdims=True))
    np.testing.assert_allclose(pln(IMAGES, "off"), off, rtol=1e-14)


@pytest.mark.parametrize("mode", ["one", "avg_q", "off"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])
def test_every_location_has_q_value_one_and_the_dtype_stays(mode, dtype):
    x = IMAGES.astype(dtype)
    x[0] = 0
    x[1, 2, 2] = 0
    out = pln(x, mode)
    assert out.dtype == dtype
    wide = out.astype(np.float64)
    # each entry is rounded once to the dtype
    np.testing.assert_allclose((wide**2).mean(-1), 1, rtol=4 * float(ml_dtypes.finfo(dtype).eps))


def test_zero_locations_become_ones_where_there_is_no_coordinate():
    assert (pln(np.zeros((2, 3, 3)), "off") == 1).all()
    assert (pln(np.zeros((2, 3, 3)), "avg_q") == 1).all()
    np.testing.assert_allclose(pln(np.zeros((2, 3))), [[0, 0, 0, 2]] * 2)


@pytest.mark.parametrize("size", [1e300, 1e-300, 5e-324])
def test_extreme_values_neither_overflow_nor_vanish(size):
    np.testing.assert_allclose(pln(np.full((2, 4), size), "off"), 1, rtol=1e-15)


def test_scalars_and_integers():
    assert pln(np.array([1, -1])).dtype == np.float32
    np.testing.assert_allclose(pln(np.array([1, -1])), [[1, 1], [-1, 1]])


@pytest.mark.parametrize(
    ("x", "mode"),
    [
        (np.ones((2, 3)), "avg_q"),
        (np.ones((2, 3)), "two"),
        (np.array([[np.nan, 1.0]]), "one"),
        (np.ones((0, 3)), "one"),
        (np.ones((2, 3), complex), "one"),
        (np.array(1.0), "one"),
        (np.array([["a"]]), "one"),
    ],
)
def test_bad_input_is_refused(x, mode):
    with pytest.raises(DataError):
        pln(x, mode)
