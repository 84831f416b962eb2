"""Tokens: integers stand for vectors that nothing makes; other arrays are refused."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import kernelc as kc


LENGTH, VOCABULARY = 4, 50_000
X = kc.Tokens(LENGTH, VOCABULARY)
HEAD = (kc.Dense(8), kc.Activation("relu"), kc.Flatten(), kc.Dense(3))
NET = kc.Network(X, kc.chain(kc.Embedding(8), kc.PositionalEmbedding(0.5), *HEAD)(X), name="net")
TOKENS = np.random.default_rng(0).integers(0, VOCABULARY, size=(6, LENGTH))
LABELS = np.arange(6) % 3


@functools.cache
def model() -> kc.Model:
    return kc.lower(NET, key=0)


@functools.cache
def kernel() -> kc.KernelFunction:
    return kc.kernel_fn(NET)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [((0, 3), "length = 0"), ((3, 2.5), "vocabulary = 2.5"), ((3, 2**24 + 1), "16777217")],
)
def test_wrong_sizes_are_refused(arguments: Any, found: str) -> None:
    with pytest.raises(kc.ShapeError, match=found):
        kc.Tokens(*arguments)


@pytest.mark.parametrize(
    "layer",
    [
        kc.Dense(3),
        kc.Conv(3),
        kc.Flatten(),
        kc.PLN(),
        kc.Activation("relu"),
        kc.PositionalEmbedding(),
        kc.repeat(kc.Dense(VOCABULARY), 2),
        lambda x: kc.WeightedSum((1.0, 1.0))(x, x),
        lambda x: x,
    ],
)
def test_only_an_embedding_reads_tokens(layer: Callable[[kc.Node], kc.Node]) -> None:
    with pytest.raises(kc.GraphError) as caught:
        kc.Network(X, layer(X))
    assert "kernelc.Embedding(width)" in caught.value.remedy


HOSTILE: dict[str, tuple[Any, type[kc.KernelcError], str]] = {
    "fractions": (TOKENS + 0.5, kc.DataError, "are no tokens"),
    "negative": (TOKENS - VOCABULARY, kc.DataError, "are no tokens"),
    "too large": (TOKENS + VOCABULARY, kc.DataError, "are no tokens"),
    "one too large": (np.where(TOKENS[1, 2] == TOKENS, VOCABULARY, TOKENS), kc.DataError, "1, 2"),
    "not a number": (np.where(TOKENS > 9, np.nan, 0.0), kc.DataError, "(are no tokens|NaN)"),
    "infinite": (np.where(TOKENS > 9, np.inf, 0.0), kc.DataError, "(are no tokens|infinity)"),
    "another length": (TOKENS[:, :3], kc.KernelcError, "shape"),
    "vectors": (np.zeros((6, LENGTH, 5)), kc.KernelcError, "shape"),
}
CALLS: dict[str, Callable[[Any], object]] = {
    "kernel_fn": lambda x: kernel()(x),
    "diagonal": lambda x: kernel().diagonal(x),
    "second inputs": lambda x: kernel()(TOKENS, x),
    "model": lambda x: model().batched(x),
    "fit": lambda x: kc.fit(model(), (x, LABELS), steps=1, progress=False),
    "evaluate": lambda x: kc.evaluate(model(), x, LABELS),
    "make_step": lambda x: kc.make_step(model(), optax.sgd(1.0)).start(x, LABELS),
    "empirical_kernel": lambda x: kc.empirical_kernel(model(), x),
    "EmpiricalNTK": lambda x: kc.EmpiricalNTK(model()).blocks(x),
    "diagnose": lambda x: kc.diagnose(NET, x),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", HOSTILE)
def test_arrays_of_anything_else_are_refused(case: str, call: str) -> None:
    x, error, found = HOSTILE[case]
    with pytest.raises(error, match=found) as caught:
        CALLS[call](x)
    assert caught.value.remedy


@pytest.mark.parametrize("dtype", [np.float16, "bfloat16", bool, complex, str])
def test_types_that_hold_no_tokens_are_refused(dtype: Any) -> None:
    x = np.zeros((6, LENGTH), jnp.bfloat16 if dtype == "bfloat16" else dtype)
    for call in ("kernel_fn", "model"):
        with pytest.raises(kc.DataError) as caught:
            CALLS[call](x)
        assert "0 to 49999" in caught.value.law


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint32", "int64"])
def test_integers_of_all_widths_are_tokens(dtype: str) -> None:
    x = TOKENS % 100
    np.testing.assert_array_equal(model().batched(x.astype(dtype)), model().batched(x))
    found = np.asarray(kc.kernel_fn(NET)(x.astype(dtype)).nngp)
    np.testing.assert_allclose(found, np.asarray(kernel()(x).nngp), rtol=1e-5)
    assert found.dtype == ("float64" if dtype.endswith("64") else "float32")


def test_whole_numbers_in_floats_are_tokens() -> None:
    for dtype in ("float32", "float64"):
        x = TOKENS.astype(dtype)
        np.testing.assert_array_equal(model().batched(x), model().batched(TOKENS))
        assert np.asarray(kernel()(x).nngp).dtype == dtype


def test_what_is_no_token_is_nan_where_values_cannot_be_looked_at() -> None:
    x = TOKENS.astype(np.int32)
    x[0, 1], x[1, 2] = -1, VOCABULARY
    given = model()
    y = jax.jit(lambda x: given.batched(x))(x)
    np.testing.assert_array_equal(np.isnan(y).all(axis=1), [True, True, *[False] * 4])
    k = kernel()
    matrix = np.asarray(jax.jit(lambda x: k(x).nngp)(x))
    bad = np.arange(6) < 2
    np.testing.assert_array_equal(np.isnan(matrix), bad[:, None] | bad[None, :])
    halves = jax.jit(lambda x: given.batched(x))(TOKENS.astype(np.float32) + 0.5)
    assert np.isnan(halves).all()


def test_low_precision_computes_but_does_not_round_tokens() -> None:
    low = kc.lower(NET, key=0, policy=kc.Policy("float32", compute_dtype="bfloat16"))
    y = low.batched(TOKENS)
    np.testing.assert_allclose(y, model().batched(TOKENS), atol=0.05)


def test_one_example_a_batch_and_a_map_over_examples_agree() -> None:
    given = model()
    whole = given.batched(TOKENS)
    np.testing.assert_allclose(jax.vmap(given)(jnp.asarray(TOKENS)), whole, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(given(TOKENS[0]), whole[0], rtol=1e-5, atol=1e-6)
    assert given.input_shape == (LENGTH,)


def test_another_q_value_is_refused() -> None:
    with pytest.raises(kc.KernelcError, match="q = 2"):
        kc.kernel_fn(NET, q=2.0)
    assert kc.kernel_fn(NET, q=1.0).q == 1.0


def test_a_model_comes_back_from_its_file_as_one_of_tokens(tmp_path: Any) -> None:
    kc.save(tmp_path / "model", model())
    again = kc.load(tmp_path / "model", network=NET).model
    np.testing.assert_array_equal(again.batched(TOKENS), model().batched(TOKENS))
    with pytest.raises(kc.DataError):
        again.batched(TOKENS + VOCABULARY)


def test_tokens_are_trained_on_and_regressed_on() -> None:
    x = np.random.default_rng(1).integers(0, 40, size=(200, LENGTH))
    y = x[:, 0] % 3
    start = kc.Tokens(LENGTH, 40)
    net = kc.Network(start, kc.chain(kc.Embedding(64), *HEAD)(start))
    data = kc.data.Dataset(x, y, classes=3)
    run = kc.fit(kc.lower(net, key=0), data, steps=200, progress=False)
    assert run.train.accuracy is not None
    assert run.train.accuracy > 0.9
    assert kc.evaluate(run.model, x.astype(float), y) == run.train
    k = kc.kernel_fn(net)
    found = kc.predict(k, x[:150], np.eye(3)[y[:150]], x[150:], kernel="ntk", ridge=1e-3)
    assert np.mean(found.mean.argmax(1) == y[150:]) > 0.8


def test_kfac_has_a_kronecker_block_for_the_table() -> None:
    first = kc.kfac_blocks(model()).blocks[0]
    assert first.parameters == ("embedding_1.table",)
    assert first.kronecker


def test_a_diagnosis_reads_the_share_of_equal_tokens() -> None:
    x = np.random.default_rng(2).integers(0, 5, size=(50, LENGTH))
    start = kc.Tokens(LENGTH, 5)
    net = kc.Network(start, kc.chain(kc.Embedding(64), *HEAD)(start))
    equal = np.mean(x[:, None] == x[None], axis=2)
    mean = (equal.sum() - len(x)) / (len(x) * (len(x) - 1))
    assert f"cosine {mean:.4g}" in str(kc.diagnose(net, x))
    assert "these targets" in str(kc.diagnose(net, (x, x[:, 0])))
    with pytest.raises(kc.UnsupportedError, match="tokens"):
        kc.diagnose(net).finite()


def test_shaping_takes_inputs_of_tokens_as_they_are() -> None:
    block = kc.chain(kc.Dense(8), kc.Activation("tanh"))
    net = kc.Network(X, kc.chain(kc.Embedding(8, std=0.5), block, block, kc.Dense(3))(X))
    with pytest.raises(kc.ShapingError, match=r"embedding_1: std = 0\.5"):
        kc.shape(net)
    shaped = kc.shape(net, rewrite=True)
    assert [type(node.layer).__name__ for node in shaped.network][:2] == [
        "TokensLayer",
        "Embedding",
    ]
    assert shaped.assumptions == ()
    q = np.asarray(kc.kernel_fn(shaped).diagonal(TOKENS).nngp)
    np.testing.assert_allclose(q, 1.0, rtol=1e-9)
