"""Networks of symbolic depth: formulas in L that hold for every number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings, strategies as st

import kernelc as kc


L = sympy.Symbol("L", integer=True, positive=True)
M = sympy.Symbol("M", integer=True, positive=True)
W = sympy.Symbol("w", positive=True)
HE = 2**0.5


def chain(*blocks: Any, shape: tuple[int, ...] = (8,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


def dense(activation: str, **options: Any) -> Any:
    return kc.chain(kc.Dense(8, **options), kc.Activation(activation))


def residual(weight: Any, activation: str = "relu") -> Any:
    return kc.residual(kc.chain(kc.Activation(activation), kc.Dense(8, weight_std=HE)), weight)


BLOCKS = {
    "relu": dense("relu", weight_std=HE),
    "leaky relu with biases": dense("leaky_relu", bias_std=0.2),
    "gelu": dense("gelu", weight_std=1.4),
    "erf with biases": dense("erf", weight_std=1.5, bias_std=0.3),
    "tanh": dense("tanh", weight_std=1.2),
    "two layers": kc.chain(dense("erf"), dense("relu", weight_std=HE)),
    "layer norm": kc.chain(kc.Dense(8), kc.LayerNorm(), kc.Activation("tanh")),
    "weighted residual": kc.chain(kc.Dense(8), residual(0.8)),
    "plain residual": kc.chain(kc.Dense(8), residual(None, "erf")),
    "normalization at the end": kc.chain(kc.Dense(8), kc.Activation("relu"), kc.LayerNorm()),
    "product": kc.chain(kc.Dense(8), lambda x: kc.Product()(x, dense("relu")(x))),
    "scale": kc.chain(kc.Dense(8), kc.Scale(0.5)),
}


def agree(net: kc.Network, counts: dict[sympy.Symbol, int], c: float, q: float) -> None:
    """The kernel of symbolic depth, in its three readings, and that of the number."""
    kernel, known = kc.derive(net), kc.derive(net.subs(counts))
    want = known.evaluate(c=c, q=q)
    found = kernel.evaluate(c=c, q=q, **{str(s): n for s, n in counts.items()})
    assert found == want
    assert str(kernel.subs(counts)) == str(known)
    at = {kernel.q: sympy.Float(q), kernel.c: sympy.Float(c), **counts}
    for formula, value in zip(
        (kernel.q_map, kernel.nngp, kernel.ntk), (want.q, want.nngp, want.ntk), strict=True
    ):
        assert float(formula.subs(at)) == pytest.approx(value, rel=1e-12, abs=1e-12)
    namespace: dict[str, Any] = {}
    exec(kernel.to_python(), namespace)
    with np.errstate(invalid="ignore"):
        code = namespace["kernel"](c, q, **{str(s): n for s, n in counts.items()})
    assert code == pytest.approx((want.q, want.c, want.ntk), rel=1e-8)


@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "leaky relu with biases",
        "erf with biases",
        "two layers",
        "tanh",
        "layer norm",
        "normalization at the end",
        "product",
        "scale",
    ],
)
@pytest.mark.parametrize("count", [1, 4])
def test_a_number_gives_the_kernel_of_that_depth(name: str, count: int) -> None:
    agree(chain(kc.repeat(BLOCKS[name], L), kc.Dense(1)), {L: count}, 0.3, 1.7)


@settings(max_examples=10, deadline=None)
@given(
    names=st.lists(
        st.sampled_from(sorted(set(BLOCKS) - {"tanh", "layer norm"})), min_size=1, max_size=2
    ),
    count=st.integers(1, 6),
    first=st.booleans(),
    c=st.floats(-0.95, 0.95),
    q=st.floats(0.3, 3),
)
def test_random_blocks_agree(names: list[str], count: int, first: bool, c: float, q: float) -> None:
    block = kc.chain(*[BLOCKS[name] for name in names])
    start = [dense("abs")] if first else []
    agree(chain(*start, kc.repeat(block, L), kc.Dense(1)), {L: count}, c, q)


def test_two_depths_and_equal_blocks_behind_one_another() -> None:
    relu, erf = BLOCKS["relu"], BLOCKS["erf with biases"]
    agree(chain(kc.repeat(erf, L), kc.repeat(relu, M), kc.Dense(1)), {L: 2, M: 3}, 0.4, 1.2)
    net = chain(kc.repeat(relu, L), kc.repeat(relu, L), kc.repeat(relu, 3))
    assert "C_f = κ₁^∘(3 + 2L)(c)" in str(kc.derive(net))
    agree(net, {L: 2}, 0.4, 1.2)


def test_a_pool_behind_a_symbolic_depth_reads_locations() -> None:
    conv = kc.chain(kc.Conv(8, 3), kc.Activation("relu"))
    layers = kc.Conv(8, 3), kc.repeat(conv, L), kc.GlobalMeanPool(), kc.Dense(1)
    net = chain(*layers, shape=(16, 3))
    at: dict[str, Any] = {"c": 0.3, "q": 1.4, "s": 0.2}
    assert kc.derive(net).evaluate(**at, L=3) == kc.derive(net.subs(L, 3)).evaluate(**at)


@pytest.mark.parametrize("name", ["c", "q", "s", "psi"])
def test_symbols_of_the_kernel_name_no_depth_and_no_weight(name: str) -> None:
    symbol = sympy.Symbol(name, positive=True)
    for net in (chain(kc.repeat(BLOCKS["relu"], symbol)), chain(kc.Dense(8, weight_std=symbol))):
        with pytest.raises(kc.KernelcError, match=f"a symbol named {name}"):
            kc.derive(net)


def test_two_symbols_of_one_name_are_refused() -> None:
    net = chain(
        kc.Dense(8, weight_std=sympy.Symbol("L", positive=True)), kc.repeat(dense("erf"), L)
    )
    with pytest.raises(kc.KernelcError, match="another symbol named L"):
        kc.derive(net)


def test_the_index_of_a_loop_is_no_symbol_of_the_network() -> None:
    shown = str(kc.derive(chain(kc.repeat(BLOCKS["relu"], sympy.Symbol("l", positive=True)))))
    assert "for j = 1, …, l:" in shown
    assert "cⱼ = κ₁(cⱼ₋₁)" in shown


def test_a_loop_without_lines_is_not_written() -> None:
    kernel = kc.derive(chain(kc.Dense(8), kc.repeat(kc.Scale(0.5), L)))
    assert "for" not in str(kernel)
    assert "for" not in kernel.latex()
    assert "Q_f = 4^(−L) q" in str(kernel)


@pytest.mark.parametrize("value", [sympy.oo, sympy.nan, sympy.I, -1, 2.5, sympy.pi, sympy.true])
def test_no_formula_applies_a_block_a_broken_number_of_times(value: Any) -> None:
    nngp = kc.derive(chain(kc.repeat(BLOCKS["relu"], L))).nngp
    with pytest.raises(kc.KernelcError, match="whole number of times"):
        nngp.subs(L, value)


def test_formulas_in_the_depth_work_in_sympy() -> None:
    kernel = kc.derive(chain(kc.repeat(BLOCKS["relu"], L), kc.repeat(BLOCKS["gelu"], M)))
    at = {kernel.c: 0.3, kernel.q: 1.2}
    want = kc.derive(chain(kc.repeat(BLOCKS["relu"], 2), kc.repeat(BLOCKS["gelu"], 3)))
    compiled = sympy.lambdify((kernel.c, kernel.q, L, M), kernel.nngp)
    value = want.evaluate(c=0.3, q=1.2).nngp
    assert float(compiled(0.3, 1.2, 2, 3)) == pytest.approx(value, rel=1e-12)
    swapped = kernel.nngp.subs({L: M, M: L}, simultaneous=True)
    assert float(swapped.subs({L: 3, M: 2, **at})) == pytest.approx(value, rel=1e-12)
    slope = kernel.nngp.diff(kernel.c).subs({L: 2, M: 3, **at})
    assert float(slope) == pytest.approx(float(want.nngp.diff(want.c).subs(at)), rel=1e-12)


def test_generated_code_refuses_a_negative_depth() -> None:
    namespace: dict[str, Any] = {}
    exec(kc.derive(chain(kc.repeat(BLOCKS["relu"], L))).to_python(), namespace)
    with pytest.raises(ValueError, match="L is a number of layers"):
        namespace["kernel"](0.3, L=-1)


def test_a_kernel_derived_for_a_q_keeps_it_at_every_depth() -> None:
    p = sympy.Symbol("p", positive=True)
    kernel = kc.derive(chain(kc.repeat(BLOCKS["erf with biases"], L)), q=p)
    assert p in kernel.subs(L, 2).q_map.free_symbols


def test_slopes_are_exact_powers() -> None:
    kernel = kc.derive(chain(kc.Dense(8), kc.repeat(residual(0.6), L)))
    psi, known = kernel.psi, kc.derive(kernel.network.subs(L, 4))
    assert kernel.c_slope == (sympy.Rational(9, 25) + sympy.Rational(16, 25) * psi) ** L
    assert kc.derive(chain(kc.repeat(kc.residual(kc.Dense(8), 0.6), L))).c_slope == 1
    at = {psi: 1.3, kernel.kappa: 0.7, L: 4}
    for name in ("c_slope", "c_curvature", "max_slope"):
        found, want = (getattr(k, name).subs(at) for k in (kernel, known))
        assert float(found) == pytest.approx(float(want), rel=1e-12)


@pytest.mark.parametrize("value", ["3", "__import__('os')", None, True, [1, 2], 2.5])
def test_a_depth_is_a_number_and_no_text_is_evaluated(value: Any) -> None:
    kernel = kc.derive(chain(kc.repeat(BLOCKS["relu"], L)))
    with pytest.raises(kc.KernelcError):
        kernel.evaluate(c=0.3, L=value)
    with pytest.raises(kc.KernelcError):
        kernel.subs(L, value)
