"""Where batches are gathered from: the device when the data fits there, else the host."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, Shaped


# Up to this size the data is copied to the device once. One gigabyte holds CIFAR-10 in
# float32, and is little beside the memory of any accelerator.
_RESIDENT = 2**30
# What one transfer of batches may weigh when the data stays on the host.
_TRANSFER = 2**26


@dataclass(frozen=True, eq=False)
class Source:
    """Examples and targets of one part of the data, and whether they live on the device."""

    x: Shaped[np.ndarray, "n ..."] | Shaped[Array, "n ..."]
    y: Shaped[np.ndarray, "n ..."] | Shaped[Array, "n ..."]
    placement: NamedSharding | None
    resident: bool

    @staticmethod
    def of(x: np.ndarray, y: np.ndarray, placement: NamedSharding | None = None) -> Source:
        """The source of these arrays, copied to the device when they fit."""
        if x.nbytes > _RESIDENT:
            return Source(x, y, placement, False)
        return Source(put(x, placement), put(y, placement), placement, True)

    def __len__(self) -> int:
        return len(self.x)

    def chunk(self, batch_size: int, most: int) -> int:
        """How many batches to hand over at once, at most `most`."""
        if self.resident:
            return most
        return max(1, min(most, _TRANSFER // (batch_size * self.x[0].nbytes)))

    def hand_over(
        self, rows: Int[np.ndarray, "count batch"]
    ) -> tuple[Array, Array, Int[Array, "count batch"]]:
        """Arrays x and y, and the rows of them that hold the asked examples."""
        if not self.resident:
            x, y = np.asarray(self.x)[rows.ravel()], np.asarray(self.y)[rows.ravel()]
            local = np.arange(rows.size, dtype=np.int32).reshape(rows.shape)
            return put(x, self.placement), put(y, self.placement), put(local, self.placement)
        return jnp.asarray(self.x), jnp.asarray(self.y), put(rows, self.placement)


def put(tree, placement: NamedSharding | None):
    """The arrays of a tree on the device, copied to every device of the placement's mesh."""
    return jax.device_put(tree) if placement is None else jax.device_put(tree, placement)
