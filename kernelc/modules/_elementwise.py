"""Elementwise: an activation with the four constants that shape it."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
from jaxtyping import Array, PRNGKeyArray

from ._layer import LayerModule, only
from ._precision import as_dtype


class Elementwise(LayerModule):
    """γ(φ(αx + β) + δ), entry by entry and in the dtype of x (Martens et al. 2021).

    Arguments:
        phi: an elementwise function of one array; a module-level function, so that two models
            built alike share compiled code.
        alpha, beta, gamma, delta: the constants, not trained.

    Example:
        >>> import jax.numpy as jnp
        >>> Elementwise(jnp.abs, gamma=2.0)((jnp.array([[-1.0, 3.0]]),))[0].tolist()
        [[2.0, 6.0]]
    """

    phi: Callable[[Array], Array] = eqx.field(static=True)
    # Python floats, because they are weakly typed: they never promote the dtype of x.
    alpha: float = eqx.field(static=True, converter=float, default=1.0)
    beta: float = eqx.field(static=True, converter=float, default=0.0)
    gamma: float = eqx.field(static=True, converter=float, default=1.0)
    delta: float = eqx.field(static=True, converter=float, default=0.0)

    def __call__(
        self,
        inputs: tuple[Array, ...],
        state: eqx.nn.State | None = None,
        key: PRNGKeyArray | None = None,
        axis_name: str | None = None,
    ) -> tuple[Array, eqx.nn.State | None]:
        x = only("Elementwise", inputs)
        y = as_dtype(self.phi(self.alpha * x + self.beta), x.dtype)
        return self.gamma * (y + self.delta), state
