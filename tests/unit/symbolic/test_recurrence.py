"""The recurrences that a kernel prints: their values, their forms, and what they leave out."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy

import kernelc as kc
import nets
from kernelc.symbolic._arc_cosine import ArcCosine
from kernelc.symbolic._row import Composition, Line, Loop, Name, Rows
from kernelc.symbolic._rows import rows
from tests.attack.networks import build, network, of_seed, real_of_seed


def chain(*layers: kc.Layer, shape: tuple[int, ...] = (8,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*layers)(x))


def block(activation: str, bias_std: float = 0.0, weight_std: float = 1.0) -> Any:
    dense = kc.Dense(64, weight_std=weight_std, bias_std=bias_std)
    return kc.chain(dense, kc.Activation(activation))


def deep(activation: str, depth: int = 20, **options: Any) -> kc.Network:
    return chain(kc.repeat(block(activation, **options), depth), kc.Dense(1))


def residual() -> kc.Network:
    x = kc.Input((8,))
    h = kc.Dense(64)(x)
    branch = kc.chain(kc.Activation("relu"), kc.Dense(64, weight_std=2**0.5))(h)
    return kc.Network(x, kc.Dense(1)(kc.WeightedSum((0.8, 0.6))(h, branch)))


def pooled() -> kc.Network:
    conv = kc.chain(kc.Conv(8, 3, padding="CIRCULAR"), kc.Activation("gelu"))
    return chain(kc.repeat(conv, 3), kc.GlobalMeanPool(), kc.Dense(1), shape=(4, 4, 3))


def pooled_first() -> kc.Network:
    """Only the first block mixes locations: behind it, pairs of locations are read no more."""
    block = kc.chain(kc.Activation("mish"), kc.Dense(8), kc.LayerNorm())
    first = (kc.Dense(8), kc.MeanPool((2, 1)), kc.Dense(8))
    return chain(*first, kc.repeat(block, 3), kc.Dense(1), shape=(3, 2, 2))


def joined() -> kc.Network:
    x = kc.Input((8,))
    branches = [kc.chain(kc.Dense(8), kc.Activation(a))(x) for a in ("relu", "tanh")]
    return kc.Network(x, kc.chain(kc.Dense(8), kc.Activation("erf"))(kc.Concat()(*branches)))


def two_groups() -> kc.Network:
    x = kc.Input((8,))
    branches = [kc.chain(kc.Dense(8), kc.Activation(a))(x) for a in ("relu", "tanh")]
    return kc.Network(x, kc.Concat()(*branches))


NETWORKS = {
    "relu": lambda: deep("relu", weight_std=2**0.5),
    "relu of LeCun's deviation": lambda: deep("relu"),
    "leaky relu with biases": lambda: deep("leaky_relu", bias_std=0.1),
    "gelu": lambda: deep("gelu", 3),
    "erf": lambda: deep("erf", 1),
    "tanh with biases": lambda: deep("tanh", 4, weight_std=1.5, bias_std=0.3),
    "mixed": lambda: chain(
        kc.repeat(block("tanh"), 3), kc.repeat(block("relu", 0, 2**0.5), 5), kc.Dense(1)
    ),
    "residual": residual,
    "weighted residual": lambda: nets.mlp(4, 8, 4, (8,), activation="erf", form="weighted"),
    "pool": pooled,
    "pool at first": pooled_first,
    "concat": joined,
    "concat at the end": two_groups,
    "layer norm": lambda: chain(
        kc.repeat(kc.chain(kc.Dense(64), kc.LayerNorm(), kc.Activation("tanh")), 3), kc.Dense(1)
    ),
    "product": lambda: nets.mlp(2, 8, 4, (8,), activation="sin"),
}


def values(shown: Rows, **given: float) -> dict[str, float]:
    """The results of the rows, computed line by line as a reader would."""
    known: dict[Any, Any] = {}

    def number(expr: sympy.Expr, l: int) -> sympy.Expr:  # noqa: E741
        named = {s: known[_at(shown.names[s], l)] for s in expr.free_symbols if s in shown.names}
        free = {s: given[s.name] for s in expr.free_symbols if s not in shown.names}
        return expr.xreplace(named | {s: sympy.Float(v, 17) for s, v in free.items()}).evalf(17)

    results: dict[str, float] = {}
    waiting: list[Line] = []
    loop: Loop | None = None
    for row in [*shown.rows, None]:
        if isinstance(row, Line) and row.inside:
            waiting.append(row)
            continue
        if loop is not None:
            for l in range(loop.first, loop.last + 1):  # noqa: E741
                for line in waiting:
                    known[_at(shown.names[line.left], l)] = number(line.right, l)
            loop, waiting = None, []
        match row:
            case Loop():
                loop = row
            case Line(str() as left, right):
                results[left] = float(number(right, 0))
            case Line(left, right):
                known[_at(shown.names[left], 0)] = number(right, 0)
            case Composition(links, variable):
                value = number(variable, 0)
                for link, times in links:
                    for _ in range(times):
                        value = type(link)(value).evalf(17)
                results["C_f"] = float(value)
    return results


def _at(name: Name, l: int) -> tuple[Any, ...]:  # noqa: E741
    index = {"l": l, "l-1": l - 1}.get(name.index, name.index)  # type: ignore[call-overload]
    return name.letter, name.part, name.primes, name.hat, index


def agree(net: kc.Network, c: float, q: float, **more: float) -> None:
    """The rows against the kernel, to 1e-10 of its size."""
    kernel = kc.derive(net)
    right = kernel.evaluate(c=c, q=q, **more)
    shown = rows(kernel.recurrence, tangent=kernel.theta is not None)
    found = values(shown, c=c, q=q, s=more.get("s", 0.0), c_b=more.get("c_b", 0.0))
    assert found["Q_f"] == pytest.approx(right.q, rel=1e-10)
    assert found["C_f"] == pytest.approx(right.c, rel=1e-10, abs=1e-10, nan_ok=True)
    if kernel.theta is not None:
        assert found["Theta_f"] == pytest.approx(right.ntk, rel=1e-9, abs=1e-10 * right.q)


@pytest.mark.parametrize("name", NETWORKS)
def test_rows_have_the_values_of_the_kernel(name: str) -> None:
    agree(NETWORKS[name](), c=0.37, q=1.3, **({"s": 0.2} if "pool" in name else {}))


@pytest.mark.parametrize("seed", [1, 4, 5, 6, 7, 8, 9, 11, 12, 37])
def test_rows_of_random_networks_have_the_values_of_the_kernel(seed: int) -> None:
    agree(build(network(random.Random(seed), wild=0.0)), c=0.4, q=0.9, s=0.3, c_b=0.1)


@pytest.mark.parametrize("seed", [380, 1075, 1270, 1925, 1961])
def test_rows_leave_out_values_that_nothing_reads(seed: int) -> None:
    """Pools and sums whose pairs, or whose tangents, no later node reads."""
    agree(build(of_seed(seed), real_of_seed(seed)), c=0.4, q=0.9, s=0.3, c_b=0.1)


def test_a_homogeneous_network_is_a_composition_of_maps_of_c() -> None:
    text = str(kc.derive(deep("relu")))
    assert "C_f = κ₁^∘20(c)" in text
    assert "Q_f = q/2²⁰" in text
    assert "θₗ = (cₗ₋₁ + θₗ₋₁) κ₀(cₗ₋₁)" in text


def test_the_c_map_of_a_homogeneous_network_has_c_alone() -> None:
    for net in (deep("relu"), deep("abs", 2), residual(), deep("leaky_relu", 3)):
        kernel = kc.derive(net)
        assert kernel.c_map.free_symbols == {kernel.c}
        assert kernel.c_map.subs(kernel.c, 0.4).is_number


def test_decimals_are_fractions() -> None:
    kernel = kc.derive(residual())
    assert "C_f = (9κ₁(c) + 16c)/25" in str(kernel)
    for written in (
        str(kernel.equations),
        str(kernel.nngp),
        kernel.latex(),
        kernel.latex("explicit"),
    ):
        assert "1.0" not in written
        assert "0.64" not in written


def test_factors_that_cancel_leave_no_one() -> None:
    kernel = kc.derive(pooled_first())
    assert not kernel.recurrence.blocks[-1].images[-1][1].has(sympy.Float(1.0))
    assert "1.0" not in kernel.latex()


@pytest.mark.parametrize("name", ["w_in", "k_in", "k_1", "q_1", "m_in", "Theta_in"])
@pytest.mark.parametrize("depth", [1, 41])
def test_a_symbol_of_the_user_is_none_of_the_state(name: str, depth: int) -> None:
    def net(w: Any) -> kc.Network:
        x = kc.Input((8,))
        h = kc.Dense(8)(x)
        for _ in range(depth):
            branch = kc.chain(kc.Activation("erf"), kc.Dense(8))(h)
            h = kc.WeightedSum((w, 0.6))(h, branch)
        return kc.Network(x, h)

    kernel = kc.derive(net(sympy.Symbol(name, real=True)))
    right = kc.derive(net(0.8)).evaluate(c=0.3, q=1.2)
    found = values(rows(kernel.recurrence, tangent=True), c=0.3, q=1.2, **{name: 0.8})
    assert (found["C_f"], found["Theta_f"]) == pytest.approx((right.c, right.ntk), rel=1e-11)
    assert kernel.evaluate(c=0.3, q=1.2, **{name: 0.8}).c == pytest.approx(right.c, abs=1e-13)


def test_the_ntk_stands_below_and_repeats_nothing() -> None:
    text = str(kc.derive(deep("gelu"))).splitlines()
    assert sum("K_gelu(q, k) =" in line for line in text) == 1
    assert [line.split("=")[0].strip() for line in text if "ₗ =" in line] == ["qₗ", "kₗ", "Θₗ"]


def test_a_shaped_network_is_a_composition_and_tells_its_activation() -> None:
    text = str(kc.derive(kc.shape(deep("tanh"))))
    assert "C_f = C_tanh^∘20(c)" in text
    normalized = kc.derive(kc.shape(deep("tanh"), rewrite=True))
    assert "C_f = C_tanh^∘20((1 + 8c)/9)" in str(normalized)
    assert "C_tanh(c) = E φ_tanh(u) φ_tanh(v), φ_tanh(u) = " in text


def test_symbols_are_replaced_in_print() -> None:
    kernel = kc.derive(deep("gelu", 2))
    assert "q₀ = 1, k₀ = c" in str(kernel.subs(kernel.q, 1))


def test_without_a_tangent_kernel_there_is_none_in_print() -> None:
    net = chain(
        kc.repeat(kc.chain(kc.Dense(64), kc.BatchNorm(), kc.Activation("relu")), 3), kc.Dense(1)
    )
    text = str(kc.derive(net))
    assert "Θ" not in text
    assert "θ" not in text


def test_another_style_is_refused() -> None:
    with pytest.raises(kc.KernelcError, match="style = 'tiny'"):
        kc.derive(residual()).latex("tiny")  # type: ignore[arg-type]


def test_arc_cosines_are_numbers_at_numbers() -> None:
    kernel = kc.derive(deep("relu", 1))
    (shown,) = {e for _, e in kernel.recurrence.blocks[0].images if isinstance(e, ArcCosine)}
    value = shown.xreplace({next(iter(shown.free_symbols)): sympy.Float(0.25)}).evalf()
    assert float(value) == pytest.approx(kernel.evaluate(c=0.25).c, abs=1e-14)
