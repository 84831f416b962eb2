"""The values of a derived kernel, and its errors."""

from __future__ import annotations

import math

import pytest
import sympy

import kernelc as kc
import nets


def chain(depth: int, activation: str = "tanh") -> kc.Network:
    return nets.mlp(depth, 8, 4, (8,), activation=activation)


def test_a_relu_layer_has_the_arc_cosine_map() -> None:
    kernel = kc.derive(chain(1, "relu"))
    c = kernel.c
    known = (sympy.sqrt(1 - c**2) + c * (sympy.pi - sympy.acos(c))) / sympy.pi
    assert sympy.simplify(kernel.c_map - known) == 0
    assert kernel.q_map == kernel.q / 2


def test_repeats_are_written_as_powers_whatever_the_depth() -> None:
    for depth in (100, 1000):
        kernel = kc.derive(kc.shape(chain(depth)))
        assert str(kernel.c_map) == f"C_tanh^{depth}(c)"
        assert kernel.c_slope == kernel.psi**depth
        assert rf"C_{{\mathrm{{tanh}}}}^{{\circ {depth}}}" in kernel.latex()


def test_the_derivative_of_an_iterated_map_is_one_line_and_right() -> None:
    kernel = kc.derive(kc.shape(chain(60, "erf")))
    slope = kernel.c_map.diff(kernel.c)
    # DKS asks for C_f'(1) = zeta = 1.5; 60 factors lose a few ulps.
    assert float(slope.subs(kernel.c, 1.0)) == pytest.approx(1.5, abs=1e-12)
    step = 1e-5
    around = [kernel.evaluate(c=0.3 + d).c for d in (step, -step)]
    numeric = (around[0] - around[1]) / (2 * step)
    # The central difference is off by about step^2 and 1e-16 / step.
    assert float(slope.subs(kernel.c, 0.3)) == pytest.approx(numeric, abs=1e-9)


def test_weights_of_sums_may_be_symbols() -> None:
    w = sympy.Symbol("w", positive=True)
    net = nets.mlp(4, 8, 4, (8,), activation="erf", form="weighted", shortcut_weight=w)
    kernel = kc.derive(net)
    assert w in kernel.c_map.free_symbols
    at = kernel.evaluate(c=0.4, w=0.6)
    assert kc.derive(net.subs({w: 0.6})).evaluate(c=0.4).c == pytest.approx(at.c, abs=1e-14)


def test_a_weight_of_the_name_of_the_cosine_is_refused() -> None:
    c = sympy.Symbol("c", positive=True)
    net = nets.mlp(2, 8, 4, (8,), activation="erf", form="weighted", shortcut_weight=c)
    with pytest.raises(kc.KernelcError, match="a symbol named c"):
        kc.derive(net)
    w = sympy.Symbol("w", positive=True)
    with pytest.raises(kc.KernelcError, match="two symbols named c"):
        kc.derive(net.subs(c, w)).subs(w, c).evaluate(c=0.4)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"c": 2.0}, "c = 2.0"),
        ({"c": math.nan}, "nan"),
        ({"c": 0.1, "q": -1}, "q = -1"),
        ({"c": 0.1, "wrong": 1.0}, "wrong"),
        ({"c": 0.1, "dps": 0}, "dps = 0"),
    ],
)
def test_what_is_no_number_of_the_kernel_is_refused(arguments: dict, found: str) -> None:
    with pytest.raises(kc.KernelcError, match=found):
        kc.derive(chain(2)).evaluate(**arguments)


def test_a_kernel_derived_for_one_q_refuses_another() -> None:
    kernel = kc.derive(chain(2), q=1)
    assert kernel.evaluate(c=0.5).c == kernel.evaluate(c=0.5, q=1).c
    with pytest.raises(kc.KernelcError, match="q = 3"):
        kernel.evaluate(c=0.5, q=3)


def test_a_formula_too_long_to_write_out_is_refused_at_once() -> None:
    kernel = kc.derive(nets.mlp(41, 8, 4, (8,), form="weighted", shortcut_weight=0.6))
    with pytest.raises(kc.UnsupportedError, match="written out"):
        kernel.expand()


def test_a_formula_that_nests_too_deeply_is_not_expanded() -> None:
    """C_tanh(C_tanh(...)) is short, and deeper than SymPy can follow."""
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8), kc.LayerNorm(), kc.Activation("tanh"))
    kernel = kc.derive(kc.Network(x, kc.repeat(block, 260)(x)))
    with pytest.raises(kc.UnsupportedError, match="nest too deeply") as error:
        kernel.expand()
    # Fewer layers are refused for the size of the NTK.
    assert isinstance(error.value.__cause__, RecursionError)


def test_expanding_keeps_the_value() -> None:
    kernel = kc.derive(nets.mlp(20, 8, 4, (8,), activation="tanh"))
    # Substitution changes nothing but the order of float operations.
    assert kernel.expand().evaluate(c=0.3).c == pytest.approx(kernel.evaluate(c=0.3).c, abs=1e-13)


@pytest.mark.parametrize("depth", [30, 100])
def test_rounding_does_not_take_an_input_from_itself_in_a_chaotic_network(depth):
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8, weight_std=2.5), kc.Activation("erf"))
    kernel = kc.derive(kc.Network(x, kc.repeat(block, depth)(x)), q=1)
    assert (kernel.evaluate(c=1.0).c, kernel.evaluate(c=-1.0).c) == (1.0, -1.0)
    assert abs(kernel.evaluate(c=0.99).c) < 0.9
