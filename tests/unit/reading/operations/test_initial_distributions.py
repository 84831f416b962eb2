"""Standard deviations measured from arrays, and the laws they are taken for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelc.reading.operations._initial import initial_table, initial_weights


RNG = np.random.default_rng(11)


@pytest.mark.parametrize("std", [1.0, math.sqrt(2), 1 / math.sqrt(3)])
def test_common_standard_deviations_are_taken_exactly(std):
    found = initial_weights(RNG.normal(0, std / 20, (400, 300)), None)
    assert found["weight_std"] == std
    assert found["init"] == "gaussian"


def test_other_standard_deviations_are_those_of_the_array():
    weight = RNG.normal(0, 0.9 / 20, (400, 300))
    found = initial_weights(weight, None)
    assert found["weight_std"] == pytest.approx(20 * np.sqrt(np.mean(weight**2)), rel=1e-12)


def test_uniform_weights_and_biases_of_torch_and_equinox():
    bound = 1 / math.sqrt(400)
    weight, bias = (RNG.uniform(-bound, bound, shape) for shape in ((400, 300), (300,)))
    found = initial_weights(weight, bias)
    assert found["weight_std"] == 1 / math.sqrt(3)
    assert found["bias_std"] == 1 / math.sqrt(3 * 400)
    assert (found["init"], found["bias_init"]) == ("uniform", "uniform")


def test_weights_of_zero_start_at_zero():
    found = initial_weights(np.zeros((5, 4)), np.zeros(4))
    assert (found["weight_std"], found["init"], found["bias_std"]) == (0.0, "zero", 0.0)


def test_tables_of_transformers():
    assert initial_table(RNG.normal(0, 0.02, (500, 64))) == 0.02
