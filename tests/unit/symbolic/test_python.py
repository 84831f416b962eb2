"""Kernels as Python code: self-contained, and equal to the kernel."""

from __future__ import annotations

import ast
from typing import Any

import jax
import mpmath
import numpy as np
import pytest
import sympy
from test_recurrence import NETWORKS, deep

import kernelc as kc
from kernelc.activations import from_expression


def module(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(text, "kernel", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("language", ["numpy", "jax"])
@pytest.mark.parametrize("name", NETWORKS)
def test_code_recomputes_the_kernel(name: str, language: Any) -> None:
    kernel = kc.derive(NETWORKS[name]())
    more = {"s": 0.2} if "pool" in name else {}
    c = np.array([-0.4, 0.37])
    with jax.enable_x64(True):
        code = module(kernel.to_python(language))["kernel"]
        # One program in place of one for each operation; the first network has those.
        compiled = language == "jax" and name != next(iter(NETWORKS))
        found = (jax.jit(code) if compiled else code)(c, 1.3, **more)
    right = kernel.evaluate(c=c, q=1.3, **more)
    np.testing.assert_allclose(found[0], right.q, rtol=1e-13)
    np.testing.assert_allclose(found[1], right.c, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found[2], right.ntk, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("activation", ["elu", "relu6", "hard_swish", "softplus", "silu", "mish"])
def test_means_without_a_closed_form_are_integrated(activation: str) -> None:
    kernel = kc.derive(deep(activation, 1))
    found = module(kernel.to_python())["kernel"](0.3, 0.8)
    right = kernel.evaluate(c=0.3, q=0.8)
    assert found == pytest.approx((right.q, right.c, right.ntk), rel=1e-12)


def test_mpmath_takes_any_number_of_digits() -> None:
    kernel = kc.derive(deep("erf", 3, bias_std=0.1))
    with mpmath.workdps(40):
        q, c, theta = module(kernel.to_python("mpmath"))["kernel"](mpmath.mpf(1) / 3, mpmath.mpf(1))
        right = kernel.evaluate(c=sympy.Rational(1, 3), q=1, dps=40)
        assert abs(c - right.c) < 1e-38
        assert abs(q - right.q) < 1e-38
        assert abs(theta - right.ntk) < 1e-38


def test_mpmath_integrates() -> None:
    kernel = kc.derive(deep("tanh", 1))
    with mpmath.workdps(15):
        found = module(kernel.to_python("mpmath"))["kernel"](mpmath.mpf(0.3), mpmath.mpf(1))
    assert float(found[1]) == pytest.approx(kernel.evaluate(c=0.3).c, rel=1e-12)


def test_other_symbols_are_arguments() -> None:
    w = sympy.Symbol("w", positive=True)
    x = kc.Input((8,))
    h = kc.Dense(8)(x)
    branch = kc.chain(kc.Activation("erf"), kc.Dense(8))(h)
    kernel = kc.derive(kc.Network(x, kc.WeightedSum((w, sympy.sqrt(1 - w**2)))(h, branch)))
    found = module(kernel.to_python())["kernel"](0.3, w=0.6)
    assert found[1] == pytest.approx(kernel.evaluate(c=0.3, w=0.6).c, rel=1e-13)


@pytest.mark.parametrize("name", ['a"""\nraise SystemExit\n"""', '"', "back\\", "\\", "λ\0\r"])
def test_the_name_of_a_network_is_no_code(name: str) -> None:
    x = kc.Input((3,))
    net = kc.Network(x, kc.chain(kc.Dense(2), kc.Activation("relu"))(x), name=name)
    text = kc.derive(net).to_python()
    assert ast.get_docstring(ast.parse(text)) == (
        f"The kernel of {name} at initialization, in the limit of infinite width."
    )
    assert module(text)["kernel"](1.0)[1] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["lambda", "a b", "x):\n  raise SystemExit\ndef f(", "np", "q_"])
def test_the_name_of_a_symbol_is_that_of_an_argument_or_refused(name: str) -> None:
    w, v = sympy.Symbol(name, positive=True), sympy.Symbol("v", positive=True)
    x = kc.Input((8,))
    h = kc.Dense(8)(x)
    branch = kc.chain(kc.Activation("erf"), kc.Dense(8))(h)
    kernel = kc.derive(kc.Network(x, kc.WeightedSum((w, 0.6))(h, branch)))
    with pytest.raises(kc.KernelcError, match="a symbol named"):
        kernel.to_python()
    found = module(kernel.subs(w, v).to_python())["kernel"](0.3, v=0.8)
    assert found[1] == pytest.approx(kernel.evaluate(0.3, **{name: 0.8}).c, rel=1e-13)


@pytest.mark.parametrize("names", [("a b", "a_b"), ("phi", "phi", "phi2"), ("phi2", "phi", "phi")])
def test_each_activation_has_a_function_of_its_own(names: tuple[str, ...]) -> None:
    x, u = kc.Input((8,)), sympy.Symbol("u")
    functions = [u / (1 + n * u**2) for n in range(1, 4)]
    acts = [from_expression(f, n) for f, n in zip(functions, names, strict=False)]
    layers = [layer for act in acts for layer in (kc.Dense(8), kc.Activation(act))]
    kernel = kc.derive(kc.Network(x, kc.chain(*layers)(x)))
    found = module(kernel.to_python())["kernel"](0.3, 1.2)
    right = kernel.evaluate(0.3, 1.2)
    assert (found[0], found[1]) == pytest.approx((right.q, right.c), rel=1e-10)


def test_another_language_is_refused() -> None:
    with pytest.raises(kc.KernelcError, match="language = 'fortran'"):
        kc.derive(deep("relu", 1)).to_python("fortran")  # type: ignore[arg-type]


def test_code_imports_what_it_uses_alone() -> None:
    text = kc.derive(deep("relu", 2)).to_python()
    assert [line for line in text.splitlines() if "import" in line] == ["import numpy as np"]
