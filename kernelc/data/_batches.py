"""The order of training examples, as a pure function of seed and step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Int

from kernelc._arguments import integer
from kernelc._limits import LARGEST_INTEGER


# Beyond the words of any key of JAX, which seeds are made of.
_LARGEST_SEED = 2**256


# Steps are asked for in order, so the current epoch and the next are all a run needs;
# a few more let several runs over the same data share their permutations.
@lru_cache(maxsize=8)
def _epoch_order(n: int, seed: int, epoch: int) -> Int[np.ndarray, " n"]:
    order = np.random.default_rng((seed, epoch)).permutation(n).astype(np.int32)
    order.flags.writeable = False
    return order


def batch_indices(n: int, batch_size: int, seed: int, step: int) -> Int[np.ndarray, " batch"]:
    """Indices of the examples that step `step` trains on.

    Every epoch is a fresh permutation of the n examples, drawn without replacement from
    (seed, epoch), cut into n // batch_size batches; the n % batch_size examples left over are
    dropped for that epoch (another permutation drops others). Nothing but the arguments
    matters, so a run can be resumed or repeated from any step.

    Arguments:
        n: number of examples.
        batch_size: examples in a batch, 1 to n.
        seed: non-negative seed of the order.
        step: the step, counted from 0.

    Returns: int32 indices of shape (batch_size,), read-only.

    Raises: DataError when a number is out of its range.

    Example:
        >>> first, second = batch_indices(6, 3, seed=0, step=0), batch_indices(6, 3, 0, 1)
        >>> sorted({*first.tolist(), *second.tolist()})
        [0, 1, 2, 3, 4, 5]
    """
    n = integer(n, "batch_indices: n")
    batch_size = integer(batch_size, "batch_indices: batch_size", most=n)
    seed = integer(seed, "batch_indices: seed", least=0, most=_LARGEST_SEED)
    step = integer(step, "batch_indices: step", least=0, most=LARGEST_INTEGER)
    epoch, batch = divmod(step, n // batch_size)
    order = _epoch_order(n, seed, epoch)
    return order[batch * batch_size : (batch + 1) * batch_size]
