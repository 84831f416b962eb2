"""Transformers: published parameter counts, structure, equal blocks, refusals."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import kernelc as kc
import nets
from kernelc.ir import runs


BLOCKS = ("preln", "postln", "sas", "skipless")
SMALL = {"length": 6, "vocabulary": 11, "width": 16, "heads": 4}


def parameters(network: kc.Network) -> int:
    return int(network.summary().splitlines()[-1].split()[0].replace(",", ""))


def test_gpt2_small_has_its_published_parameters_but_for_the_head() -> None:
    """Radford et al. (2019): the weights of the head are those of the tokens."""
    assert parameters(nets.decoder(head=None)) == 124_439_808
    assert parameters(nets.decoder()) == 124_439_808 + 768 * 50_257


def test_bert_base_has_its_published_parameters_but_for_segments_and_pooler() -> None:
    """Devlin et al. (2019): 109,482,240 with the pooler."""
    pooler, segments = 768 * 768 + 768, 2 * 768
    assert parameters(nets.encoder()) == 109_482_240 - pooler - segments


def test_vit_b16_has_its_published_parameters() -> None:
    """Dosovitskiy et al. (2021), with 1,000 classes."""
    assert parameters(nets.vit()) == 86_567_656


def test_vision_transformers_read_a_class_token_or_the_mean_over_patches() -> None:
    sizes: dict[str, Any] = {"patch": 4, "width": 16, "depth": 1, "heads": 4, "classes": 3}
    net = nets.vit((8, 12, 3), **sizes)
    assert (net["stem/patches"].shape, net["block1/attention"].shape) == ((2, 3, 16), (7, 16))
    assert isinstance(net["head/pool"].layer, kc.FirstToken)
    mean = nets.vit((8, 12, 3), **sizes, pool="mean")
    assert mean["block1/attention"].shape == (6, 16)
    assert isinstance(mean["head/pool"].layer, kc.GlobalMeanPool)
    assert nets.vit((8, 8, 1), **(sizes | {"classes": None})).output_shape == (16,)


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_have_the_layers_of_their_kind(block) -> None:
    net = nets.decoder(**SMALL, depth=3, block=block)
    count = Counter(type(node.layer).__name__ for node in net)
    assert count["Attention"] == count["Activation"] == 3
    norms = {"preln": 7, "postln": 7, "sas": 7, "skipless": 0}
    assert count["LayerNorm"] == norms[block]
    assert count["WeightedSum"] == {"preln": 6, "postln": 6, "sas": 3, "skipless": 0}[block]
    # Queries, keys, values and outputs, two layers of the MLP, and the head.
    assert count["Dense"] == (3 * 4 + 2 if block == "sas" else 3 * 6) + 1
    assert net.output_shape == (6, 11)
    assert all(net[f"block{i}/query"].layer.init == "zero" for i in (1, 2, 3))


def test_gates_norms_and_biases_are_those_asked_for() -> None:
    net = nets.decoder(
        **SMALL, depth=2, activation="swish", norm="rms", gated=True, bias=False, mlp_ratio=8 / 3
    )
    assert net["block2/product"].shape == (6, 43)
    assert isinstance(net["head/norm"].layer, kc.RMSNorm)
    assert not any(node.layer.bias for node in net if isinstance(node.layer, kc.Dense))


def test_positions_are_vectors_or_a_bias_of_attention() -> None:
    learned = nets.encoder(**SMALL, depth=1, position_share=0.2)
    assert learned["stem/positions"].layer.std ** 2 == pytest.approx(0.2)
    x = np.array([[1, 2, 3, 4, 5, 6]])
    stem = kc.Network.from_specs([(n.name, n.layer, n.inputs) for n in learned.nodes[:3]])
    np.testing.assert_allclose(kc.kernel_fn(stem).diagonal(x).nngp, 1.0, rtol=1e-15)
    fixed = nets.encoder(**SMALL, depth=1, positions="sinusoidal", position_share=0.2)
    assert isinstance(fixed["stem/positions"].layer, kc.PositionalEncoding)
    for build in (nets.decoder, nets.encoder):
        net = build(**SMALL, depth=1, positions="alibi")
        assert net["block1/attention"].layer.bias == "alibi"
        turned = build(**SMALL, depth=1, positions="rotary")
        assert turned["block1/attention"].layer.rotary == 10_000
        assert "stem/positions" not in [node.name for node in net]


@pytest.mark.parametrize("block", BLOCKS)
def test_equal_blocks_are_one_run_whatever_their_number(block) -> None:
    """What kernels and finite networks compile does not grow with the depth."""
    found = [
        runs(nets.encoder(**SMALL, depth=depth, block=block), nested=True) for depth in (10, 100)
    ]
    assert len(found[0]) == len(found[1]) <= 12
    assert max(run.count for run in found[1]) >= 98


@pytest.mark.parametrize("block", BLOCKS)
def test_files_hold_them_and_diagnoses_say_how_far_they_go(block) -> None:
    net = nets.decoder(**SMALL, depth=2, activation="relu", block=block, head=3)
    assert kc.Network.from_json(net.to_json()) == net
    assert "block1/attention" in str(kc.diagnose(net))


REFUSED = {
    "block": (lambda: nets.decoder(block="pre"), "block = 'pre'"),
    "depth": (lambda: nets.encoder(depth=0), "depth = 0"),
    "length": (lambda: nets.decoder(length=2.5), "length = 2.5"),
    "vocabulary": (lambda: nets.decoder(vocabulary=None), "vocabulary = None"),
    "heads": (lambda: nets.encoder(width=30, heads=4), "a width of 30 for 4 heads"),
    "norm": (lambda: nets.encoder(norm="batch"), "norm = 'batch'"),
    "gated": (lambda: nets.encoder(gated=1), "gated = 1"),
    "positions": (lambda: nets.encoder(positions="rope"), "positions = 'rope'"),
    "share": (lambda: nets.encoder(position_share=1.0), "position_share = 1.0"),
    "ratio": (lambda: nets.decoder(mlp_ratio=float("nan")), "mlp_ratio = nan"),
    "head": (lambda: nets.decoder(head="words"), "head = 'words'"),
    "classes": (lambda: nets.decoder(head=0), "head = 0"),
    "patches": (lambda: nets.vit((32, 30, 3)), "patches of 16 by 16 in images of 32 by 30"),
    "image": (lambda: nets.vit((32, 32)), "input_shape = (32, 32)"),
    "pool": (lambda: nets.vit(pool="max"), "pool = 'max'"),
    "vit classes": (lambda: nets.vit(classes=0), "classes = 0"),
    "activation": (lambda: nets.decoder(activation="geluu"), "geluu"),
}


@pytest.mark.parametrize(("build", "found"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_arguments_of_transformers_are_refused_by_name(build, found) -> None:
    with pytest.raises(kc.KernelcError) as error:
        build()
    assert found in error.value.found
