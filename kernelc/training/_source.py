"""Where batches come from: arrays on the device or on the host, or examples made on demand."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jaxtyping import Array, Float, Int, PyTree, Shaped

from ..data import Rows, Targets, batch_indices


# Up to this size the data is copied to the device once. One gigabyte holds CIFAR-10 in
# float32, and is little beside the memory of any accelerator.
_RESIDENT = 2**30
# Bytes in one transfer of batches when the data stays on the host.
_TRANSFER = 2**26
# Separates the randomness of examples from that of their order, drawn from (seed, epoch).
_EXAMPLES = 1

Batches = tuple[Array, Any, Int[Array, "count batch"]]
"""Arrays x and y, and the rows of them that each batch takes."""


@dataclass(frozen=True)
class Order:
    """What each step of a run trains on: `count` examples in batches, by seed and step."""

    count: int
    batch_size: int
    seed: int
    steps: int

    def rows(self, step: int) -> Int[np.ndarray, " batch"]:
        """The rows of one step."""
        return batch_indices(self.count, self.batch_size, self.seed, step)

    def draw(self, step: int) -> np.random.Generator:
        """The randomness that examples of one step may be altered with."""
        return np.random.default_rng((self.seed, step, _EXAMPLES))


@dataclass(eq=False)
class Held:
    """Examples and targets of one part of the data as arrays, `resident` ones on the device."""

    x: Shaped[np.ndarray, "n ..."] | Shaped[Array, "n ..."]
    y: Targets
    placement: NamedSharding | None
    resident: bool

    def __len__(self) -> int:
        return len(self.x)

    def chunk(self, batch_size: int, most: int) -> int:
        """How many batches to hand over at once, at most `most`."""
        return most if self.resident else _transferred(batch_size * self.x[0].nbytes, most)

    def hand_over(self, rows: Int[np.ndarray, "count batch"]) -> Batches:
        """These examples as they are."""
        if not self.resident:
            x, y = np.asarray(self.x)[rows.ravel()], self.y[rows.ravel()]
            return _batches(x, y, np.arange(rows.size).reshape(rows.shape), self.placement)
        y = jax.tree.map(jnp.asarray, self.y)
        return jnp.asarray(self.x), y, put(rows, self.placement)

    def train_on(self, order: Order, first: int, count: int, chunk: int) -> Batches:
        """What `count` steps from step `first` train on; arrays as for `chunk` steps."""
        rows = np.zeros((chunk, order.batch_size), np.int32)
        for offset in range(count):
            rows[offset] = order.rows(first + offset)
        return self.hand_over(rows)

    def close(self) -> None:
        """Ends what runs in the background."""


class Made:
    """Examples made on demand: those of the next steps while the current ones run.

    Grain is not used: order and randomness are functions of the step already, so a loader would
    add only the thread, and it depends on more packages (array_record, protobuf, portpicker).
    """

    def __init__(self, x: Rows, y: Targets, placement: NamedSharding | None) -> None:
        self.placement = placement
        self._x, self.y = x, y
        # One thread: a reader that needs more has its own threads, as that of ImageNet.
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: dict[int, Future[Float[np.ndarray, "batch ..."]]] = {}

    def __len__(self) -> int:
        return len(self._x)

    def chunk(self, batch_size: int, most: int) -> int:
        return _transferred(batch_size * 4 * int(np.prod(self._x.shape[1:])), most)

    def hand_over(self, rows: Int[np.ndarray, "count batch"]) -> Batches:
        # The last batch of an evaluation is filled up with one row, which is made once.
        asked, places = np.unique(rows, return_inverse=True)
        x = _filled([self._x.take(asked)], rows.size)
        y = _filled_targets([self.y[asked]], rows.size)
        return _batches(x, y, places.reshape(rows.shape), self.placement)

    def train_on(self, order: Order, first: int, count: int, chunk: int) -> Batches:
        end = first + count
        # Examples of the next dispatch queue behind those of this one, and are made while it runs.
        self._begin(order, range(first, min(end + chunk, order.steps)))
        made = [self._ahead.pop(step).result() for step in range(first, end)]
        size = chunk * order.batch_size
        x = _filled(made, size)
        y = _filled_targets([self.y[order.rows(step)] for step in range(first, end)], size)
        return _batches(x, y, np.arange(size).reshape(chunk, order.batch_size), self.placement)

    def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        self._thread = None
        self._ahead.clear()

    def _begin(self, order: Order, steps: range) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="kernelc-data")
        for step in steps:
            if step not in self._ahead:
                made = self._thread.submit(self._x.take, order.rows(step), order.draw(step))
                self._ahead[step] = made


Source = Held | Made


def source(x: np.ndarray | Rows, y: Targets, placement: NamedSharding | None = None) -> Source:
    """The source of these examples and targets; arrays are copied to the device when they fit."""
    if isinstance(x, Rows):
        return Made(x, y, placement)
    if x.nbytes > _RESIDENT:
        return Held(x, y, placement, False)
    return Held(put(x, placement), put(y, placement), placement, True)


def _filled(parts: list[np.ndarray], size: int) -> np.ndarray:
    """The parts in one array of `size` rows, so that one compilation serves any number of them."""
    if len(parts) == 1 and len(parts[0]) == size:
        return parts[0]
    out = np.zeros((size, *parts[0].shape[1:]), parts[0].dtype)
    start = 0
    for part in parts:
        out[start : start + len(part)] = part
        start += len(part)
    return out


def _filled_targets(parts: list[Targets], size: int) -> Targets:
    return jax.tree.map(lambda *arrays: _filled(list(arrays), size), *parts)


def _transferred(bytes_a_batch: int, most: int) -> int:
    return max(1, min(most, _TRANSFER // bytes_a_batch))


def _batches(
    x: np.ndarray, y: Targets, rows: np.ndarray, placement: NamedSharding | None
) -> Batches:
    return put(x, placement), put(y, placement), put(rows.astype(np.int32), placement)


def put(tree: PyTree, placement: NamedSharding | None) -> PyTree:
    """The arrays of a tree on the device, copied to every device of the placement's mesh."""
    return jax.device_put(tree) if placement is None else jax.device_put(tree, placement)
