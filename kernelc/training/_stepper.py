"""What the loop asks of an optimizer, and the answer for those of Optax."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Shaped

from kernelc._errors import DataError
from kernelc.training._forms import check_forms
from kernelc.training._losses import Loss
from kernelc.training._source import put
from kernelc.training._step import Batches, Fixed, Packed, advance


class Stepper(Protocol):
    """Runs the steps of one training run.

    All that changes from step to step is in the carry, and a run is a function of it, of the
    seed and of the data: a carry that was stored can be taken up again.
    """

    @property
    def rest(self) -> PyTree:
        """What of the model is not trained."""
        ...

    def start(self, params: PyTree, state: PyTree, x: np.ndarray, y: np.ndarray) -> PyTree:
        """The optimizer's state before the first step, a pytree of arrays.

        Arguments:
            params, state: what training starts from.
            x, y: examples and targets of the shape and dtype of one batch.
        """
        ...

    def advance(
        self,
        x: Shaped[Array, "n ..."],
        y: Shaped[Array, "n ..."],
        rows: Int[Array, "chunk batch"],
        count: int,
        carry: Packed,
    ) -> tuple[Packed, int, np.ndarray, np.ndarray]:
        """Runs up to `count` steps; deletes the buffers of the carry.

        Arguments:
            x, y: examples and targets.
            rows: which of them each batch takes; the first `count` rows are meant.
            count: how many steps to run; fewer run when a loss is not finite.
            carry: where to start.

        Returns: the carry after the steps, how many ran, and the loss and the number of right
            answers of each.
        """
        ...


@dataclass(frozen=True, eq=False)
class OptaxStepper:
    """Several steps in one dispatch, each a gradient and an Optax update.

    Arguments:
        rest: what of the model is not trained.
        optimizer: the transformation of gradients.
        loss: one number per example.
        key: randomness of the model, by step.
        everywhere, batches: where numbers and batches are placed on a mesh, if there is one.
        adjust: changes the optimizer's initial state.
    """

    rest: PyTree
    optimizer: optax.GradientTransformation
    loss: Loss
    key: PRNGKeyArray
    everywhere: NamedSharding | None = None
    batches: NamedSharding | None = None
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state

    def start(self, params: PyTree, state: PyTree, x: np.ndarray, y: np.ndarray) -> PyTree:
        if not callable(getattr(self.optimizer, "init", None)):
            raise DataError(
                where="optimizer",
                found=type(self.optimizer).__name__,
                law="An optimizer is an Optax gradient transformation, or kernelc.kfac()",
                remedy="Pass for example optax.adam(1e-3)",
            )
        check_forms(self.optimizer, params)
        return self.adjust(self.optimizer.init(params))

    def advance(
        self,
        x: Shaped[Array, "n ..."],
        y: Shaped[Array, "n ..."],
        rows: Int[Array, "chunk batch"],
        count: int,
        carry: Packed,
    ) -> tuple[Packed, int, np.ndarray, np.ndarray]:
        quota = put(jnp.asarray(count, jnp.int32), self.everywhere)
        carry, ran, losses, right = advance(self._fixed, Batches(x, y, rows, quota), carry)
        ran = int(ran)
        return carry, ran, np.asarray(losses)[:ran], np.asarray(right)[:ran]

    @functools.cached_property
    def _fixed(self) -> Packed:
        fixed = Fixed(self.rest, self.optimizer, self.loss, self.key, self.batches)
        return Packed(*jax.tree.flatten(fixed))
