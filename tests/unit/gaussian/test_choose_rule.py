"""Which rule serves an activation, where tables of it do not settle."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy

import kernelc as kc
from kernelc.gaussian import dual
from kernelc.gaussian._choose_rule import rule_for
from kernelc.gaussian._hermite import HermiteRule
from kernelc.gaussian._pair import Pair
from kernelc.gaussian._panels import PanelRule
from kernelc.gaussian._rectified import ShiftedRectifiedRule


X = sympy.Symbol("x")
RATIONAL = kc.Activation((X**2 - 2) / (X**4 + 3)).function
# The largest q value each sees: no tables settle, and series of the first are too long.
UNSETTLED = {"rational": (RATIONAL, 2.2), "mish": (kc.Activation("mish").function, 1.1)}


@pytest.mark.parametrize("name", UNSETTLED)
def test_what_no_table_holds_is_integrated(name: str) -> None:
    phi, largest = UNSETTLED[name]
    q = np.array([0.2, 0.9])
    c = np.array([-1.0, 0.3, 1 - 1e-6])
    with jax.enable_x64(True):
        left, right = (jax.numpy.asarray(x) for x in (q[:, None, None], q[None, :, None]))
        rule = rule_for(phi, left, (0.1, largest))
        assert isinstance(rule, PanelRule if name == "rational" else HermiteRule)
        gap = jax.numpy.asarray(np.broadcast_to(1 - c, (2, 2, 3)))
        size = jax.numpy.sqrt(left * right)
        pair = Pair(left, right, (left + right) / 2 - size * (1 - gap), gap)
        found = [np.asarray(rule.value(pair, order)) for order in (0, 1)]
    for i, j, k in np.ndindex(2, 2, 3):
        a, b = float(q[i]), float(q[j])
        for order in (0, 1):
            true = dual(phi, a, b, float(c[k]) * (a * b) ** 0.5, order)
            assert abs(found[order][i, j, k] - true) <= 1e-10 * max(1.0, abs(true))


def test_one_known_q_value_is_a_table_in_the_angle() -> None:
    rule = rule_for(RATIONAL, 1.331, (1.331, 1.331))
    with jax.enable_x64(True):
        gap = jax.numpy.asarray(np.array([0.7, 2.0]))
        found = np.asarray(rule.value(Pair(1.331, 1.331, 1.331 * gap, gap), 0))
    true = [dual(RATIONAL, 1.331, 1.331, 1.331 * c, 0) for c in (0.3, -1.0)]
    assert np.abs(found - true).max() <= 1e-11


def test_shaped_leaky_relus_have_a_closed_form_at_any_q_values() -> None:
    phi = kc.Activation("leaky_relu", negative_slope=0.3).function.transformed(-0.8, 0, 1.3, -0.4)
    q = np.array([0.2, 1.0, 3.0])
    c = np.array([-1.0, -0.4, 0.7, 1 - 1e-9])
    with jax.enable_x64(True):
        left, right = (jax.numpy.asarray(x) for x in (q[:, None, None], q[None, :, None]))
        rule = rule_for(phi, left, (0.1, 4.0))
        assert isinstance(rule, ShiftedRectifiedRule)
        gap = jax.numpy.asarray(np.broadcast_to(1 - c, (3, 3, 4)))
        size = jax.numpy.sqrt(left * right)
        pair = Pair(left, right, (left + right) / 2 - size * (1 - gap), gap)
        values = [np.asarray(rule.value(pair, order)) for order in (0, 1)]
        drops, seconds = np.asarray(rule.drop(pair)), np.asarray(rule.second(left)).ravel()
    for i, j, k in np.ndindex(3, 3, 4):
        a, b = float(q[i]), float(q[j])
        for order in (0, 1):
            args = (phi, a, b, float(c[k]) * (a * b) ** 0.5, order)
            true = dual(*args, one_minus_c=1 - float(c[k]), method="quadrature")
            assert abs(values[order][i, j, k] - true) <= 1e-11
        near = (seconds[i] + seconds[j]) / 2 - values[0][i, j, k]
        assert abs(drops[i, j, k] - near) <= 1e-12
