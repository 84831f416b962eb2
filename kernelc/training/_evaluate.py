"""Loss and accuracy over a whole set, in inference mode."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree
from numpy.typing import ArrayLike

from ..data import Rows, Weighted, part
from ._call import apply
from ._check import (
    check_count,
    check_model,
    check_values,
    compared,
    initial_state,
    require_counted,
    shown,
)
from ._losses import Loss, Named, by_example, in_nats, resolve
from ._result import Metrics
from ._scoring import right
from ._source import Source, put, source
from ._step import taken
from ._weighing import Sums, weighed


def evaluate(
    model: Callable,
    x: ArrayLike | Rows,
    y: ArrayLike | Weighted,
    state: PyTree = None,
    *,
    batch_size: int = 512,
    loss: Named | Loss = "cross_entropy",
) -> Metrics:
    """Mean loss and accuracy of a model on all n examples, the last partial batch included.

    Arguments:
        model: any callable pytree of one example, or with a method `batched`; it is put in
            inference mode (no dropout, running statistics in batch norm).
        x: examples, shape (n, ...), an array, list or data frame; or those of a `Stream`, as they
            are without randomness.
        y: targets, as in `fit`.
        state: the state of a model that has one; its initial state when None.
        batch_size: examples at a time; the result does not depend on it but for rounding.
        loss: as in `fit`.

    Returns: `Metrics` with loss, accuracy (None where it has no meaning) and count n.

    Raises: DataError when data and model do not fit each other.

    Example:
        >>> metrics = evaluate(lambda x: x, np.eye(3), np.arange(3), batch_size=2)
        >>> metrics.accuracy, metrics.count
        (1.0, 3)
    """
    given = part(x, y, "evaluate")
    batch_size = min(check_count("batch_size", batch_size), len(given.y))
    function = resolve(loss)
    state = initial_state(model, state)
    outputs = check_model(model, state, shown(given.x, 1)).shape
    check_values(model, given.x, "evaluate: x")
    data, answers = compared(given, outputs, function)
    require_counted(data, "evaluate")
    return measure(model, state, source(data.x, data.y), batch_size, function, answers)


def measure(
    model: PyTree,
    state: PyTree,
    data: Source,
    batch_size: int,
    loss: Loss,
    answers: int,
    limit: int | None = None,
) -> Metrics:
    """`evaluate` on checked data with `answers` an example; `limit` takes the first ones only."""
    count = len(data) if limit is None else min(limit, len(data))
    batch_size = min(batch_size, count)
    totals = []
    for start in range(0, count, batch_size):
        asked = np.arange(start, start + batch_size, dtype=np.int32)
        # One shape for all batches: the last is padded with examples of weight 0.
        x, y, rows = data.hand_over(np.minimum(asked, count - 1)[None])
        totals.append(_sums(model, state, loss, x, y, rows[0], put(asked < count, None)))
        # Without waiting, a fast host would fill the memory with batches.
        jax.block_until_ready(totals[-2:-1])
    total, good, weight = (sum(map(float, sums)) for sums in zip(*totals, strict=True))
    # Weighted answers are counted as shares of their weight.
    most = weight * (1 if isinstance(data.y, Weighted) else answers)
    return Metrics(total / weight, good / most if answers else None, count, in_nats(loss))


@eqx.filter_jit
def _sums(
    model: PyTree,
    state: PyTree,
    loss: Loss,
    x: Array,
    y: PyTree,
    rows: Int[Array, " batch"],
    weighs: Bool[Array, " batch"],
) -> Sums:
    x, y = taken(x, y, rows, None)
    outputs, _ = apply(eqx.nn.inference_mode(model), x, state, None)
    if isinstance(y, Weighted):
        return weighed(loss, outputs, y, weighs)
    total = jnp.sum(jnp.where(weighs, by_example(loss, outputs, y), 0.0))
    return Sums(total, jnp.sum(jnp.where(weighs, right(loss, outputs, y), 0)), jnp.sum(weighs))
