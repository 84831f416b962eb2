"""SPA and RowScale: solved attention against formulas and a brute-force fold of T x T matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

import kernelc as kc


T = 12
WIDTH = 64


def attention(**options: Any) -> Any:
    return kc.MultiHeadAttention(WIDTH, 4, use_bias=False, **options)


def mlp(act: str = "leaky_relu") -> Any:
    return kc.chain(kc.Dense(2 * WIDTH), kc.Activation(act), kc.Dense(WIDTH))


def decoder(
    blocks: int = 3,
    act: str | None = "leaky_relu",
    skip: float = 0.0,
    embedding: Any = None,
    length: int = T,
    **options: Any,
) -> kc.Network:
    """Token embedding, blocks of attention and MLP, a head."""
    options.setdefault("mask", "causal")
    mix, bent = attention(**options), kc.chain() if act is None else mlp(act)
    weights = (skip, math.sqrt(1 - skip**2))

    def block(node: kc.Node) -> kc.Node:
        for part in (mix, bent):
            node = kc.WeightedSum(weights)(node, part(node)) if skip else part(node)
        return node

    x = kc.Tokens(length, vocabulary=99)
    start = kc.Embedding(WIDTH) if embedding is None else embedding
    head = kc.chain(kc.Activation("tanh"), kc.Dense(7)) if act is None else kc.Dense(7)
    return kc.Network(x, kc.chain(start, kc.repeat(block, blocks), head)(x), name="decoder")


def attentions(network: kc.Network) -> list[kc.Attention]:
    return [node.layer for node in network if isinstance(node.layer, kc.Attention)]


def matrix(layer: kc.Attention) -> np.ndarray:
    """D softmax(B + mask) of an attention with one table."""
    bias = np.array(layer.bias)[0]
    if layer.mask:
        bias = np.where(np.tri(len(bias)) > 0, bias, -np.inf)
    powers = np.exp(bias - bias.max(1, keepdims=True))
    return np.array(layer.row_scale)[:, None] * powers / powers.sum(1, keepdims=True)


def leaky_c_map(t: kc.Transform) -> Callable[[np.ndarray], np.ndarray]:
    """C of gamma (lrelu(u) + delta) by the arc-cosine kernel."""
    a = t.negative_slope
    assert a is not None

    def relus(c: np.ndarray) -> np.ndarray:
        angle = np.arccos(np.clip(c, -1, 1))
        return (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)

    def c_map(c: np.ndarray) -> np.ndarray:
        both = (1 + a**2) * relus(c) - 2 * a * relus(-c)
        mean = (1 - a) / math.sqrt(2 * math.pi)
        return t.gamma**2 * (both + 2 * t.delta * mean + t.delta**2)

    return c_map


def exponential(rate: float, length: int = T) -> np.ndarray:
    places = np.arange(length)
    return np.exp(-rate * np.abs(places[:, None] - places))


def rates(blocks: int, end: float, length: int = T) -> list[float]:
    """gamma_l of E-SPA (He et al. 2023, as quoted by SimplEsT-ViT)."""
    last = math.sqrt(1 - math.exp(2 * math.log(end) / (length - 1)))
    return [-0.5 * math.log(1 - last ** (2 * (i + 1) / blocks)) for i in range(blocks)]


def test_without_layers_between_it_is_the_closed_form_of_e_spa():
    shaped = kc.shape(decoder(4, act=None), tokens=kc.SPA(end_cosine=0.6))
    g = [math.inf, *rates(4, 0.6)]
    share = (1 - math.exp(-2 * g[-1])) ** (1 / 8)
    for before, rate, layer in zip(g[:-1], g[1:], attentions(shaped.network), strict=True):
        a, b = math.exp(-rate), math.exp(-before)
        i, j = np.indices((T, T)) + 1
        want = np.where(i == j, share, np.where(i > j, share * (a - b) * a ** (i - j - 1.0), 0.0))
        want[:, 0] = np.where(i[:, 0] == 1, 1.0, a ** (i[:, 0] - 2.0) * (a - share * b))
        np.testing.assert_allclose(matrix(layer), want, atol=1e-13)


@pytest.mark.parametrize(("stationary", "skip"), [(False, 0.0), (True, 0.0), (False, 0.8)])
def test_every_token_has_q_one_and_the_wanted_cosines_at_every_depth(stationary, skip):
    target = kc.SPA(end_cosine=0.4, stationary=stationary)
    shaped = kc.shape(decoder(5, skip=skip), kc.DKS(1.5), tokens=target)
    c_map = leaky_c_map(shaped.transforms["leaky_relu"])
    wanted = [rates(5, 0.4)[-1]] * 5 if stationary else rates(5, 0.4)
    k = np.eye(T)
    for rate, layer in zip(wanted, attentions(shaped.network), strict=True):
        a = matrix(layer)
        mixed = a @ k @ a.T
        np.testing.assert_allclose(mixed, exponential(rate), atol=2e-14)
        k = skip**2 * k + (1 - skip**2) * mixed
        k = skip**2 * k + (1 - skip**2) * c_map(k)
    assert shaped.largest_residual < 1e-12
    # Narrow floats hold a bias, and what the mask hides is zero.
    for layer in attentions(shaped.network):
        assert np.all(np.triu(np.array(layer.bias)[0], 1) == 0)
        assert np.abs(np.array(layer.bias)).max() < 1000


def test_tokens_in_no_order_are_mixed_by_the_closed_form_of_u_spa():
    net = decoder(2, act=None, mask=None)
    shaped = kc.shape(net, tokens=kc.SPA("uniform", end_cosine=0.5))
    before = 0.0
    for number, layer in enumerate(attentions(shaped.network), 1):
        cosine = 1 - 0.5 ** (number / 2)
        own = math.sqrt((1 - cosine) / (1 - before))
        mean = math.sqrt((1 + (T - 1) * cosine) / (1 + (T - 1) * before))
        want = own * (np.eye(T) - 1 / T) + mean / T
        np.testing.assert_allclose(matrix(layer), want, atol=1e-14)
        before = cosine


def test_images_are_shaped_by_the_distance_along_both_axes():
    x = kc.Input((3, 4, 5))
    layers = kc.chain(kc.PLN(), kc.Dense(WIDTH), attention(), kc.Dense(WIDTH))
    net = kc.Network(x, kc.chain(layers, kc.Activation("tanh"), kc.Dense(3))(x))
    shaped = kc.shape(net, tokens=kc.SPA(end_cosine=0.3))
    a = matrix(attentions(shaped.network)[0])
    (row, column), steps = np.divmod(np.arange(12), 4), -math.log(0.3) / 5
    far = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    np.testing.assert_allclose(a @ a.T, np.exp(-steps * far), atol=1e-13)


def test_measured_covariances_are_met_or_missed_by_as_much_as_is_said():
    rng = np.random.default_rng(0)
    texts = rng.integers(0, 9, size=(200, T))
    start = kc.chain(kc.Embedding(WIDTH, std=0.6), kc.PositionalEmbedding(std=0.8))
    net = decoder(3, embedding=start)
    covariance = kc.token_covariance(net, texts)
    equal = np.mean(texts[:, :, None] == texts[:, None], axis=0)
    np.testing.assert_allclose(covariance, equal, atol=1e-15)
    with pytest.raises(kc.UnreachableError, match=r"attention_1[\s\S]*negative='clip'"):
        kc.shape(net, tokens=kc.SPA(covariance=covariance))
    target = kc.SPA(covariance=covariance, negative="clip")
    shaped = kc.shape(net, tokens=target)
    c_map = leaky_c_map(shaped.transforms["leaky_relu"])
    k = 0.36 * equal + 0.64 * np.eye(T)
    floor = k[~np.eye(T, dtype=bool)].mean()
    g = rates(3, (0.5 - floor) / (1 - floor))
    for rate, layer in zip(g, attentions(shaped.network), strict=True):
        a = matrix(layer)
        k = a @ k @ a.T
        np.testing.assert_allclose(np.diagonal(k), 1, atol=1e-13)
        missed = np.abs(k - floor - (1 - floor) * exponential(rate)).max()
        assert missed < 1e-12 or any(f"within {missed:.2g}" in note for note in shaped.assumptions)
        k = c_map(k)


def test_sinusoids_are_part_of_the_covariance():
    start = kc.chain(kc.Embedding(WIDTH, std=0.6), kc.PositionalEncoding(std=0.8))
    shaped = kc.shape(decoder(1, act=None, embedding=start), tokens=kc.RowScale())
    place, waves = np.arange(T), 10_000.0 ** (-np.arange(WIDTH // 2) / (WIDTH // 2))
    k = 0.64 * np.cos((place[:, None] - place)[..., None] * waves).mean(-1) + 0.36 * np.eye(T)
    mean = np.tri(T) / (place[:, None] + 1)
    (layer,) = attentions(shaped.network)
    expected = np.diagonal(mean @ k @ mean.T) ** -0.5
    np.testing.assert_allclose(np.array(layer.row_scale), expected, rtol=1e-12)


def test_tat_raises_cosines_which_positive_weights_cannot_undo():
    net = decoder(3)
    with pytest.raises(kc.UnreachableError, match="attention_2") as refused:
        kc.shape(net, kc.TAT(eta=0.5), tokens=kc.SPA())
    assert "from location 1 to 12" in refused.value.found
    shaped = kc.shape(net, kc.TAT(eta=0.5), tokens=kc.SPA(negative="clip"))
    assert set(shaped.certificate["attention_1"]) == {"q-1", "covariance"}
    assert set(shaped.certificate["attention_2"]) == {"q-1"}


def test_row_scales_keep_q_whatever_the_bias():
    shaped = kc.shape(decoder(2, bias="alibi"), kc.TAT(eta=0.4), tokens=kc.RowScale())
    assert [layer.bias for layer in attentions(shaped.network)] == ["alibi"] * 2
    behind = np.asarray(kc.kernel_fn(shaped).diagonal(np.arange(T)[None]).nngp)
    np.testing.assert_allclose(behind, 1, atol=1e-12)
    assert shaped.largest_residual < 1e-12


def test_row_scales_count_skip_and_centering_in():
    def layer(node: kc.Node, skip: float = 0.5) -> kc.Node:
        query = kc.Dense(WIDTH, init="zero")(node)
        mix = kc.Attention(4, mask="causal", skip=skip, gain=0.8, centering=0.2)
        return kc.Dense(WIDTH)(mix(query, kc.Dense(WIDTH)(node), kc.Dense(WIDTH)(node)))

    x = kc.Tokens(6, vocabulary=9)
    layers = kc.chain(kc.Embedding(WIDTH), layer, kc.Activation("tanh"), kc.Dense(3))
    shaped = kc.shape(kc.Network(x, layers(x)), tokens=kc.RowScale())
    mean = np.tri(6) / np.arange(1, 7)[:, None]
    (solved,) = attentions(shaped.network)
    a = 0.5 * np.eye(6) + 0.8 * np.array(solved.row_scale)[:, None] * mean - 0.2 * mean
    np.testing.assert_allclose(np.sum(a**2, 1), 1, atol=1e-14)
    layers = kc.chain(kc.Embedding(WIDTH), lambda x: layer(x, 2.0), mlp("tanh"), kc.Dense(3))
    with pytest.raises(kc.UnreachableError, match="smaller skip"):
        kc.shape(kc.Network(x, layers(x)), tokens=kc.RowScale())


def test_files_keep_the_constants_and_are_certified_again(tmp_path):
    covariance = np.full((T, T), 0.2) + 0.8 * np.eye(T)
    target = kc.SPA(end_cosine=0.7, negative="clip", covariance=covariance)
    shaped = kc.shape(decoder(2), kc.DKS(1.3), tokens=target)
    shaped.save(tmp_path / "net.json")
    again = kc.ShapedNetwork.load(tmp_path / "net.json")
    assert again.tokens == target
    assert "tokens=SPA(covariance=<12 x 12 numbers>, end_cosine=0.7, negative='clip')" in str(again)
    assert again.network == shaped.network
    assert again.certificate == shaped.certificate
    assert again.assumptions == shaped.assumptions


@pytest.mark.parametrize(
    "text", ["SPA(end_cosine=__import__('os'))", "DKS()", "SPA(1.0)", "(" * 500, "-" * 10_000 + "1"]
)
def test_texts_are_not_evaluated(text):
    with pytest.raises(kc.ShapingError):
        kc.TokenTarget.from_text(text)


def test_another_class_of_the_name_is_refused():
    with pytest.raises(kc.ShapingError, match="another name"):
        type("SPA", (kc.RowScale,), {"__module__": "elsewhere"})
    assert kc.TokenTarget.kinds["SPA"] is kc.SPA


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"kind": "DKS", "values": {}}',
        '{"kind": "SPA", "values": {"depth": 1}}',
        '{"kind": "SPA", "values": {"covariance": {"shape": [2, 2], "float64": "AAAA"}}}',
        '{"kind": "SPA", "values": {"covariance": {"shape": [-1], "float64": ""}}}',
        '{"kind": "SPA", "values": {"covariance": {"shape": [1, 1], "float64": 5}}}',
    ],
)
def test_hostile_files_are_refused(text):
    with pytest.raises(kc.LoadError):
        kc.TokenTarget.from_json(text)


def test_changed_constants_are_not_certified(tmp_path):
    shaped = kc.shape(decoder(2), tokens=kc.RowScale())

    def change(node: Any) -> kc.Layer:
        changed = node.name == "attention_2"
        return kc.Attention(4, "causal", row_scale=np.ones(T)) if changed else node.layer

    changed = shaped.network.rebuild(change, shaped_by=shaped.network.shaped_by)
    changed.save(tmp_path / "net.json")
    with pytest.raises(kc.ShapingError, match=r"q = 0\.68.* at location 12 of 12"):
        kc.ShapedNetwork.load(tmp_path / "net.json")


def test_the_certificate_looks_behind_the_last_attention(tmp_path):
    x = kc.Tokens(T, vocabulary=99)
    layers = kc.chain(kc.Embedding(WIDTH), mlp("tanh"), attention(mask="causal"), kc.Dense(7))
    for target, told in ((kc.RowScale(), "q-1"), (kc.SPA(), "covariance")):
        network = kc.shape(kc.Network(x, layers(x)), tokens=target).network
        (solved,) = attentions(network)
        # Other row scales, or the pattern of another covariance with the row scales that it needs.
        uniform = kc.Attention(4, "causal", row_scale=np.sqrt(np.arange(1, T + 1)) + 1e-8)
        other = uniform if told == "q-1" else attentions(_shaped_to(layers, x, 0.6))[0]
        changed = network.rebuild(
            lambda node, old=solved, new=other: new if node.layer == old else node.layer,
            shaped_by=network.shaped_by,
        )
        changed.save(tmp_path / "net.json")
        with pytest.raises(kc.ShapingError, match=f"attention_1[\\s\\S]*{told} = "):
            kc.ShapedNetwork.load(tmp_path / "net.json")


def _shaped_to(layers: Any, x: kc.Node, end: float) -> kc.Network:
    return kc.shape(kc.Network(x, layers(x)), tokens=kc.SPA(end_cosine=end)).network


WRONG: Any = "stationary"
NO_TOKENS: Any = kc.DKS()
SINGULAR = np.eye(T)
SINGULAR[3, 4] = SINGULAR[4, 3] = 1.0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: kc.SPA(WRONG), "family"),
        (lambda: kc.SPA(end_cosine=1.0), "end_cosine"),
        (lambda: kc.SPA(end_cosine=math.nan), "end_cosine"),
        (lambda: kc.SPA(covariance=np.ones((2, 3))), "shape"),
        (lambda: kc.SPA(covariance=2 * np.eye(3)), "diagonal"),
        (lambda: kc.RowScale(covariance=[[1.0, 2.0], [2.0, 1.0]]), "eigenvalues"),
        (lambda: kc.RowScale(covariance=[[1.0, 0.5], [0.2, 1.0]]), "symmetric"),
        (lambda: kc.RowScale(covariance=[[1.0, math.nan], [math.nan, 1.0]]), "covariance"),
        (lambda: kc.shape(decoder(), tokens=kc.SPA(covariance=np.eye(3))), "12 locations"),
        (lambda: kc.shape(decoder(), tokens=NO_TOKENS), "TokenTarget|kernelc.SPA"),
        (lambda: kc.shape(decoder(), tokens=kc.SPA(covariance=SINGULAR)), "4 and 5|5 and 4"),
        (lambda: kc.shape(decoder(skip=0.8), tokens=kc.SPA(stationary=True)), "weight of -"),
        (lambda: kc.shape(decoder(query_init="gaussian"), tokens=kc.SPA()), "random"),
        (lambda: kc.shape(decoder(0), tokens=kc.SPA()), "activation"),
        (
            lambda: kc.shape(
                decoder(
                    embedding=kc.chain(
                        kc.Embedding(WIDTH, std=0.6), kc.Dense(WIDTH), kc.Activation("tanh")
                    )
                ),
                tokens=kc.SPA(),
            ),
            "q = 0.36 at location 1",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, told):
    with pytest.raises(kc.ShapingError, match=told):
        make()


def test_finite_networks_have_the_q_values_that_were_solved_for():
    shaped = kc.shape(decoder(2, length=8), tokens=kc.SPA(end_cosine=0.3))
    texts = np.arange(8)[None]
    found = []
    run = eqx.filter_jit(lambda model: model.activations(texts[0]))
    for seed in range(12):
        values = run(kc.lower(shaped, key=jax.random.key(seed)))
        behind = [np.mean(np.square(values[f"dense_{i}"]), -1) for i in (4, 10)]
        found.append(np.stack(behind))
    mean, error = np.mean(found, 0), np.std(found, 0) / math.sqrt(11)
    assert np.all(np.abs(mean - 1) < 5 * error)
    assert error.max() < 0.2


def test_blocks_of_unlike_tables_run_in_one_loop(tmp_path):
    shaped = kc.shape(decoder(4), tokens=kc.SPA())
    model = kc.lower(shaped, key=jax.random.key(0))
    looped = kc.lower(shaped, key=jax.random.key(0), layers="scan")
    assert len(looped.nodes) < 10 < len(model.nodes)
    texts = np.arange(2 * T).reshape(2, T)
    expected = model.batched(texts)
    assert np.ptp(expected) > 0.1
    for other in (looped, kc.unrolled(looped), kc.scanned(model)):
        np.testing.assert_allclose(other.batched(texts), expected, rtol=1e-6, atol=1e-6)
    assert len(jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))) == len(
        kc.select(model, "*").names
    )
    kc.save(tmp_path / "decoder.kernelc", looped)
    again, _ = kc.load(tmp_path / "decoder.kernelc")
    np.testing.assert_array_equal(again.batched(texts), looped.batched(texts))
