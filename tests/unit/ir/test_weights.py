"""Biases of layers of weights: there or not, in specs, text and finite layers."""

from __future__ import annotations

from typing import Any

import jax
import pytest
import sympy

import kernelc as kc


KINDS: Any = pytest.mark.parametrize("kind", [kc.Dense, kc.Conv, kc.LocalConv])


@KINDS
def test_a_layer_without_bias_has_no_such_parameter(kind: Any) -> None:
    x = kc.Input((5, 3))
    models: list[Any] = [
        kc.lower(kc.Network(x, kind(4, bias=bias)(x)), key=jax.random.key(0))
        for bias in (True, False)
    ]
    biases = [model.nodes[0].module.bias for model in models]
    assert biases[0] is not None
    assert biases[1] is None
    weights = [model.nodes[0].module.weight for model in models]
    assert (weights[0] == weights[1]).all()


@KINDS
def test_the_choice_is_part_of_the_layer(kind: Any) -> None:
    plain, bare = kind(4), kind(4, bias=False)
    assert plain != bare
    assert "bias" not in plain.text()
    assert bare.text() == f"{kind.__name__}(4, bias=False)"
    assert bare == kind(4, bias_std=0, bias=False)


@KINDS
@pytest.mark.parametrize("bias_std", [0.1, sympy.Symbol("b", positive=True)])
def test_a_spread_of_no_biases_is_refused(kind: Any, bias_std: Any) -> None:
    with pytest.raises(kc.GraphError, match="bias_std"):
        kind(4, bias_std=bias_std, bias=False)


@KINDS
@pytest.mark.parametrize("bias", [None, 1, "yes"])
def test_other_choices_are_refused(kind: Any, bias: Any) -> None:
    with pytest.raises(kc.GraphError, match="bias"):
        kind(4, bias=bias)


def test_repeats_end_where_biases_do_in_text() -> None:
    x = kc.Input((4,))
    blocks = [kc.chain(kc.Dense(4, bias=bias), kc.Activation("tanh")) for bias in (True, False)]
    net = kc.Network(x, kc.chain(kc.repeat(blocks[0], 3), kc.repeat(blocks[1], 3))(x))
    assert str(net).count("×3") == 2


def test_shaping_keeps_the_choice() -> None:
    x = kc.Input((4,))
    layers = kc.chain(kc.PLN(), kc.Dense(8, bias=False), kc.Activation("tanh"), kc.Dense(2))
    shaped = kc.shape(kc.Network(x, layers(x)), kc.DKS())
    found = [n.layer.bias for n in shaped.network if isinstance(n.layer, kc.Dense)]
    assert found == [False, True]
