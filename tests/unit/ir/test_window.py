"""How windows lie on location axes."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
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
PADDED = [
    window
    for n in (1, 2, 3, 5)
    for w in (1, 2, 3)
    for s in (1, 2, 3)
    for d in (1, 2)
    for padding in (((1, 1),), ((0, 2),), ((2, 0),), ((0, 0),), "SAME", "CIRCULAR")
    if min((window := Window((n,), (w,), (s,), padding, (d,))).outputs) > 0
]


@pytest.mark.parametrize(
    "window", WINDOWS + [window for window in PADDED if not window.blind], ids=str
)
def test_pairs_of_taps_and_overlaps_are_those_counted_one_by_one(window: Window) -> None:
    read = [Counter(row[row >= 0].tolist()) for row in window.taps_of(0)]
    visits = Counter(location for row in read for location in row)
    assert window.overlapping == (max(visits.values()) > 1)
    if not window.uneven:
        pairs = [sum(n * n for n in row.values()) for row in read]
        assert {Fraction(p, window.taps**2) for p in pairs} == {window.same_location}


@pytest.mark.parametrize("window", PADDED, ids=str)
def test_taps_are_those_a_convolution_reads(window: Window) -> None:
    (n,), (w,), (s,) = window.locations, window.sizes, window.strides
    circular = window.padding == "CIRCULAR"
    # Each location holds its number plus one, and each tap is an output channel of its own.
    x = np.arange(1.0, n + 1).reshape(1, n, 1)
    if circular:
        low, high = window.pads(0)
        x = x[:, np.arange(-low, n + high) % n]
    found = jax.lax.conv_general_dilated(
        jnp.asarray(x),
        jnp.eye(w)[:, None],
        (s,),
        "VALID" if circular else window.padding,
        rhs_dilation=window.dilation,
        dimension_numbers=("NHC", "HIO", "NHC"),
    )
    taps = window.taps_of(0)
    assert (found[0] - 1).astype(int).tolist() == taps.tolist()
    assert window.uneven == (-1 in taps)
    assert window.blind == any(set(row) == {-1} for row in taps.tolist())
    assert window.lifted(1).taps_of(0).tolist() == taps.tolist()


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
