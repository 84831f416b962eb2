"""The printed network: short however deep, and nothing left out that tells nets apart."""

from __future__ import annotations

import pytest

import kernelc as kc
import nets


def chain_of(times: int) -> kc.Network:
    x = kc.Input((4,))
    return kc.Network(x, kc.repeat(kc.chain(kc.Dense(4), kc.Activation("tanh")), times)(x))


def test_a_thousand_layers_print_in_a_few_lines():
    text = str(chain_of(1000))
    assert len(text.splitlines()) < 30
    assert "1000" in text


def test_deeper_chains_print_no_longer():
    lengths = {len(str(chain_of(times)).splitlines()) for times in (2, 10, 1000)}
    assert len(lengths) == 1


def test_a_residual_net_of_150_blocks_folds():
    x = kc.Input((8,))
    block = kc.residual(kc.chain(kc.Activation("relu"), kc.Dense(8)), 0.9)
    text = str(kc.Network(x, kc.repeat(block, 150)(x)))
    assert len(text.splitlines()) < 30
    assert "150" in text


def test_repeats_inside_a_branch_fold_too():
    x = kc.Input((8,))
    deep = kc.repeat(kc.chain(kc.Activation("relu"), kc.Dense(8)), 40)
    assert len(str(kc.Network(x, kc.residual(deep, 0.9)(x))).splitlines()) < 30


def test_every_node_of_a_small_net_is_named_with_layer_and_shape():
    network = nets.mlp(2, 8, 3, (5,), "tanh")
    text = str(network)
    for node in network:
        line = next(line for line in text.splitlines() if f" {node.name} " in line)
        assert node.layer.text() in line
        assert line.endswith("x".join(map(str, node.shape)))


def test_layers_that_differ_are_not_folded_together():
    x = kc.Input((4,))
    blocks = [kc.Dense(4, bias_std=b) for b in (0.1, 0.1, 0.2)]
    text = str(kc.Network(x, kc.chain(*blocks)(x)))
    assert "bias_std=0.1" in text
    assert "bias_std=0.2" in text


@pytest.mark.parametrize("shape", [(4,), (8, 8, 3)])
def test_an_input_alone_prints(shape):
    x = kc.Input(shape)
    assert "input" in str(kc.Network(x, x))


def test_repr_is_one_line():
    shown = repr(chain_of(1000))
    assert "nodes=2001" in shown
    assert "\n" not in shown
