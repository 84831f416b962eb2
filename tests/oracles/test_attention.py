"""Attention whose logits are zero at initialization: against loops over tokens, and as formulas."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import brute_force as bf
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_layers import drawn

import kernelc as kc


RNG = np.random.default_rng(11)
TOKENS = 4
DENSE, ERF = kc.Dense(64, weight_std=1.3, bias_std=0.2), kc.Activation("erf")
FRESH = bf.fresh(1.3, 0.2)
QUERY_STD = 0.7


def data(count: int = 3, tokens: int = TOKENS) -> np.ndarray:
    scale = RNG.uniform(0.5, 1.6, size=(count, tokens, 1))
    return RNG.normal(size=(count, tokens, 5)) * scale


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores)
    return powers / powers.sum(-1, keepdims=True)


DISTANCE = np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS)))
CAUSAL = np.where(np.tri(TOKENS) > 0, 0.0, -np.inf)
TABLE = RNG.normal(size=(2, TOKENS, TOKENS))
ROWS = (1.0, 0.5, 2.0, 1.5)


@dataclasses.dataclass(frozen=True)
class Case:
    """An attention, the softmax of each of its heads, and what stands before it."""

    layer: kc.Attention
    patterns: Sequence[np.ndarray]
    gains: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(TOKENS))
    skip: float = 0.0
    subtracted: np.ndarray | float = 0.0
    frequencies: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(1))

    @property
    def matrices(self) -> list[np.ndarray]:
        added = self.skip * np.eye(TOKENS) - self.subtracted
        return [self.gains[:, None] * pattern + added for pattern in self.patterns]


CASES = {
    "rotary": Case(
        kc.Attention(4, mask="causal", rotary=10.0),
        [softmax(CAUSAL)],
        # 16 channels for each head.
        frequencies=np.array([10 ** (-2 * f / 16) for f in range(8)]),
    ),
    "uniform": Case(kc.Attention(4), [np.full((TOKENS, TOKENS), 1 / TOKENS)]),
    "causal": Case(kc.Attention(4, mask="causal"), [softmax(CAUSAL)]),
    "alibi": Case(
        kc.Attention(2, mask="causal", bias="alibi"),
        [softmax(CAUSAL - slope * DISTANCE) for slope in (2.0**-4, 2.0**-8)],
    ),
    "tables": Case(
        kc.Attention(2, bias=tuple(tuple(map(tuple, head.tolist())) for head in TABLE)),
        list(softmax(TABLE)),
    ),
    "row scale": Case(
        kc.Attention(4, mask="causal", row_scale=ROWS, gain=0.5),
        [softmax(CAUSAL)],
        gains=0.5 * np.array(ROWS),
    ),
    "skip": Case(
        kc.Attention(2, mask="causal", bias="alibi", skip=0.8, gain=0.6, centering=0.3),
        [softmax(CAUSAL - slope * DISTANCE) for slope in (2.0**-4, 2.0**-8)],
        gains=np.full(TOKENS, 0.6),
        skip=0.8,
        subtracted=0.3 * softmax(CAUSAL),
    ),
    "shaped": Case(
        kc.Attention(4, mask="causal", skip=1.0, gain=1.0, centering=1.0),
        [softmax(CAUSAL)],
        skip=1.0,
        subtracted=softmax(CAUSAL),
    ),
}


def network(attention: kc.Attention, *behind: kc.Layer) -> kc.Network:
    """Queries, keys and values of one value, a layer of weights, and what stands behind it."""
    x = kc.Input((TOKENS, 5))
    h = kc.chain(DENSE, ERF)(x)
    query = kc.Dense(64, weight_std=QUERY_STD, init="zero", bias=False)(h)
    y = attention(query, DENSE(h), DENSE(h))
    return kc.Network(x, kc.chain(DENSE, *behind)(y))


def attended(state: bf.Kernels, case: Case, fan_in: int | None) -> bf.Kernels:
    """The attention and its three layers in loops over pairs of inputs and of locations.

    `fan_in` is that of queries in the standard parameterization, None in the NTK one.
    """
    if fan_in is None:
        keys = values = FRESH(state)
        query_tangent = QUERY_STD**2 * state.k
    else:
        keys = values = bf.standard(same, same, 64, 1.3, 0.2)(state)
        query_tangent = fan_in * state.k
    n, p = state.count, TOKENS
    k, t = np.zeros_like(state.k), np.zeros_like(state.k)
    for i, j in itertools.product(range(n), repeat=2):
        rows, columns = slice(i * p, (i + 1) * p), slice(j * p, (j + 1) * p)
        inner, theta = values.k[rows, columns], values.t[rows, columns]
        for pattern, matrix in zip(case.patterns, case.matrices, strict=True):
            k[rows, columns] += matrix @ inner @ matrix.T / len(case.patterns)
            t[rows, columns] += matrix @ theta @ matrix.T / len(case.patterns)
            tangent = query_tangent[rows, columns], keys.k[rows, columns]
            t[rows, columns] += trained_queries(*tangent, inner, pattern, case) / len(case.patterns)
    return dataclasses.replace(state, k=k, t=t)


def trained_queries(
    theta: np.ndarray, keys: np.ndarray, values: np.ndarray, pattern: np.ndarray, case: Case
) -> np.ndarray:
    """The gradients of a softmax, location by location."""
    out = np.zeros_like(theta)
    for a, b in itertools.product(range(TOKENS), repeat=2):
        for r, s in itertools.product(range(TOKENS), repeat=2):
            # E (v_r - sum_u P_au v_u)(v'_s - sum_w P_bw v'_w)
            apart = values[r, s] - pattern[a] @ values[:, s] - pattern[b] @ values[r]
            apart += pattern[a] @ values @ pattern[b]
            turned = np.mean(np.cos(case.frequencies * ((r - a) - (s - b))))
            out[a, b] += pattern[a, r] * pattern[b, s] * keys[r, s] * apart * turned
    return theta * out * np.outer(case.gains, case.gains)


@pytest.mark.parametrize("name", CASES)
def test_kernels_agree_with_loops_over_all_tokens(name: str) -> None:
    case, x = CASES[name], data()
    # What follows attention does not depend on which it is: one has layers behind it.
    deep = name == "alibi"
    state = FRESH(attended(bf.erf(FRESH(bf.Kernels.of(x))), case, None))
    found = kc.kernel_fn(network(case.layer, *((ERF, DENSE) if deep else ())))(x)
    assert_equal(found, FRESH(bf.erf(state)) if deep else state)


def test_kernels_of_the_standard_parameterization_agree_too() -> None:
    case, x = CASES["row scale"], data()
    first, fresh = (bf.standard(same, same, fan_in, 1.3, 0.2) for fan_in in (5, 64))
    state = fresh(attended(bf.erf(first(bf.Kernels.of(x))), case, 64))
    assert_equal(kc.kernel_fn(network(case.layer), parameterization="standard")(x), state)


def same(state: bf.Kernels) -> bf.Kernels:
    """What a layer at every location reads: that location."""
    return state


def assert_equal(found: kc.KernelMatrices, state: bf.Kernels) -> None:
    for matrix, wanted in zip(found[:2], state.diagonal, strict=True):
        np.testing.assert_allclose(matrix, wanted, rtol=1e-12, atol=1e-13)


def exchangeable(q: float, c: float, s: float) -> np.ndarray:
    """Two inputs of which all locations are alike: q, s q, c q and s c q."""
    places = (1 - s) * np.eye(TOKENS) + s
    gram = q * np.kron(np.array([[1.0, c], [c, 1.0]]), places)
    rows = np.linalg.cholesky(gram) * np.sqrt(2 * TOKENS)
    return rows.reshape(2, TOKENS, 2 * TOKENS)


def test_formulas_are_the_kernels_of_locations_that_are_alike() -> None:
    layer = kc.Attention(4, skip=0.7, gain=0.9, centering=0.2)
    x = kc.Input((TOKENS, 2 * TOKENS))
    h = kc.chain(DENSE, ERF)(x)
    y = layer(kc.Dense(64, init="zero")(h), DENSE(h), kc.Dense(64)(h))
    net = kc.Network(x, kc.chain(DENSE, ERF, DENSE)(y))
    value = kc.derive(net).evaluate(c=0.4, q=1.7, s=0.3)
    found = kc.kernel_fn(net)(exchangeable(1.7, 0.4, 0.3))
    np.testing.assert_allclose(found.nngp[0, 1], value.nngp, rtol=1e-12)
    np.testing.assert_allclose(found.nngp[0, 0], value.q, rtol=1e-12)
    np.testing.assert_allclose(found.ntk[0, 1], value.ntk, rtol=1e-12)


def test_shaped_attention_is_the_identity_and_keeps_every_pair() -> None:
    x = kc.Input((TOKENS, 5))
    shaped = CASES["shaped"].layer
    query, value = kc.Dense(64, init="zero"), DENSE(x)
    with_it = kc.Network(x, kc.chain(ERF, DENSE)(shaped(query(x), DENSE(x), value)))
    without = kc.Network(x, kc.chain(DENSE, ERF, DENSE)(x))
    formulas = [kc.derive(net) for net in (with_it, without)]
    points = [kernel.evaluate(c=0.4, q=1.7, s=0.3) for kernel in formulas[:1]]
    assert points[0].nngp == pytest.approx(formulas[1].evaluate(c=0.4, q=1.7).nngp, rel=1e-15)
    # Causal patterns treat locations unlike: the formula of the NTK is not known, that of data is.
    assert formulas[0].theta is None
    assert np.isfinite(kc.kernel_fn(with_it)(data()).ntk).all()


def test_rotary_logits_depend_on_distances_alone() -> None:
    """Moved along the sequence, queries and keys that are alike everywhere make equal rows."""
    x = np.broadcast_to(RNG.normal(size=(1, 1, 16)), (1, 6, 16)).astype(np.float32)
    module = drawn(kc.Attention(2, mask="causal", rotary=10.0), (6, 16), (6, 16), (6, 6 * 2))
    values = np.tile(np.eye(6), 2)[None].astype(np.float32)
    found = np.asarray(module(tuple(map(jnp.asarray, (x, x, values))))[0][0, :, :6])
    logits = np.log(np.where(found > 0, found, 1.0))
    for distance in range(1, 5):
        steps = np.diagonal(logits, -distance) - np.diagonal(logits)[distance:]
        np.testing.assert_allclose(steps, steps[0], atol=1e-5)
    assert np.ptp(found[5]) > 1e-3


@pytest.mark.parametrize(
    ("shape", "heads"), [((4, 4, 8), 2), ((6, 6), 2)], ids=["an image", "an odd width"]
)
def test_rotary_positions_of_other_shapes_are_refused(shape: tuple[int, ...], heads: int) -> None:
    x = kc.Input(shape)
    with pytest.raises(kc.ShapeError, match="rotary"):
        kc.Network(x, kc.Attention(heads, rotary=10.0)(x, x, x))


def test_random_logits_are_refused_with_what_to_do() -> None:
    x = kc.Input((TOKENS, 5))
    for refused in (
        kc.MultiHeadAttention(8, 2, query_init="gaussian"),
        lambda node: kc.Attention(scale="1/d")(*(kc.Activation("erf")(kc.Dense(8)(node)),) * 3),
    ):
        net = kc.Network(x, refused(x))
        for read in (kc.derive, lambda n: kc.kernel_fn(n)(data())):
            with pytest.raises(kc.UnsupportedError, match="random at initialization"):
                read(net)


def test_matrices_that_treat_tokens_unlike_have_no_formula() -> None:
    with pytest.raises(kc.UnsupportedError, match="kernel_fn"):
        kc.derive(network(kc.Attention(4, mask="causal")))


@pytest.mark.parametrize(
    "block",
    [
        kc.MultiHeadAttention(256, 32, mask="causal", bias="alibi", use_bias=False),
        kc.MultiHeadAttention(256, 2, scale="1/d", query_init="gaussian", use_bias=False),
        kc.MultiHeadAttention(256, 32, mask="causal", rotary=10.0, use_bias=False),
    ],
    ids=["zero queries", "vanishing logits", "rotary"],
)
def test_wide_networks_have_this_kernel(block: Any) -> None:
    x = kc.Input((TOKENS, 5))
    plain = kc.Dense(256, bias=False)
    net = kc.Network(x, kc.chain(plain, ERF, block, ERF, kc.Dense(4, bias=False))(x))
    inputs = data(2).astype(np.float32)
    models = [kc.lower(net, key=jax.random.key(seed)) for seed in range(12)]
    measured, error = kc.empirical_kernel(models, inputs, standard_error=True)
    wanted = kc.kernel_fn(net)(inputs)
    for part in ("nngp", "ntk"):
        matrix, deviation = (np.asarray(getattr(m, part)) for m in (measured, error))
        exact = np.asarray(getattr(wanted, part))
        # Five standard errors of a mean over 12 networks (t with 11 degrees of freedom), and a
        # bias of order 1 / width.
        scale = float(np.abs(exact).max())
        assert np.all(np.abs(matrix - exact) <= 5 * deviation + 10 / 256 * scale)


def test_zero_weights_have_no_kernel_and_an_ntk() -> None:
    x = kc.Input((6,))
    net = kc.Network(x, kc.chain(kc.Dense(9), kc.Dense(9, 0.5, init="zero", bias=False))(x))
    kernel = kc.derive(net)
    value = kernel.evaluate(c=0.3, q=2.0)
    assert (value.q, value.nngp) == (0.0, 0.0)
    assert value.ntk == pytest.approx(0.25 * 0.6)
    assert kc.kernel_fn(net, parameterization="standard")(
        np.eye(6)[:2] * 6**0.5
    ).ntk == pytest.approx(9 * np.eye(2))
