"""Plans: networks whose rules hold at all q values are planned once, others for each range."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_networks import data, named

import kernelc as kc


@pytest.mark.parametrize(
    ("name", "shared"), [("rectified, biases", True), ("closed form", False), ("series", False)]
)
def test_a_plan_serves_other_ranges_where_no_rule_has_one(name: str, shared: bool) -> None:
    k = kc.kernel_fn(named(name))
    first, second = k.program, k._compiled(None, 100.0)
    assert (first.plan is second.plan) is shared
    assert second.largest == 100.0


def test_kernels_of_a_shared_plan_are_those_of_an_own_one() -> None:
    net, x = named("rectified, biases"), 10 * data("rectified, biases")
    shared = kc.kernel_fn(net)
    found = shared(x)
    _, (_, largest, _, _) = shared._programs
    own = kc.kernel_fn(net, largest_q=largest)
    np.testing.assert_array_equal(found.ntk, own(x).ntk)
    assert len(own._programs) == 1
