"""What needs a number refuses a symbol in one way: it names the symbol and how to give a number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import pytest
import sympy

import kernelc as kc
from kernelc.extend import fold, kernel_rule
from kernelc.ir import as_network
from kernelc.sklearn import NetworkKernel


L = sympy.Symbol("L", integer=True, positive=True)
W = sympy.Symbol("w", positive=True)
BLOCK = kc.chain(kc.Dense(8), kc.Activation("tanh"))


def chain(*blocks: Any) -> kc.Network:
    x = kc.Input((8,))
    return kc.Network(x, kc.chain(*blocks)(x), name="symbolic")


NETWORKS = {
    "depth": (chain(kc.repeat(BLOCK, L), kc.Dense(2)), L, "network.subs(L, 20)"),
    "depth inside of a branch": (
        chain(kc.residual(kc.chain(kc.repeat(BLOCK, L), kc.Dense(8)))),
        L,
        "network.subs(L, 20)",
    ),
    "weight of a sum": (
        chain(kc.residual(kc.chain(BLOCK, kc.Dense(8)), W)),
        W,
        "network.subs(w, 0.5)",
    ),
    "weight inside of a repeated block": (
        chain(kc.repeat(kc.chain(BLOCK, kc.Scale(W)), L)).subs(L, 3),
        W,
        "network.subs(w, 0.5)",
    ),
    "weight_std": (chain(kc.Dense(8, weight_std=W)), W, "network.subs(w, 0.5)"),
    "negative slope": (
        chain(kc.Dense(8), kc.Activation("leaky_relu", negative_slope=W), kc.Dense(2)),
        W,
        "network.subs(w, 0.5)",
    ),
    "negative slope inside of a repeated block": (
        chain(
            kc.repeat(kc.chain(kc.Dense(8), kc.Activation("leaky_relu", negative_slope=W)), L),
            kc.Dense(2),
        ).subs(L, 3),
        W,
        "network.subs(w, 0.5)",
    ),
    "bias_std": (chain(kc.Dense(8, bias_std=W)), W, "network.subs(w, 0.5)"),
}
LOADED = kc.lower(chain(kc.Dense(2)), key=0)
CALLS: dict[str, Callable[[kc.Network, Path], object]] = {
    "lower": lambda net, folder: kc.lower(net, key=jax.random.key(0)),
    "kernel_fn": lambda net, folder: kc.kernel_fn(net),
    "shape": lambda net, folder: kc.shape(net, rewrite=True),
    "edge of chaos": lambda net, folder: kc.shape(net, kc.EdgeOfChaos()),
    "diagnose": lambda net, folder: kc.diagnose(net),
    "compare": lambda net, folder: kc.compare({"net": net}),
    "load": lambda net, folder: kc.load(folder / "model", network=net),
    "NetworkKernel": lambda net, folder: NetworkKernel(net).diag([[1.0] * 8]),
    "as_network": lambda net, folder: as_network(net, "a pass"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", NETWORKS)
def test_what_needs_numbers_says_so(case: str, call: str, tmp_path: Path) -> None:
    net, symbol, remedy = NETWORKS[case]
    kc.save(tmp_path / "model", LOADED)
    with pytest.raises(kc.KernelcError) as caught:
        CALLS[call](net, tmp_path)
    assert caught.value.found == f"the symbol {symbol}"
    assert caught.value.remedy == f"give it one: {remedy}"


@pytest.mark.parametrize(
    "reading",
    [lambda kernel: kernel.expand(), lambda kernel: kernel.latex(style="explicit")],
)
def test_formulas_that_are_written_out_need_a_depth(reading: Callable[[Any], object]) -> None:
    with pytest.raises(kc.KernelcError) as caught:
        reading(kc.derive(NETWORKS["depth"][0]))
    assert caught.value.found == "the symbol L"


def test_readings_of_users_refuse_a_depth_unless_they_know_one() -> None:
    class Depth(kc.extend.Reading[int]):
        def combine(self, values: Any) -> int:
            return max(values)

    net = NETWORKS["depth"][0]
    with pytest.raises(kc.KernelcError, match="symbol L"):
        fold(net.nodes[1:], kernel_rule(Depth()), {0: 0})


def test_networks_with_symbols_are_written_drawn_and_summarized(tmp_path: Path) -> None:
    for net, symbol, _ in NETWORKS.values():
        net.draw(tmp_path / "net.svg")
        net.save(tmp_path / "net.json")
        assert kc.Network.load(tmp_path / "net.json") == net
        assert "with symbols" in net.summary()
        assert str(symbol) in str(net)
