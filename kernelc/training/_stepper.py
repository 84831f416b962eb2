"""The steps of a run: those of Optax, and the choice between them and K-FAC."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import NamedSharding
from jaxtyping import Array, Int, PRNGKeyArray, PyTree, Shaped

from .._errors import DataError
from ..curvature import KFAC
from ..data import Targets
from ._kfac_stepper import KfacStepper
from ._losses import Loss
from ._optimizers import check_forms
from ._settings import Optimizer
from ._source import put
from ._step import Advanced, Batches, Fixed, Packed, advance


@dataclass(frozen=True, eq=False)
class OptaxStepper:
    """Several steps in one dispatch, each a gradient and an Optax update.

    All that changes from step to step is in the carry, and a run is a function of it, of the
    seed and of the data: a carry that was stored can be taken up again. `rest` is what of the
    model is not trained, `key` the randomness of the model by step; `everywhere` and `batches` are
    where numbers and batches are placed on a mesh, if there is one.
    """

    rest: PyTree
    optimizer: optax.GradientTransformation
    loss: Loss
    key: PRNGKeyArray
    everywhere: NamedSharding | None = None
    batches: NamedSharding | None = None
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state

    def start(self, params: PyTree, state: PyTree, x: np.ndarray, y: Targets) -> PyTree:
        """The optimizer's state before the first step, a pytree of arrays.

        Arguments:
            params, state: what training starts from.
            x, y: examples and targets of the shape and dtype of one batch.
        """
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
        y: PyTree,
        rows: Int[Array, "chunk batch"],
        count: int,
        carry: Packed,
    ) -> Advanced:
        """Runs up to `count` steps; deletes the buffers of the carry.

        Arguments:
            x, y: examples and targets.
            rows: which of them each batch takes; the first `count` rows are meant.
            count: how many steps to run; fewer run when a loss is not finite.
            carry: where to start.
        """
        quota = put(jnp.asarray(count, jnp.int32), self.everywhere)
        carry, ran, losses, right = advance(self._fixed, Batches(x, y, rows, quota), carry)
        ran = int(ran)
        return Advanced(carry, np.asarray(losses)[:ran], np.asarray(right)[:ran])

    @functools.cached_property
    def _fixed(self) -> Packed:
        fixed = Fixed(self.rest, self.optimizer, self.loss, self.key, self.batches)
        return Packed(*jax.tree.flatten(fixed))


Stepper = OptaxStepper | KfacStepper


def stepper_for(
    rest: PyTree,
    optimizer: Optimizer,
    loss: Loss,
    key: PRNGKeyArray,
    everywhere: NamedSharding | None = None,
    batches: NamedSharding | None = None,
    adjust: Callable[[PyTree], PyTree] = lambda opt_state: opt_state,
) -> Stepper:
    """The steps of an optimizer; arguments as for `OptaxStepper`."""
    if isinstance(optimizer, KFAC):
        return KfacStepper(rest, optimizer, loss, key, batches)
    return OptaxStepper(rest, optimizer, loss, key, everywhere, batches, adjust)
