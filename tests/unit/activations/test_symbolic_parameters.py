"""Parameters that are symbols: what holds for every value is told, all else needs a number."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import sympy

import kernelc as kc
from kernelc import gaussian
from kernelc.activations import ScalarFunction, named


A = sympy.Symbol("a", positive=True)
B = sympy.Symbol("b", positive=True)
LEAKY = named("leaky_relu", negative_slope=A)


def test_what_holds_for_every_slope_is_known() -> None:
    assert LEAKY.symbols == {A}
    assert LEAKY.homogeneity == 1
    assert LEAKY.breakpoints == (0.0,)
    assert LEAKY.jumps(0) == ()
    assert not LEAKY.analytic
    assert LEAKY.parity is None
    assert LEAKY.transformed(gamma=2.0).symbols == {A}


def test_the_closed_dual_holds_for_every_slope() -> None:
    found = LEAKY.closed_dual(1, 1, sympy.Rational(3, 10))
    assert found is not None
    want = gaussian.dual(named("leaky_relu", negative_slope=0.2), 1.0, 1.0, 0.3)
    assert float(found.subs(A, 0.2)) == pytest.approx(want, rel=1e-12)


NUMERIC: dict[str, Callable[[ScalarFunction], object]] = {
    "numpy": lambda phi: phi.numpy(),
    "mpmath": lambda phi: phi.mpmath(),
    "jax": lambda phi: phi.jax,
    "jumps": lambda phi: phi.jumps(1),
    "smoothness": lambda phi: phi.smoothness,
    "infeasible": lambda phi: phi.infeasible,
    "dual": lambda phi: gaussian.dual(phi, 1.0, 1.0, 0.3),
    "closed dual": lambda phi: gaussian.dual(phi, 1.0, 1.0, 0.3, method="closed"),
    "cross_dual": lambda phi: gaussian.cross_dual(phi, named("relu"), 1.0, 1.0, 0.3),
    "dual_mp": lambda phi: gaussian.dual_mp(phi, 1, 1, 0.3),
    "moments": gaussian.moments,
    "moments_mp": gaussian.moments_mp,
    "hermite_coefficients": lambda phi: gaussian.hermite_coefficients(phi, 4),
}


@pytest.mark.parametrize("name", NUMERIC)
def test_what_computes_with_numbers_says_so(name: str) -> None:
    with pytest.raises(kc.KernelcError) as caught:
        NUMERIC[name](LEAKY)
    assert caught.value.found == "the symbol a"
    assert caught.value.remedy == "give it one: network.subs(a, 0.5)"
    NUMERIC[name](LEAKY.subs({A: 0.2}))


def test_symbols_are_replaced_all_at_once() -> None:
    assert LEAKY.subs({A: 0.2}) == named("leaky_relu", negative_slope=0.2)
    assert LEAKY.subs({A: B}) == named("leaky_relu", negative_slope=B)
    assert LEAKY.subs({B: 1}) is LEAKY
    moved = named("leaky_relu", negative_slope=A - B).transformed(2, 0, 3, 1)
    assert moved.subs({A: B, B: A}) == named("leaky_relu", negative_slope=B - A).transformed(
        2, 0, 3, 1
    )
    with pytest.raises(kc.ActivationError, match="real"):
        LEAKY.subs({A: sympy.I})


@pytest.mark.parametrize("phi", [LEAKY, LEAKY.transformed(alpha=2.0, delta=1.0)])
def test_descriptions_are_exact(phi: ScalarFunction) -> None:
    assert ScalarFunction.from_dict(json.loads(json.dumps(phi.to_dict()))) == phi
    assert pickle.loads(pickle.dumps(phi)) == phi


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"expr": 1},
        {"expr": ["symbol"]},
        {"expr": "a"},
        {"function": {"name": "relu", "params": {}}},
        {"expr": ["symbol", "a", {}], "more": 1},
        {"expr": ["symbol", "a", {"imaginary": True}]},
        {"expr": "x"},
        "a",
    ],
)
def test_files_with_a_broken_slope_are_refused(value: Any) -> None:
    with pytest.raises(kc.KernelcError):
        ScalarFunction.from_dict({"name": "leaky_relu", "params": {"negative_slope": value}})


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("leaky_relu", {"negative_slope": sympy.I * A}),
        ("leaky_relu", {"negative_slope": sympy.Symbol("z", imaginary=True)}),
        ("leaky_relu", {"negative_slope": sympy.Symbol("z", infinite=True)}),
        ("leaky_relu", {"negative_slope": sympy.Symbol("x", real=True)}),
        ("leaky_relu", {"negative_slope": sympy.oo}),
        ("leaky_relu", {"negative_slope": "a"}),
        ("elu", {"elu_alpha": A}),
        ("celu", {"celu_alpha": A}),
        ("polynomial", {"coefficients": (0, A)}),
    ],
)
def test_other_parameters_are_refused(name: str, params: Any) -> None:
    with pytest.raises(kc.ActivationError):
        named(name, **params)
