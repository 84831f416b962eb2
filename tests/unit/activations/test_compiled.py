"""Compiled functions have the name of their activation, and are equal and pickled by value."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy

from kernelc.activations import ScalarFunction, from_expression, named


X = sympy.Symbol("x")
FUNCTIONS = {
    "tanh": named("tanh"),
    "leaky_relu(negative_slope=0.2)": named("leaky_relu", negative_slope=0.2),
    "x*tanh(x)": from_expression(X * sympy.tanh(X)),
    "3*tanh(2*x) + 3": named("tanh").transformed(alpha=2, gamma=3, delta=1),
}


def forms(phi: ScalarFunction) -> dict[str, Any]:
    return {"": phi.jax, "'": phi.numpy(1), "''": phi.mpmath(2)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_compiled_function_is_called_what_the_activation_is_called(name):
    for marks, form in forms(FUNCTIONS[name]).items():
        assert form.__name__ == name + marks
        assert repr(form) == f"<activation {name}{marks}>"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("how", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_copies_are_equal_and_compute_the_same(name, how):
    phi = FUNCTIONS[name]
    points = np.linspace(-3, 3, 7)
    for form in forms(phi).values():
        again = how(form)
        assert again == form
        assert hash(again) == hash(form)
    np.testing.assert_array_equal(how(phi.jax)(jnp.asarray(points)), phi.jax(jnp.asarray(points)))
    np.testing.assert_array_equal(how(phi.numpy(1))(points), phi.numpy(1)(points))
    assert how(phi.mpmath(2))(mpmath.mpf(1)) == phi.mpmath(2)(mpmath.mpf(1))


def test_functions_made_from_equal_descriptions_share_compiled_code():
    traced = []

    def run(phi, x):
        traced.append(phi)
        return phi(x)

    compiled = jax.jit(run, static_argnums=0)
    first = named("tanh").jax
    for phi in (first, pickle.loads(pickle.dumps(first)), named("tanh").jax):
        compiled(phi, jnp.ones(2))
    assert len(traced) == 1


def test_unlike_functions_and_orders_differ():
    assert named("tanh").jax != named("sigmoid").jax
    assert named("tanh").numpy(0) != named("tanh").numpy(1)
    assert named("tanh").numpy(0) != named("tanh").mpmath(0)
    assert named("tanh").jax != jnp.tanh
