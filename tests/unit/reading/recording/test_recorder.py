"""Steps of a model: functions of one value are fused, views pass them, the rest is dropped."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from kernelc.reading._build import build
from kernelc.reading.operations._elementwise import ARGUMENT, activation
from kernelc.reading.operations._linear import Affine
from kernelc.reading.operations._operation import UnknownOperation
from kernelc.reading.operations._views import Reshaped, Transposed
from kernelc.reading.recording._graph import Recorder


RNG = np.random.default_rng(3)
WEIGHT = RNG.normal(size=(4, 4)).astype(np.float32)


def recorded(*shape: int) -> Recorder:
    return Recorder(shape, batched=True)


def test_products_and_sums_of_one_value_are_one_activation():
    r = recorded(1, 4)
    hidden = r.record(Affine(WEIGHT), [r.input], (1, 4))
    gate = r.apply(lambda u: 1 / (1 + sympy.exp(-u)), [hidden])
    out = r.record(Affine(WEIGHT), [r.multiply(hidden, gate, (1, 4))], (1, 4))
    layers = [node.layer.text() for node in build(r.captured(out), "net").network]
    assert layers[2] == "Activation('swish')"
    assert len(layers) == 4


def test_functions_on_both_sides_of_a_view_are_one_function():
    r = recorded(1, 2, 3)
    doubled = r.apply(lambda u: 2 * u, [r.input])
    turned = r.record(Transposed((0, 2, 1)), [doubled], (1, 3, 2))
    halved = r.apply(lambda u: u / 2, [turned])
    assert halved.function == ARGUMENT
    again = r.record(Transposed((0, 2, 1)), [r.input], (1, 3, 2))
    assert again.step == halved.step


def test_a_sum_of_two_values_keeps_their_factors():
    r = recorded(1, 4)
    hidden = r.record(Affine(WEIGHT), [r.input], (1, 4))
    half = r.apply(lambda u: u / 2, [hidden])
    total = r.add(r.input, half, (1, 4), sign=-1)
    network = build(r.captured(total), "net").network
    assert network.nodes[-1].layer.text() == "WeightedSum((1, -0.5))"


def test_steps_that_nothing_reads_are_left_out():
    r = recorded(1, 4)
    r.record(Affine(WEIGHT), [r.input], (1, 4))
    kept = r.record(Reshaped(), [r.input], (1, 2, 2))
    assert len(r.captured(kept).steps) == 2


U = ARGUMENT


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (sympy.Max(U, 0), "Activation('relu')"),
        (sympy.Max(U, 0.25 * U), "Activation('leaky_relu', negative_slope=0.25)"),
        (0.5 * U * (1 + sympy.erf(U / sympy.sqrt(2))), "Activation('gelu')"),
        (U * sympy.tanh(sympy.log(1 + sympy.exp(U))), "Activation('mish')"),
        (1.7 * sympy.tanh(U), "Activation('tanh', alpha=1, beta=0, gamma=1.7, delta=0)"),
        (sympy.Max(U, 0) ** 2, None),
    ],
)
def test_activations_have_their_names(function, text):
    found = activation(function)
    xs = np.linspace(-3, 3, 25)
    wanted = sympy.lambdify(U, function, ["scipy", "numpy"])(xs)
    np.testing.assert_allclose(found.scalar.numpy()(xs), wanted, atol=1e-6)
    assert text is None or found.text() == text


@pytest.mark.parametrize("function", [sympy.Integer(3), sympy.log(U), 1 / (U - U)])
def test_what_is_no_function_of_a_real_number_is_no_activation(function):
    with pytest.raises(UnknownOperation):
        activation(sympy.sympify(function))
