"""Names of activations: each taken by one definition."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import pytest
import sympy

import kernelc as kc
from kernelc.activations import ACTIVATIONS, Definition, X, _registry, named, register


@pytest.fixture(autouse=True)
def definitions() -> Iterator[None]:
    before = dict(ACTIVATIONS)
    yield
    _registry._definitions.clear()
    _registry._definitions.update(before)


def cell(*aliases: str) -> Definition:
    """The definition that a notebook cell registers each time it runs."""
    return register(Definition(name="wave", expression=lambda: sympy.sin(2 * X)), *aliases)


def test_a_cell_may_run_twice():
    first, second = cell("waves", "wavy"), cell("waves")
    assert first is not second
    assert ACTIVATIONS["wave"] is ACTIVATIONS["waves"] is second
    assert "wavy" not in ACTIVATIONS


@pytest.mark.parametrize("name", ["tanh", "silu"])
def test_names_of_the_package_are_taken(name):
    before = dict(ACTIVATIONS)
    with pytest.raises(kc.ActivationError, match="taken by one definition") as caught:
        register(Definition(name="mine", expression=lambda: X**3), name)
    assert "_sigmoidal.py:" in str(caught.value)
    assert "test_registry.py:" in str(caught.value)
    assert dict(ACTIVATIONS) == before


def test_another_function_of_the_same_name_is_refused():
    cell()
    with pytest.raises(kc.ActivationError, match="wave"):
        register(Definition(name="wave", expression=lambda: sympy.sin(3 * X)))
    assert named("wave").expr == sympy.sin(2 * X)


@pytest.mark.parametrize("name", ["", 3, None, "x" * 201])
def test_names_are_short_texts(name):
    with pytest.raises(kc.ActivationError, match="name"):
        register(Definition(name=name, expression=lambda: X**3))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (jax.nn.relu, "pass 'relu'"),
        (jax.nn.gelu, "pass 'gelu' or 'gelu_tanh'"),
        (jnp.tanh, "pass 'tanh'"),
        (lambda u: u, "SymPy expression"),
        ("u*tanh(u)", "SymPy expression"),
        (None, "SymPy expression"),
    ],
)
def test_what_people_pass_as_an_activation_is_answered_with_its_name(given, told):
    with pytest.raises(kc.ActivationError, match=told):
        kc.Activation(given)
