"""Sampling from decoders."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc


def decoder(mask: Any = "causal", length: int = 4, vocabulary: int = 5) -> kc.Model:
    x = kc.Tokens(length, vocabulary)
    block = kc.residual(kc.chain(kc.RMSNorm(), kc.MultiHeadAttention(8, 2, mask=mask)))
    body = kc.chain(
        kc.Embedding(8), kc.PositionalEmbedding(), block, kc.RMSNorm(), kc.Dense(vocabulary)
    )
    return kc.lower(kc.Network(x, body(x)), key=0)


@pytest.fixture(scope="module")
def model() -> kc.Model:
    return decoder()


def by_hand(model: kc.Model, prompt: list[int], steps: int) -> list[int]:
    """The likeliest tokens, each from a window of the model's own length."""
    tokens = list(prompt)
    for _ in range(steps):
        window = tokens[-4:]
        # What follows the window is arbitrary.
        filled = np.array([window + [3] * (4 - len(window))])
        tokens.append(int(np.argmax(model.batched(filled)[0, len(window) - 1])))
    return tokens[len(prompt) :]


@pytest.mark.parametrize("prompt", [[2], [0, 4, 1], [1, 2, 3, 4, 0, 1]])
def test_the_likeliest_tokens(model: kc.Model, prompt: list[int]) -> None:
    found = kc.sample(model, np.array(prompt), 7, temperature=0)
    assert found.tolist() == by_hand(model, prompt, 7)


def test_tokens_are_drawn_by_their_probability() -> None:
    logits = np.array([0.0, 1.0, -1.0, 0.5, 2.0])
    x = kc.Tokens(4, 5)
    same: Any = kc.lower(kc.Network(x, kc.Embedding(5)(x)), key=0)
    # Every token is followed by the same law.
    rows = jnp.tile(jnp.asarray(logits, jnp.float32), (5, 1))
    same = eqx.tree_at(lambda tree: tree.nodes[0].module.table, same, rows)
    for temperature in (0.5, 2.0):
        chances = np.exp(logits / temperature)
        chances /= chances.sum()
        drawn = kc.sample(same, np.array([0]), 1000, key=1, temperature=temperature)
        shares = np.bincount(drawn, minlength=5) / 1000
        # Four standard errors of a share of 1000 draws.
        assert (np.abs(shares - chances) < 4 * np.sqrt(chances / 1000) + 1e-3).all()


def test_the_key_says_what_is_drawn(model: kc.Model) -> None:
    one, same, other = (kc.sample(model, np.array([0]), 20, key=key) for key in (0, 0, 1))
    assert one.tolist() == same.tolist() != other.tolist()


def test_text_goes_in_and_out() -> None:
    x = kc.Tokens(4, vocabulary=256)
    table = jnp.roll(40 * jnp.eye(256), 1, axis=1)
    model: Any = kc.lower(kc.Network(x, kc.Embedding(256)(x)), key=0)
    model = eqx.tree_at(lambda tree: tree.nodes[0].module.table, model, table)
    # Each byte is followed by the next one.
    assert kc.sample(model, b"ab", 5) == b"cdefg"
    assert kc.sample(model, "ab", 5) == "cdefg"
    assert kc.sample(model, "\x7d", 3) == "~\x7f�"
    with pytest.raises(kc.DataError, match="UTF-8"):
        kc.sample(model, "\ud800", 3)


@pytest.mark.parametrize("length", [4, 5])
def test_decoders_that_see_what_follows_are_refused(length: int) -> None:
    with pytest.raises(kc.UnsupportedError, match="causal"):
        kc.sample(decoder(None, length), np.array([1]), 2)


def test_outputs_that_are_nan_are_told(model: kc.Model) -> None:
    broken = jax.tree.map(
        lambda leaf: leaf * jnp.nan if eqx.is_inexact_array(leaf) else leaf, model
    )
    with pytest.raises(kc.DataError, match="NaN"):
        kc.sample(broken, np.array([1]), 2)


def test_other_models_are_told(model: kc.Model) -> None:
    x = kc.Tokens(4, 5)
    pooled = kc.Network(x, kc.chain(kc.Embedding(8), kc.GlobalMeanPool(), kc.Dense(5))(x))
    with pytest.raises(kc.ShapeError, match=r"Dense\(5\)"):
        kc.sample(kc.lower(pooled, key=0), np.array([1]), 2)
    y = kc.Input((4,))
    numbers: Any = kc.lower(kc.Network(y, kc.Dense(4)(y)), key=0)
    others: list[Any] = [numbers, lambda x: x]
    for other in others:
        with pytest.raises(kc.DataError, match="Tokens"):
            kc.sample(other, np.array([1]), 2)
    for prompt in (np.array([5]), np.array([], int), np.array([[1]]), "ab", [0.5]):
        with pytest.raises(kc.DataError, match="prompt"):
            kc.sample(model, prompt, 2)
    with pytest.raises(kc.DataError, match="temperature"):
        kc.sample(model, np.array([1]), 2, temperature=-1.0)
