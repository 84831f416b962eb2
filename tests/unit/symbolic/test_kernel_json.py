"""Kernels as JSON: the same formulas again, and refusals of anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy
from test_recurrence import NETWORKS, chain, deep

import kernelc as kc
from kernelc.symbolic import Kernel


W = sympy.Symbol("w", positive=True)


def same(kernel: Kernel) -> None:
    again = kc.kernel_from_json(kernel.to_json())
    for field in ("q_map", "nngp", "theta", "equations", "as_derived"):
        assert getattr(again, field) == getattr(kernel, field)
    assert str(again) == str(kernel)
    assert again.to_json() == kernel.to_json()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_kernel_comes_back(name: str) -> None:
    same(kc.derive(NETWORKS[name]()))


def residual() -> kc.Network:
    x = kc.Input((8,))
    h = kc.Dense(8)(x)
    branch = kc.chain(kc.Activation("relu"), kc.Dense(8))(h)
    return kc.Network(x, kc.WeightedSum((W, sympy.sqrt(1 - W**2)))(h, branch))


def test_what_was_done_to_it_is_done_again() -> None:
    kernel = kc.derive(residual())
    third = sympy.Rational(1, 3)
    same(kernel.subs(W, third))
    same(kernel.subs({W: third, kernel.q: 2}))
    same(kernel.subs([(W, kernel.q / 4), (kernel.q, 2)]).expand())
    same(kernel.expand().subs(kernel.c, sympy.Float("0.1", 40)))
    same(kc.derive(residual(), q=third))


def test_a_shaped_network_and_one_of_symbolic_depth() -> None:
    same(kc.derive(kc.shape(deep("tanh", 5), kc.DKS())))
    depth = sympy.Symbol("L", integer=True, positive=True)
    x = kc.Input((8,))
    block = kc.chain(kc.Dense(8, weight_std=W), kc.Activation("relu"))
    kernel = kc.derive(kc.Network(x, kc.repeat(block, depth)(x)))
    same(kernel)
    same(kernel.subs({depth: 3, W: 1}))


def changed(**entries: Any) -> str:
    document = json.loads(kc.derive(chain(kc.Dense(8), kc.Activation("relu"))).to_json())
    return json.dumps(document | entries)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "broken JSON"),
        ("[]", "another kind"),
        ("{" * 100_000, "JSON"),
        (changed(format="kernelc.network"), "another kind"),
        (changed(version=2), "version 2"),
        (changed(version=True), "version True"),
        (changed(more=1), "entries"),
        (changed(network={}), "another kind"),
        (changed(q=["symbol", "q", {}]), "q = q"),
        (changed(q="__import__('os')"), "__import__"),
        (changed(q=["integer", "-1"]), "q = -1"),
        (changed(changes={}), "changes"),
        (changed(changes=[{"expand": True}] * 1001), "changes"),
        (changed(changes=[{"expand": False}]), "expand"),
        (changed(changes=[{"subs": [["x"]], "ordered": True}]), "x"),
        (changed(changes=[{"subs": [["x", ["Lambda"]]], "ordered": True}]), "Lambda"),
        (changed(changes=[{"subs": [], "ordered": 1}]), "ordered"),
    ],
)
def test_what_to_json_does_not_write_is_refused(text: str, found: str) -> None:
    with pytest.raises(kc.KernelcError, match=found.replace("(", r"\(")):
        kc.kernel_from_json(text)


def test_text_of_another_type_and_too_long() -> None:
    for text in (b"{}", None, 3):
        with pytest.raises(kc.LoadError, match="text"):
            kc.kernel_from_json(text)  # pyright: ignore[reportArgumentType]


def test_a_replacement_that_no_file_holds_is_refused() -> None:
    kernel = kc.derive(deep("relu", 1))
    with pytest.raises(kc.UnsupportedError, match="replacement"):
        kernel.subs(kernel.c, sympy.Function("f")(kernel.q)).to_json()
