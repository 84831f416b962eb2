"""Tokens in a diagnosis: figures against a fold of T x T matrices by hand, and the findings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import kernelc as kc
import nets


T = 8


def decoder(block: Any = "skipless", depth: int = 2, **options: Any) -> kc.Network:
    given = {"positions": None, "activation": "relu", **options}
    return nets.decoder(T, 99, width=16, depth=depth, heads=4, block=block, **given)


def relu(k: np.ndarray) -> np.ndarray:
    """E relu(u) relu(v) (Cho & Saul 2009)."""
    size = np.sqrt(np.outer(np.diagonal(k), np.diagonal(k)))
    angle = np.arccos(np.clip(k / size, -1, 1))
    return size * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)


def by_hand(block: str, depth: int, k: np.ndarray) -> np.ndarray:
    """K of the tokens in front of the head: uniform causal attention, then an MLP."""
    a = np.tri(T) / np.arange(1, T + 1)[:, None]
    skip = 1.0 if block == "preln" else 0.0

    def norm(k: np.ndarray) -> np.ndarray:
        root = np.sqrt(np.diagonal(k))
        return k / np.outer(root, root) if skip else k

    for _ in range(depth):
        k = skip * k + a @ norm(k) @ a.T
        k = skip * k + relu(norm(k))
    return k


@pytest.mark.parametrize("block", ["skipless", "preln"])
def test_figures_are_those_of_matrices_folded_by_hand(block):
    report = kc.diagnose(decoder(block))
    k = by_hand(block, 2, np.eye(T))
    found = {level.node: level for level in report.tokens}
    level = found["block2/sum2" if block == "preln" else "block2/down"]
    np.testing.assert_allclose(level.q, np.diagonal(k), rtol=1e-10)
    root = np.sqrt(np.diagonal(k))
    cosines = k / np.outer(root, root)
    assert level.mean_cosine == pytest.approx(cosines[~np.eye(T, dtype=bool)].mean(), rel=1e-10)
    assert level.end_cosine == pytest.approx(cosines[0, -1], rel=1e-10)


def test_tokens_of_data_are_taken_as_they_are():
    texts = np.random.default_rng(0).integers(0, 4, size=(6, T))
    report = kc.diagnose(decoder(depth=1), texts)
    cosines = []
    for text in texts:
        k = by_hand("skipless", 1, (text[:, None] == text).astype(float))
        root = np.sqrt(np.diagonal(k))
        cosines.append((k / np.outer(root, root))[0, -1])
    assert report.tokens[-1].end_cosine == pytest.approx(np.mean(cosines), rel=1e-9)


def test_rank_collapse_and_unlike_q_values_are_found_and_shaping_mends_them():
    net = decoder(depth=5, positions="alibi")
    report = kc.diagnose(net)
    kinds = {finding.kind: finding for finding in report.findings}
    assert kinds["rank_collapse"].severity == "critical"
    k_end = report.tokens[-1].mean_cosine
    rate = (1 - k_end) ** (1 / 5)
    assert f"falls by {rate:.2g} at each of 5 attentions" in kinds["rank_collapse"].measured
    assert "tokens=kernelc.SPA()" in kinds["rank_collapse"].remedy
    shaped = kc.shape(net, kc.DKS(), tokens=kc.SPA(), rewrite=True)
    mended = kc.diagnose(shaped)
    assert not {"rank_collapse", "token_q", "requirement"} & {
        finding.kind for finding in mended.findings
    }
    assert mended.tokens[-1].mean_cosine < 0.8
    uniform = {finding.kind: finding for finding in kc.diagnose(_wide()).findings}
    assert uniform["token_q"].value == pytest.approx(32)


def _wide() -> kc.Network:
    return nets.decoder(
        32, 99, width=16, depth=1, heads=4, block="skipless", activation="relu", positions=None
    )


def test_reports_show_tokens(tmp_path):
    report = kc.diagnose(decoder(depth=1))
    assert "first with last" in str(report)
    assert json.loads(json.dumps(report.to_dict()))["tokens"][0]["node"] == "input"
    report.plot(tmp_path / "net.svg")
    report.to_html(tmp_path / "net.html")
    assert "Tokens of one input" in (tmp_path / "net.html").read_text(encoding="utf-8")


def test_images_have_locations_of_their_own():
    report = kc.diagnose(nets.vit((8, 8, 3), 4, width=16, depth=1, heads=2, classes=3))
    assert [len(level.q) for level in report.tokens][:: len(report.tokens) - 1] == [64, 5]
    assert all(np.isfinite(level.mean_cosine) for level in report.tokens)


def test_networks_without_attention_have_no_tokens():
    x = kc.Input((4, 3))
    assert kc.diagnose(kc.Network(x, kc.Dense(3)(x))).tokens == ()


def test_networks_are_followed_up_to_the_first_node_without_a_rule():
    x = kc.Tokens(4, vocabulary=9)
    start = kc.Embedding(8)(x)
    random = kc.Attention(2)(*(kc.Dense(8)(start) for _ in range(3)))
    report = kc.diagnose(kc.Network(x, kc.chain(kc.Activation("tanh"), kc.Dense(3))(random)))
    assert [level.node for level in report.tokens] == ["input", "embedding_1"]
    assert "no_kernel" in {finding.kind for finding in report.findings}


def test_q_values_that_are_all_zero_are_not_unlike():
    x = kc.Tokens(4, vocabulary=9)
    start = kc.Embedding(8)(x)
    zero = kc.Dense(8, init="zero")(start)
    report = kc.diagnose(kc.Network(x, kc.Attention(2)(zero, kc.Dense(8)(start), zero)))
    assert (report.tokens[-1].q == 0).all()
    assert "token_q" not in {finding.kind for finding in report.findings}


def test_locations_of_zeros_have_no_cosine():
    x = kc.Input((4, 8))
    network = kc.Network(x, kc.MultiHeadAttention(8, 2)(x))
    data = np.random.default_rng(0).normal(size=(2, 4, 8))
    data[0, 0] = 0
    level = kc.diagnose(network, data).tokens[0]
    units = [x / np.linalg.norm(x, axis=1)[:, None] for x in (data[0, 1:], data[1])]
    total = sum((unit @ unit.T).sum() - len(unit) for unit in units)
    assert level.mean_cosine == pytest.approx(total / (3 * 2 + 4 * 3))
    assert level.end_cosine == pytest.approx(units[1][0] @ units[1][-1])
