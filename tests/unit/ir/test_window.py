"""How windows lie on location axes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

import kernelc as kc
from kernelc.ir import Window


WINDOWS = [
    Window((n,), (w,), (s,), padding)
    for n in (1, 2, 3, 5)
    for w in (1, 2, 3, 4, 7)
    for s in (1, 2, 5)
    for padding in ("SAME", "VALID", "CIRCULAR")
    if padding != "VALID" or w <= n
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_pairs_of_taps_and_overlaps_are_those_counted_one_by_one(window: Window) -> None:
    read = [Counter(row[row >= 0].tolist()) for row in window.taps_of(0)]
    visits = Counter(location for row in read for location in row)
    assert window.overlapping == (max(visits.values()) > 1)
    if not window.uneven:
        pairs = [sum(n * n for n in row.values()) for row in read]
        assert {Fraction(p, window.taps**2) for p in pairs} == {window.same_location}


def test_a_circular_mean_counts_a_location_it_reads_twice() -> None:
    x = kc.Input((2, 4))
    net = kc.Network(x, kc.MeanPool(3, stride=2, padding="CIRCULAR")(x))
    kernel = kc.derive(net)
    # Locations (0, 1, 0): 5 of 9 pairs of taps are of one location, 4 of two.
    found = kernel.evaluate(c=0.5, q=1.0, s=0.25)
    assert found.q == pytest.approx(5 / 9 + 4 / 9 * 0.25, abs=1e-15)
    assert found.nngp == pytest.approx(0.5 * found.q, abs=1e-15)


def test_windows_that_wrap_around_onto_others_overlap() -> None:
    x = kc.Input((5, 4))
    pool = kc.MeanPool(2, stride=2, padding="CIRCULAR")(x)
    with pytest.raises(kc.UnsupportedError, match="overlapping windows"):
        kc.derive(kc.Network(x, kc.GlobalMeanPool()(pool)))
