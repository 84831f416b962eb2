"""The 1 797 handwritten digits that ship with scikit-learn: real data without a download."""

from __future__ import annotations

import numpy as np

from kernelc._deprecated import renamed_arguments
from kernelc._errors import DataError
from kernelc._packages import needed

from ._dataset import Dataset


@renamed_arguments(standardise="standardize")
def digits(
    test_fraction: float = 1 / 6, seed: int = 0, *, flat: bool = False, standardize: bool = True
) -> Dataset:
    """Handwritten digits, 8 by 8 pixels, ten classes (UCI optical digits, via scikit-learn).

    Arguments:
        test_fraction: share of every class that goes to the test part, between 0 and 1.
        seed: seed of the split and of the order of examples.
        flat: whether examples are vectors of 64 instead of images of shape (8, 8, 1).
        standardize: whether to center and scale by the mean and deviation of all training
            pixels; otherwise pixels lie in [0, 1].

    Returns: a data set with float32 examples.

    Raises:
        DataError: the fraction leaves a class without training or test examples.
        PackageError: scikit-learn is missing (`pip install 'kernelc[data]'`).

    Example:
        >>> digits().train_x.shape[1:], digits(flat=True).test_x.shape[1:]
        ((8, 8, 1), (64,))
    """
    # Imported here: scikit-learn takes about a second to load, and only this needs it.
    source = needed("sklearn.datasets", extra="data", use="kernelc.data.digits")
    pixels, y = source.load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    train, test = _stratified(np.asarray(y), test_fraction, seed)
    data = Dataset(x[train], y[train], x[test], y[test], "digits", 10)
    data = data.standardized() if standardize else data
    return data.flat() if flat else data


def _stratified(y: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if not 0 < fraction < 1 or seed < 0:
        raise DataError(
            where="digits",
            found=f"test_fraction {fraction}, seed {seed}",
            law="The test part is a share strictly between 0 and 1, the seed at least 0",
            remedy="Choose for example test_fraction=1/6, seed=0",
        )
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        cut = round(fraction * len(rows))
        if not 0 < cut < len(rows):
            raise DataError(
                where="digits: test_fraction",
                found=f"{fraction}, which puts {cut} of {len(rows)} examples in the test part",
                law="Every class has training and test examples",
                remedy="Choose a fraction further from 0 and 1",
            )
        test.append(rows[:cut])
        train.append(rows[cut:])
    # Mixed again, so that the first n examples are a fair sample of all classes.
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))
