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
    "name", ["relu", "leaky relu with biases", "erf with biases", "two layers"]
)
@pytest.mark.parametrize("count", [1, 6])
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
