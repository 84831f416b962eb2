"""Maximal slope, curvature and C value of the nets, against functions written by hand.

The DKS authors write, for each architecture, the largest value over its subnetworks when every
nonlinear layer acts as r. Here the graph says it; both must agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import kernelc as kc
import nets
from kernelc.algebra import CMapReading, Jet, JetReading
from kernelc.ir import KernelAlgebra, regions


BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WEIGHTS = (0.0, 0.3, 0.6, 0.9, math.sqrt(0.9), 0.999, 1.0)
Local = Callable[[float], float]


def exits(network: kc.Network, algebra: KernelAlgebra[Any], start: Any) -> list[Any]:
    """The value that leaves each maximal subnetwork when `start` enters it."""
    found = []
    for region in regions(network):
        values = network.fold(algebra, start, region.nodes, region.entry)
        found.append(values[region.exit])
    return found


def max_slope(network: kc.Network, psi: float) -> float:
    return max(jet.slope for jet in exits(network, JetReading(psi, 0.0), Jet(1.0, 0.0)))


def max_curvature(network: kc.Network, kappa: float) -> float:
    return max(jet.curvature for jet in exits(network, JetReading(1.0, kappa), Jet(1.0, 0.0)))


def max_c_value(network: kc.Network, local: Local) -> float:
    return max(exits(network, CMapReading(local), 0.0))


def times(r: Local, n: int, x: float) -> float:
    for _ in range(n):
        x = r(x)
    return x


def by_hand_v2(depth: int, w: float, r: Local, start: float) -> float:
    n = 3 if depth >= 50 else 2
    x = start
    for stage, blocks in enumerate(BLOCKS[depth]):
        for block in range(blocks):
            projected = block == 0 and (stage > 0 or n == 3)
            shortcut = r(x) if projected else x
            x = w**2 * shortcut + (1 - w**2) * times(r, n, x)
    # The larger of the whole net and one residual branch alone.
    return max(r(x), times(r, n, start))


def by_hand_v1(depth: int, w: float, r: Local, start: float) -> float:
    n = 2 if depth >= 50 else 1
    x = r(start)
    for _ in range(sum(BLOCKS[depth])):
        x = r(w**2 * x + (1 - w**2) * times(r, n, x))
    return max(x, times(r, n, start))


def weighted(depth: int, version: int, w: float) -> kc.Network:
    return nets.resnet(
        depth, 3, (8, 8, 2), "tanh", version=version, form="weighted", shortcut_weight=w, width=2
    )


@pytest.mark.parametrize("depth", [18, 50, 101])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("w", WEIGHTS)
def test_slope_and_curvature_equal_those_written_by_hand(depth, version, w):
    network = weighted(depth, version, w)
    by_hand = by_hand_v1 if version == 1 else by_hand_v2
    for psi in (1.0, 1.008, 1.2):
        # Two orders of some 200 float64 products and sums: a few hundred roundings at most.
        expected = by_hand(depth, w, lambda y, psi=psi: psi * y, 1.0)
        assert max_slope(network, psi) == pytest.approx(expected, rel=1e-13)
    for kappa in (0.01, 0.3):
        expected = by_hand(depth, w, lambda y, kappa=kappa: y + kappa, 0.0)
        assert max_curvature(network, kappa) == pytest.approx(expected, rel=1e-12)


def leaky(a: float) -> Local:
    """The local C map of a leaky ReLU of slope a, scaled to q = 1 (Zhang et al. 2022, eq. 9)."""
    share = (1 - a) ** 2 / (math.pi * (1 + a * a))

    def c_map(c: float) -> float:
        c = min(c, 1.0)
        return c + share * (math.sqrt(1 - c * c) - c * math.acos(c))

    return c_map


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("w", WEIGHTS)
def test_c_value_equals_the_one_written_by_hand(depth, version, w):
    by_hand = by_hand_v1 if version == 1 else by_hand_v2
    expected = by_hand(depth, w, leaky(0.3), 0.0)
    assert max_c_value(weighted(depth, version, w), leaky(0.3)) == pytest.approx(
        expected, rel=1e-12
    )


def test_branches_are_subnetworks_of_their_own():
    """At w = 1 the path sees only the five nonlinearities outside branches.

    Branches are taken alone: three nonlinearities, or two after the shared one, or a projection.
    """
    network = weighted(50, 2, 1.0)
    slopes = [jet.slope for jet in exits(network, JetReading(2.0, 0.0), Jet(1.0, 0.0))]
    assert slopes[0] == 2.0**5
    assert set(slopes[1:]) == {2.0**3, 2.0**2, 1.0}
    chain = weighted(50, 2, 0.0)
    assert [jet.slope for jet in exits(chain, JetReading(2.0, 0.0), Jet(1.0, 0.0))] == [2.0**49]


# Local targets that solve the network equation, 25 digits, from 40-digit arithmetic on the
# authors' ResNet-50 v2 function: DKS zeta = 1.5 and smooth TAT tau = 0.3.
SOLVED = [
    (0.0, 1.008309128894722185244156, 0.006122448979591836734693878),
    (0.5, 1.010692465781941451333487, 0.007894736842105263157894737),
    (0.9486832980505138, 1.042947187653623023351031, 0.03191489361702126332734819),
]


@pytest.mark.parametrize(("w", "psi", "kappa"), SOLVED)
def test_known_local_targets_solve_resnet50(w, psi, kappa):
    network = weighted(50, 2, w)
    # psi is rounded to 1e-16 and the slope has at most 75 times its relative error.
    assert max_slope(network, psi) == pytest.approx(1.5, rel=1e-13)
    assert max_curvature(network, kappa) == pytest.approx(0.3, rel=1e-13)


@pytest.mark.parametrize(
    ("w", "a", "c"),
    [
        (0.0, 0.42590719468746785, 0.9),
        (0.5, 0.357251589170567, 0.9),
        (0.0, 0.0, 0.9874392055131983),
        (0.5, 0.0, 0.9791469677901322),
        (0.9486832980505138, 0.0, 0.8354195537643865),
    ],
)
def test_known_leaky_slopes_solve_resnet50(w, a, c):
    # acos near 1 amplifies rounding to about sqrt(eps) * sqrt(1 - c) * eps per layer.
    assert max_c_value(weighted(50, 2, w), leaky(a)) == pytest.approx(c, abs=1e-12)


@pytest.mark.parametrize("depth", [1, 4, 30])
@pytest.mark.parametrize("w", WEIGHTS)
def test_mlp_slope_is_a_product_over_blocks(depth, w):
    network = nets.mlp(depth, 4, 2, (3,), "tanh", form="weighted", shortcut_weight=w)
    psi = 1.1
    expected = psi * (w**2 + (1 - w**2) * psi) ** (depth - 1)
    assert max_slope(network, psi) == pytest.approx(max(expected, psi), rel=1e-13)


def test_wide_resnet_slope():
    w, psi = 0.6, 1.05
    plain = w**2 + (1 - w**2) * psi**2
    projected = w**2 * psi + (1 - w**2) * psi**2
    network = nets.wide_resnet(16, 2, form="weighted", shortcut_weight=w)
    expected = (plain * projected) ** 3 * psi
    assert max_slope(network, psi) == pytest.approx(expected, rel=1e-13)


def test_convnet_slope():
    w, psi = 0.6, 1.05
    network = nets.convnet(9, 4, form="weighted", shortcut_weight=w)
    # Projected blocks share their only nonlinearity: both terms of the sum have slope psi.
    expected = (w**2 + (1 - w**2) * psi) ** 6 * psi**2 * psi
    assert max_slope(network, psi) == pytest.approx(expected, rel=1e-13)
    chain = nets.convnet(9, 4)
    assert max_slope(chain, psi) == pytest.approx(psi**9, rel=1e-13)
