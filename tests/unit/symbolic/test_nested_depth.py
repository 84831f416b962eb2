"""Blocks of symbolic depth in branches, and in other such blocks."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import sympy
from hypothesis import given, settings, strategies as st
from latex_reader import lines_of_latex
from paper_reader import Reader, lines_of_text
from test_depth import BLOCKS, HE, L, M, agree, chain, dense, residual

import kernelc as kc


K = sympy.Symbol("K", integer=True, positive=True)
W = sympy.Symbol("w", positive=True)
COUNTS = {L: 3, M: 2, K: 2}


def branch(block: Any, weight: Any = 0.8, before: str = "relu") -> Any:
    """A residual block whose branch ends with fresh weights."""
    inside = kc.chain(kc.Activation(before), block, kc.Dense(8, weight_std=HE))
    return kc.residual(inside, weight)


def beside(combine: Any, *blocks: Any) -> kc.Network:
    x = kc.Input((8,))
    start = kc.Dense(8)(x)
    return kc.Network(x, kc.Dense(1)(combine(*(block(start) for block in blocks))))


NETS = {
    "in a branch": chain(kc.Dense(8), branch(kc.repeat(dense("erf"), L))),
    "in a branch of a repeated block": chain(
        kc.Dense(8), kc.repeat(branch(kc.repeat(dense("relu", weight_std=HE), L), 0.6), M)
    ),
    "of three layers in a repeated block": chain(
        kc.repeat(kc.chain(kc.repeat(dense("erf", bias_std=0.3), L), dense("relu")), M)
    ),
    "twice the same depth": chain(
        kc.repeat(kc.chain(kc.repeat(dense("gelu"), L), dense("erf")), L)
    ),
    "three deep": chain(
        kc.repeat(kc.chain(kc.Dense(8), kc.repeat(branch(kc.repeat(dense("erf"), L)), M)), K)
    ),
    "a sum that keeps the input": chain(
        kc.Dense(8), kc.residual(kc.repeat(residual(0.8), L), 0.5), kc.Activation("erf")
    ),
    "sums that keep it, repeated": chain(
        kc.Dense(8), kc.repeat(kc.residual(kc.repeat(residual(0.6, "erf"), L)), M), dense("relu")
    ),
    "a scale": chain(kc.Dense(8), kc.residual(kc.repeat(kc.Scale(0.5), L), 0.8), dense("erf")),
    "layer norm": chain(
        kc.Dense(8),
        kc.repeat(
            kc.residual(kc.chain(kc.LayerNorm(), kc.repeat(dense("erf"), L), kc.Dense(8))), M
        ),
    ),
    "in two parts": beside(
        kc.Concat(), kc.repeat(dense("relu", bias_std=0.2), L), kc.repeat(dense("erf"), M)
    ),
    "in two factors": beside(
        kc.Product(), kc.repeat(dense("relu", bias_std=0.2), L), kc.repeat(dense("erf"), M)
    ),
}  # fmt: skip


def counts_of(net: kc.Network) -> dict[sympy.Symbol, int]:
    found = kc.derive(net).nngp.free_symbols
    return {symbol: count for symbol, count in COUNTS.items() if symbol in found}


def read_back(net: kc.Network, c: float, q: float, **others: float) -> None:
    """What is printed has the values of the network of these depths."""
    counts, kernel = counts_of(net), kc.derive(net)
    at = {"c": c, "q": q, **others}
    want = kc.derive(net.subs(counts)).evaluate(**at)
    known = {**at, **{str(symbol): count for symbol, count in counts.items()}}
    for lines in (lines_of_text(str(kernel)), lines_of_latex(kernel.latex())):
        found = Reader(**known).read(lines)
        values = (found["Q_f"], found["C_f"], found["Θ_f"])
        assert values == pytest.approx((want.q, want.c, want.ntk), rel=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_numbers_give_the_kernel_of_the_network_with_these_depths(name: str) -> None:
    agree(NETS[name], counts_of(NETS[name]), 0.3, 1.7)


@pytest.mark.parametrize("name", NETS)
def test_print_and_latex_are_right(name: str) -> None:
    read_back(NETS[name], 0.4, 1.3)


def test_files_hold_the_network_and_its_depths() -> None:
    kernel = kc.derive(NETS["three deep"])
    assert str(kc.kernel_from_json(kernel.to_json())) == str(kernel)
    again = pickle.loads(pickle.dumps(kernel))
    assert again.recurrence.depths == {K, L, M}
    assert again.nngp == kernel.nngp


@settings(max_examples=5, deadline=None)
@given(
    inner=st.sampled_from(sorted(set(BLOCKS) - {"tanh", "layer norm", "product"})),
    outer=st.sampled_from(["branch", "kept", "chain"]),
    depths=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    c=st.floats(-0.95, 0.95),
    q=st.floats(0.3, 3),
)
def test_random_nests_agree(
    inner: str, outer: str, depths: tuple[int, int], c: float, q: float
) -> None:
    block = kc.repeat(BLOCKS[inner], L)
    nest = {
        "branch": branch(block),
        "kept": kc.chain(kc.Dense(8), kc.residual(block, 0.7), kc.Dense(8)),
        "chain": kc.chain(block, dense("abs")),
    }[outer]
    agree(chain(kc.Dense(8), kc.repeat(nest, M), kc.Dense(1)), {L: depths[0], M: depths[1]}, c, q)


def test_locations_of_a_pool_behind_a_branch() -> None:
    conv = kc.chain(kc.Conv(8, 3), kc.Activation("erf"))
    inside = kc.chain(kc.Activation("relu"), kc.repeat(conv, L), kc.Conv(8, 3))
    net = chain(
        kc.Conv(8, 3), kc.residual(inside, 0.6), kc.GlobalMeanPool(), kc.Dense(1), shape=(16, 3)
    )
    read_back(net, 0.3, 1.4, s=0.2)
    # One function serves each pair of locations.
    assert str(kc.derive(net)).count("arcsin(2k") == 1


def test_a_weight_inside_of_a_nest_is_replaced() -> None:
    net = chain(kc.Dense(8), kc.repeat(branch(kc.repeat(dense("erf", weight_std=W), L)), M))
    kernel = kc.derive(net)
    assert {L, M, W} <= kernel.recurrence.symbols
    fixed = kernel.subs(W, sympy.Rational(3, 2))
    assert W not in fixed.recurrence.symbols
    want = kc.derive(net.subs({L: 2, M: 3, W: 1.5})).evaluate(c=0.2, q=1.1)
    found = Reader(c=0.2, q=1.1, L=2, M=3).read(lines_of_text(str(fixed)))
    assert found["Θ_f"] == pytest.approx(want.ntk, rel=1e-12)
    assert kernel.evaluate(c=0.2, q=1.1, L=2, M=3, w=1.5) == want


def test_a_textbook_form_of_homogeneous_nests() -> None:
    shown = str(kc.derive(NETS["in a branch of a repeated block"]))
    assert "F₁(c, θ) = (κ₁(c), (c + θ) κ₀(c))" in shown
    assert "= κ₁^∘L(κ₁(cₗ₋₁))" in shown
    assert "Q_f = q" in shown


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("in a branch of a repeated block", "L*M"),
        ("a sum that keeps the input", "(4/5)**L"),
        ("a scale", "2**L"),
    ],
)
def test_the_ntk_of_equal_inputs_has_a_closed_form(name: str, form: str) -> None:
    net = NETS[name]
    counts, found = counts_of(net), kc.derive(net).ntk_diagonal
    assert form in str(found)
    want = kc.derive(net.subs(counts)).evaluate(c=1, q=1.7).ntk
    at = {kc.derive(net).q: 1.7, **counts}
    assert float(found.subs(at)) == pytest.approx(want, rel=1e-12)


def test_what_shares_weights_in_an_unknown_way_is_refused() -> None:
    block = kc.chain(lambda x: kc.Product()(x, kc.chain(kc.Dense(8), kc.Activation("erf"))(x)))
    net = chain(kc.Dense(8), kc.residual(kc.repeat(block, L)), kc.Dense(1))
    with pytest.raises(kc.KernelcError, match="share random weights"):
        kc.derive(net)
    with pytest.raises(kc.KernelcError, match="share random weights"):
        kc.derive(net.subs(L, 2))


def test_a_formula_that_is_written_out_needs_each_depth() -> None:
    kernel = kc.derive(NETS["in a branch"])
    for needs in (kernel.expand, kernel.callable, lambda: kernel.latex(style="explicit")):
        with pytest.raises(kc.KernelcError, match="the symbol L"):
            needs()
    assert kernel.subs(L, 2).expand().nngp.free_symbols == {kernel.c, kernel.q}
    with pytest.raises(kc.KernelcError, match="a whole number"):
        kernel.evaluate(c=0.3, L=2.5)
