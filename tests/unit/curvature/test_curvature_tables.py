"""Kronecker blocks of tables, against dense layers on vectors with one 1."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kernelc as kc


RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 5, (12, 4))
LABELS = RNG.integers(0, 3, (12, 4))
EMPIRICAL = kc.kfac(damping_every=1, estimation="fisher_empirical")


def losses(model: Any, x: np.ndarray) -> np.ndarray:
    run = kc.fit(model, (x, LABELS), optimizer=EMPIRICAL, steps=4, progress=False)
    return run.losses


def test_a_lookup_is_a_dense_layer_on_vectors_with_one_1() -> None:
    tokens, vectors = kc.Tokens(4, 5), kc.Input((4, 5))
    embedding: Any = kc.lower(kc.Network(tokens, kc.Embedding(3)(tokens)), key=0)
    dense: Any = kc.lower(kc.Network(vectors, kc.Dense(3, bias=False)(vectors)), key=0)
    dense = eqx.tree_at(
        lambda tree: tree.nodes[0].module.weight, dense, embedding.nodes[0].module.table
    )
    assert [block.kind for block in kc.kfac_blocks(embedding).blocks] == ["LookupKroneckerFactored"]
    one, other = losses(embedding, TOKENS), losses(dense, np.eye(5)[TOKENS])
    assert one[-1] < one[0]
    # float32 sums in another order, over four steps
    np.testing.assert_allclose(one, other, rtol=1e-4)


class Added(eqx.Module):
    """x + table, or x + P table with the P of which row i has a 1 at i."""

    table: jax.Array
    dense: bool = eqx.field(static=True)

    def batched(self, xs: jax.Array) -> jax.Array:
        if not self.dense:
            return xs + self.table
        places = jnp.broadcast_to(jnp.eye(len(self.table)), (len(xs), *[len(self.table)] * 2))
        return places @ self.table + xs


def added(table: jax.Array, dense: bool) -> Any:
    return Added(table, dense)


def test_added_rows_are_a_dense_layer_on_locations() -> None:
    table = jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32)
    x = RNG.normal(size=(12, 4, 3)).astype(np.float32)
    report = kc.kfac_blocks(added(table, False), x)
    assert [block.kind for block in report.blocks] == ["PositionsKroneckerFactored"]
    one, other = (losses(added(table, dense), x) for dense in (False, True))
    assert one[-1] < one[0]
    np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3,), (2, 4, 3)])
def test_other_sums_keep_their_blocks(shape: tuple[int, ...]) -> None:
    """A bias, and one table for all of a batch, are no rows at locations."""
    x = np.ones((2, 4, 3), np.float32)
    report = kc.kfac_blocks(added(jnp.ones(shape), False), x)
    assert not report.blocks[0].kronecker
