"""The NTK of equal inputs: closed forms in the depth, beside the rules applied layer by layer."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from hypothesis import given, strategies as st

import kernelc as kc
from kernelc.symbolic._powers import power_difference


L = sympy.Symbol("L", integer=True, positive=True)
W = sympy.Symbol("w", positive=True)
HE = 2**0.5
DEPTHS = pytest.mark.parametrize("count", [3, 10, 50])


def chain(*blocks: Any, shape: tuple[int, ...] = (8,)) -> kc.Network:
    x = kc.Input(shape)
    return kc.Network(x, kc.chain(*blocks)(x))


def dense(activation: str, **options: Any) -> Any:
    return kc.chain(kc.Dense(8, **options), kc.Activation(activation))


def residual(weight: Any, **options: Any) -> Any:
    return kc.residual(kc.chain(kc.Activation("relu"), kc.Dense(8, **options)), weight)


AFFINE = {
    "relu": chain(kc.repeat(dense("relu", weight_std=HE), L), kc.Dense(1)),
    "relu with biases": chain(kc.repeat(dense("relu", weight_std=HE, bias_std=0.3), L)),
    "leaky relu": chain(kc.repeat(dense("leaky_relu", weight_std=1.2, bias_std=0.1), L)),
    "weighted residual": chain(kc.Dense(8), kc.repeat(residual(0.6, weight_std=HE), L)),
    "plain residual": chain(kc.Dense(8), kc.repeat(residual(None, weight_std=1.1), L)),
    "weights are symbols": chain(kc.Dense(8), kc.repeat(residual(W, weight_std=HE), L)),
    "a gain is a symbol": chain(kc.repeat(dense("relu", weight_std=W, bias_std=0.2), L)),
    "two runs": chain(
        kc.repeat(dense("relu", weight_std=1.1, bias_std=0.3), L),
        kc.repeat(dense("leaky_relu", weight_std=1.3), L),
        kc.Dense(1, bias_std=0.2),
    ),
    "erf at first": chain(dense("erf", bias_std=0.2), kc.repeat(dense("relu"), L)),
    "normalization": chain(kc.repeat(kc.chain(dense("relu"), kc.LayerNorm()), L)),
    "convolutions": chain(
        kc.Conv(8, 3), kc.repeat(kc.chain(kc.Conv(8, 3), kc.Activation("relu")), L), shape=(9, 2)
    ),
}
CURVED = {
    "erf": dense("erf", weight_std=1.5, bias_std=0.3),
    "tanh": dense("tanh", weight_std=1.4, bias_std=0.2),
    "gelu": dense("gelu", weight_std=1.2, bias_std=0.3),
    "weighted residual of erf": kc.residual(
        kc.chain(dense("erf", weight_std=1.5, bias_std=0.3), kc.Dense(8)), 0.6
    ),
}


def fixed_point(block: Any) -> float:
    kernel, q = kc.derive(chain(block)), 1.0
    for _ in range(400):
        q = float(kernel.evaluate(c=1.0, q=q).q)
    return q


@DEPTHS
@pytest.mark.parametrize("name", AFFINE)
def test_affine_q_maps_have_a_closed_form_in_the_depth(name: str, count: int) -> None:
    net = AFFINE[name]
    kernel = kc.derive(net)
    numbers = {L: count, W: 0.7}
    known = net.subs({s: v for s, v in numbers.items() if s in kernel.ntk_diagonal.free_symbols})
    want = kc.derive(known).evaluate(c=1.0, q=1.3).ntk
    found = kernel.ntk_diagonal.subs({**numbers, kernel.q: 1.3})
    assert float(found) == pytest.approx(want, rel=1e-12)


@DEPTHS
@pytest.mark.parametrize("name", CURVED)
def test_other_q_maps_have_one_at_their_fixed_points(name: str, count: int) -> None:
    q = fixed_point(CURVED[name])
    net = chain(kc.repeat(CURVED[name], L), kc.Dense(1))
    want = kc.derive(net.subs(L, count)).evaluate(c=1.0, q=q).ntk
    found = kc.derive(net, q=q).ntk_diagonal
    assert found.free_symbols == {L}
    assert float(found.subs(L, count)) == pytest.approx(want, rel=1e-12)


def test_known_sums() -> None:
    kernel = kc.derive(AFFINE["relu"])
    q, w = kernel.q, W
    assert sympy.expand(kernel.ntk_diagonal - (L + 1) * q) == 0
    symbols = kc.derive(AFFINE["weights are symbols"])
    assert sympy.expand(symbols.ntk_diagonal - (1 + L * (1 - w**2)) * symbols.q) == 0
    # At q = 1 where the weights make that a fixed point: exact numbers stay exact.
    std = 1 / sympy.sqrt(2 * sympy.asin(sympy.Rational(2, 3)) / sympy.pi)
    block = kc.chain(kc.Activation("erf"), kc.Dense(8, weight_std=std))
    found = kc.derive(chain(kc.Dense(8), kc.repeat(block, L)), q=1).ntk_diagonal
    slope = 2 / sympy.sqrt(5) / sympy.asin(sympy.Rational(2, 3))
    want = slope**3 + slope**2 + slope + 1
    assert float(found.subs(L, 3)) == pytest.approx(float(want), rel=1e-14)


def test_it_has_a_value_at_a_number_of_layers() -> None:
    kernel = kc.derive(AFFINE["relu with biases"]).subs(L, 10)
    want = kernel.evaluate(c=1.0, q=2.0).ntk
    assert float(kernel.ntk_diagonal.subs(kernel.q, 2)) == pytest.approx(want, rel=1e-12)
    assert kernel.subs(kernel.c, 0.3).ntk_diagonal == kernel.ntk_diagonal


def test_pools_read_the_pairs_of_locations_of_one_input() -> None:
    net = chain(kc.Conv(8, 3), kc.Activation("relu"), kc.GlobalMeanPool(), shape=(9, 2))
    kernel = kc.derive(net)
    want = kernel.evaluate(c=1.0, q=1.3, s=0.4).ntk
    found = kernel.ntk_diagonal.subs({kernel.q: 1.3, kernel.s: 0.4})
    assert float(found) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("away", [0.0, 1e-15, 1e-12, 1e-8, 1e-5, 1e-3])
@pytest.mark.parametrize("count", [1, 60])
def test_near_the_edge_of_chaos_no_digits_are_lost(away: float, count: int) -> None:
    x, one, n = sympy.Float(1 + away), sympy.Integer(1), sympy.Integer(count)
    exact = sum(sympy.Rational(1 + away) ** j for j in range(count))
    symbolic = power_difference(L, (x, one)).subs(L, count)
    for found in (power_difference(n, (x, one)), symbolic):
        assert float(found) == pytest.approx(float(exact), rel=1e-12)


@given(st.integers(1, 9), st.lists(st.integers(-3, 3), min_size=1, max_size=3))
def test_divided_differences_of_powers_are_sums(n: int, numbers: list[int]) -> None:
    points = [sympy.Integer(number) for number in numbers]
    t = sympy.Symbol("t")
    # The divided difference of a power is the coefficient of a product of geometric series.
    order = n - len(points) + 1
    series = sympy.prod(sum((p * t) ** i for i in range(n + 1)) for p in points)
    want = sympy.Poly(series, t).coeff_monomial(t**order) if order >= 0 else 0
    assert power_difference(sympy.Integer(n), points) == want
    if 0 not in points:
        assert sympy.simplify(power_difference(L, points).subs(L, n) - want) == 0


def test_points_that_may_be_equal_have_a_case_for_each() -> None:
    x = sympy.Symbol("x", positive=True)
    found = power_difference(L, (x, sympy.Integer(1)))
    assert found.subs({x: 1, L: 7}) == 7
    assert found.subs({x: 2, L: 7}) == 127


@pytest.mark.parametrize(
    ("net", "found"),
    [
        (chain(kc.repeat(dense("erf", bias_std=0.3), L)), "not affine"),
        (chain(kc.repeat(dense("erf", bias_std=0.3), 50)), "not affine"),
        (chain(kc.repeat(dense("step"), L)), "infinite"),
        (
            chain(
                kc.Conv(8, 3),
                kc.repeat(kc.chain(kc.Conv(8, 3), kc.Activation("relu")), L),
                kc.GlobalMeanPool(),
                shape=(9, 2),
            ),
            "more than q and Theta",
        ),
        (chain(kc.repeat(kc.chain(kc.Dense(8), kc.BatchNorm()), L)), "batch norm"),
    ],
)
def test_what_has_no_closed_form_says_so(net: kc.Network, found: str) -> None:
    with pytest.raises(kc.UnsupportedError, match=found):
        _ = kc.derive(net).ntk_diagonal
