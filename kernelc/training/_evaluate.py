"""Loss and accuracy over a whole set, in inference mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped

from kernelc.data import Rows
from kernelc.training._call import apply
from kernelc.training._check import (
    check_batch,
    check_either,
    check_model,
    initial_state,
    shown,
)
from kernelc.training._losses import Loss, Named, resolve, right
from kernelc.training._result import Metrics
from kernelc.training._source import Source, put, source


def evaluate(
    model: Callable,
    x: Float[np.ndarray, "n ..."] | Rows,
    y: Shaped[np.ndarray, "n ..."],
    state: Any = None,
    *,
    batch_size: int = 512,
    loss: Named | Loss = "cross_entropy",
) -> Metrics:
    """Mean loss and accuracy of a model on all n examples, the last partial batch included.

    Arguments:
        model: any callable pytree of one example, or with a method `batched`; it is put in
            inference mode (no dropout, running statistics in batch norm).
        x: examples, shape (n, ...), or those of a `Stream`, as they are without randomness.
        y: labels, integers of shape (n,); for `"squared_error"` also rows of targets.
        state: the state of a model that has one; its initial state when None.
        batch_size: examples at a time; the result does not depend on it but for rounding.
        loss: as in `fit`.

    Returns: `Metrics` with loss, accuracy (NaN where y is no label) and count n.

    Raises: DataError when data and model do not fit each other.

    Example:
        >>> metrics = evaluate(lambda x: x, np.eye(3), np.arange(3), batch_size=2)
        >>> metrics.accuracy, metrics.count
        (1.0, 3)
    """
    x, y = check_either(x, y, "evaluate")
    batch_size = check_batch(min(batch_size, len(x)), len(x))
    function = resolve(loss)
    state = initial_state(model, state)
    check_model(model, state, shown(x, 1), y, function)
    return measure(model, state, source(x, y), batch_size, function)


def measure(
    model: PyTree, state: Any, data: Source, batch_size: int, loss: Loss, limit: int | None = None
) -> Metrics:
    """`evaluate` on checked data; `limit` takes the first examples only."""
    count = len(data) if limit is None else min(limit, len(data))
    batch_size = min(batch_size, count)
    totals = []
    for start in range(0, count, batch_size):
        asked = np.arange(start, start + batch_size, dtype=np.int32)
        # One shape for all batches: the last is filled up with examples that weigh nothing.
        x, y, rows = data.hand_over(np.minimum(asked, count - 1)[None])
        totals.append(_sums(model, state, loss, x, y, rows[0], put(asked < count, None)))
        # A host that makes batches faster than the device takes them would fill its memory.
        jax.block_until_ready(totals[-2:-1])
    sums = [(float(total), int(hits)) for total, hits in totals]
    accuracy = sum(hits for _, hits in sums) / count if data.labelled else float("nan")
    return Metrics(sum(total for total, _ in sums) / count, accuracy, count)


@eqx.filter_jit
def _sums(
    model: PyTree,
    state: Any,
    loss: Loss,
    x: Array,
    y: Array,
    rows: Int[Array, " batch"],
    weighs: Bool[Array, " batch"],
) -> tuple[Float[Array, ""], Int[Array, ""]]:
    x, y = (jnp.take(part, rows, axis=0, mode="clip") for part in (x, y))
    logits, _ = apply(eqx.nn.inference_mode(model), x, state, None)
    total = jnp.sum(jnp.where(weighs, loss(logits, y), 0.0))
    return total, jnp.sum(right(logits, y) & weighs)
